"""From runs to replicates: what is nested in a replicate is averaged, not counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def replicate_means(values: ArrayLike, *levels: ArrayLike) -> NDArray[np.float64]:
    """Average runs within replicates, from the innermost level outwards.

    Seeds on the same fold, and phases of the same stream, share what varies most. Pooled as if they were
    replicates they make any test too sure [1]_.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        One value a run. NaN stays NaN in its replicate: nothing is dropped in silence.
    *levels : array-like of shape (n_runs,)
        What each run belongs to, the replicate first, then what is nested in it: ``fold, seed, phase``. Each
        member of a level weighs the same, however many runs it has.

    Returns
    -------
    ndarray of shape (n_replicates,)
        One mean a replicate, in the order of their sorted labels.

    Raises
    ------
    ValueError
        If there is no level, or one has another length.

    References
    ----------
    .. [1] Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021.

    Examples
    --------
    Two folds with two seeds each; the second seed of the first fold ran twice:

    >>> from sk_warmstart.statistics import replicate_means
    >>> replicate_means([0.1, 0.2, 0.4, 0.5, 0.5], [1, 1, 1, 2, 2], [1, 2, 2, 1, 2]).round(3).tolist()
    [0.2, 0.5]
    """
    if not levels:
        raise ValueError("replicate_means needs at least one level: the replicate that each run belongs to")
    v = np.asarray(values, dtype=float)
    keys = [_codes(level, v.shape) for level in levels]
    while True:
        places, run = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)
        run = run.ravel()  # NumPy 2.0.0 alone gives it the axes of its input
        v = np.bincount(run, weights=v) / np.bincount(run)
        if len(keys) == 1:
            return v
        keys = list(places.T[:-1])


def _codes(level: Any, shape: tuple[int, ...]) -> NDArray[np.intp]:
    codes = pd.factorize(np.asarray(level), sort=True)[0]
    if codes.shape != shape:
        raise ValueError(f"each level must have one label for each of the values, got {len(codes)} for {shape[0]}")
    return codes
