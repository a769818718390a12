"""Intervals from the replicates themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from ._posterior import correlated_t


def paired_bootstrap(
    differences: ArrayLike,
    confidence: float = 0.95,
    statistic: Callable[..., Any] = np.mean,
    n_resamples: int = 9999,
    method: Literal["bca", "percentile"] = "bca",
    rng: Any = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of a statistic of paired differences [1]_.

    Whole pairs are drawn again, so what the two members of a pair share cancels. The pairs must be
    independent; with splits that overlap, or fewer than about ten pairs, the interval is too narrow, and
    :func:`corrected_t_test` has the honest one.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        One difference a replicate.
    confidence : float, default=0.95
        Confidence of the interval.
    statistic : callable, default=numpy.mean
        Called as ``statistic(values, axis=-1)``.
    n_resamples : int, default=9999
        Number of draws.
    method : {"bca", "percentile"}, default="bca"
        Corrected for bias and acceleration, or plain percentiles. Where the correction is not defined, the
        percentiles are taken.
    rng : numpy.random.Generator or int, default=0
        Source of the draws.

    Returns
    -------
    low : float
        Lower end of the interval; NaN where there are fewer than two differences, or fewer than five and all
        equal.
    high : float
        Upper end.

    Raises
    ------
    ValueError
        If the method is unknown, or there is nothing to draw.

    References
    ----------
    .. [1] Efron, "Better Bootstrap Confidence Intervals", Journal of the American Statistical Association 82,
       1987: percentiles ``Phi(z0 + (z0 + z) / (1 - a * (z0 + z)))``.

    Examples
    --------
    >>> from sk_warmstart.statistics import paired_bootstrap
    >>> low, high = paired_bootstrap([0.02, 0.03, 0.01, 0.02, 0.04, 0.01, 0.03, 0.02])
    >>> 0.01 < low < 0.0225 < high < 0.04
    True
    """
    if method not in ("bca", "percentile"):
        raise ValueError(f"method must be 'bca' or 'percentile', got {method!r}")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples!r}")
    d = np.asarray(differences, dtype=float)
    scale = correlated_t(d).scale
    if np.isnan(scale):
        return float("nan"), float("nan")
    value = float(statistic(d, axis=-1))
    if scale == 0:
        return value, value
    drawn = _draws(d, statistic, n_resamples, np.random.default_rng(rng))
    z = ndtri(0.5 + np.array([-confidence, confidence]) / 2)
    levels = ndtr(z)
    if method == "bca":
        bias = ndtri(((drawn < value).mean() + (drawn <= value).mean()) / 2)
        acceleration = _acceleration(d, statistic)
        # All draws on one side, or a statistic that leaving one out does not move: nothing to correct by.
        if np.isfinite(bias) and np.isfinite(acceleration) and (acceleration * (bias + z) < 1).all():
            levels = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    low, high = np.quantile(drawn, levels)
    return float(low), float(high)


def _draws(d: NDArray, statistic: Callable[..., Any], n_resamples: int, rng: np.random.Generator) -> NDArray:
    rows = max(1, 2**22 // len(d))  # a few megabytes at a time
    sizes = [min(rows, n_resamples - first) for first in range(0, n_resamples, rows)]
    return np.concatenate([statistic(d[rng.integers(len(d), size=(size, len(d)))], axis=-1) for size in sizes])


def _acceleration(d: NDArray, statistic: Callable[..., Any]) -> float:
    """Skewness of the influence of the pairs, by leaving out one at a time."""
    left = np.array([float(statistic(np.delete(d, i), axis=-1)) for i in range(len(d))])
    influence = left.mean() - left
    squares = float((influence**2).sum())
    return float((influence**3).sum() / (6 * squares**1.5)) if squares > 0 else float("nan")
