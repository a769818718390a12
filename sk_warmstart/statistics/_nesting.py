"""Means of the runs of each replicate: what is nested in a replicate is averaged, not counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def replicate_means(values: ArrayLike, replicate: ArrayLike) -> NDArray[np.float64]:
    """Average runs within replicates.

    Phases of the same stream share what varies most. Pooled as if they were replicates they make any test too
    sure [1]_.

    Parameters
    ----------
    values : array-like of shape (n_runs,)
        One value a run. NaN stays NaN in its replicate: nothing is dropped in silence.
    replicate : array-like of shape (n_runs,)
        The replicate that each run belongs to.

    Returns
    -------
    ndarray of shape (n_replicates,)
        One mean a replicate, in the order of their sorted labels.

    Raises
    ------
    ValueError
        If there is not one label for each value.

    References
    ----------
    .. [1] Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021.

    Examples
    --------
    Two replicates, of two phases and of one:

    >>> from sk_warmstart.statistics import replicate_means
    >>> replicate_means([0.1, 0.3, 0.5], [1, 1, 2]).tolist()
    [0.2, 0.5]
    """
    v, labels = np.asarray(values, dtype=float), np.asarray(replicate)
    if labels.shape != v.shape:
        raise ValueError(f"replicate must have one label for each of the {v.size} values, got {labels.size}")
    codes = np.unique(labels, return_inverse=True)[1].ravel()  # NumPy 2.0.0 alone gives it the axes of its input
    return np.bincount(codes, weights=v) / np.bincount(codes)
