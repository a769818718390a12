"""H-score of features for a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf

from ..._parameters import check_option
from .._inputs import as_class_codes, as_table
from .._measuring import Rows


def h_score(features: Rows, y: Any, *, shrinkage: str | None = "ledoit_wolf") -> float:
    r"""Compute the H-score: the spread of the classes' mean features against the spread of the features.

    :math:`\mathrm{tr}(\mathrm{cov}(f)^{-1} \mathrm{cov}(E[f | y]))`; with shrinkage the covariance is that of
    Ledoit and Wolf and the second factor is multiplied by one minus its shrinkage. Both covariances divide by the
    number of rows. Higher is better; only scores of the same labels compare.

    Parameters
    ----------
    features : Tensor or ndarray of shape (n_samples, n_features)
        What the network in question gives to its head, at least 2 rows.
    y : array-like of shape (n_samples,)
        Labels, of any kind; at least two classes.
    shrinkage : {"ledoit_wolf"} or None, default="ledoit_wolf"
        How the covariance is estimated. None takes the empirical one, which flatters wide features on few rows.

    Returns
    -------
    float
        The score, between 0 and the smaller of the numbers of features and of classes less one.

    Raises
    ------
    ValueError
        If features are not a table of finite numbers, y does not match or has a single class, or ``shrinkage`` is
        unknown.

    References
    ----------
    .. [1] Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP
       2019, definition 2.
    .. [2] Ibrahim, Ponomareva and Mazumder, "Newer is not always better: Rethinking transferability metrics,
       their peculiarities, stability and performance", 2021, arXiv:2110.06893.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.diagnostics import h_score
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=100)
    >>> useful, useless = y[:, None] + 0.3 * rng.normal(size=(100, 4)), rng.normal(size=(100, 4))
    >>> h_score(useful, y) > h_score(useless, y)
    True
    """
    if shrinkage is not None:
        check_option("shrinkage", shrinkage, ("ledoit_wolf",))
    table = as_table(features, "features", min_rows=2)
    codes = as_class_codes(y, "y", len(table))
    centred = table - table.mean(axis=0)
    sums = np.zeros((codes.max() + 1, table.shape[1]))
    np.add.at(sums, codes, centred)
    sizes = np.bincount(codes)
    means = sums / sizes[:, None]
    between = (means * sizes[:, None]).T @ means / len(table)
    if shrinkage is None:
        covariance, kept = centred.T @ centred / len(table), 1.0
    else:
        fitted = LedoitWolf(assume_centered=True).fit(centred)
        covariance, kept = fitted.covariance_, 1 - fitted.shrinkage_
    # The cut-off of a matrix rank: a dead or doubled unit leaves rounding that an inverse would blow up.
    inverse = np.linalg.pinv(covariance, rcond=np.finfo(np.float64).eps * max(table.shape), hermitian=True)
    return float(kept * np.sum(inverse * between))
