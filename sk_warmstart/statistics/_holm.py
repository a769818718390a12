"""Holm's adjustment of p-values for several arms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values of several arms that are compared with one reference [1]_.

    Parameters
    ----------
    p_values : array-like of shape (n_arms,)
        One each; NaN where there is none, such as for the reference itself.

    Returns
    -------
    ndarray of shape (n_arms,)
        Adjusted ones, in the same order: rejecting those of at most alpha keeps the probability of any false
        rejection at alpha. ``max_{k <= j} min(1, (m - k + 1) * p_(k))`` for the j-th smallest of m.

    Raises
    ------
    ValueError
        If one is not in [0, 1].

    References
    ----------
    .. [1] Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics
       6, 1979.

    Examples
    --------
    >>> from sk_warmstart.statistics import holm
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    given = np.flatnonzero(~np.isnan(p))
    if ((p[given] < 0) | (p[given] > 1)).any():
        raise ValueError("p_values must be in [0, 1]")
    order = given[np.argsort(p[given], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted
