"""Bootstrap interval of the mean of paired differences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ._posterior import correlated_t


def paired_bootstrap(
    differences: ArrayLike, confidence: float = 0.95, n_resamples: int = 9999, rng: Any = 0
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean of paired differences, by SciPy's BCa method [1]_.

    Whole pairs are drawn again, so what the two members of a pair share cancels. The pairs must be
    independent; with splits that overlap, or fewer than about ten pairs, the interval is too narrow, and
    :func:`correlated_t` has the honest one.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        One difference a replicate.
    confidence : float, default=0.95
        Confidence of the interval.
    n_resamples : int, default=9999
        Number of draws.
    rng : numpy.random.Generator or int, default=0
        Source of the draws.

    Returns
    -------
    low : float
        Lower end of the interval; NaN where there are fewer than two differences, or all are
        equal. Where the correction is not defined, such as with very few draws, it is that of percentiles.
    high : float
        Upper end.

    Raises
    ------
    ValueError
        If there is nothing to draw.

    References
    ----------
    .. [1] Efron, "Better Bootstrap Confidence Intervals", Journal of the American Statistical Association 82,
       1987.

    Examples
    --------
    >>> from sk_warmstart.statistics import paired_bootstrap
    >>> low, high = paired_bootstrap([0.02, 0.03, 0.01, 0.02, 0.04, 0.01, 0.03, 0.02])
    >>> 0.01 < low < 0.0225 < high < 0.04
    True
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples!r}")
    d = np.asarray(differences, dtype=float)
    if np.isnan(correlated_t(d).scale):
        return float("nan"), float("nan")
    drawn: dict[str, Any] = {
        "n_resamples": n_resamples,
        "batch": max(1, 2**22 // len(d)),  # a few megabytes at a time
        "confidence_level": confidence,
        "vectorized": True,
        "random_state": np.random.default_rng(rng),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of draws that are all alike
        found = stats.bootstrap((d,), np.mean, method="BCa", **drawn)
        if np.isnan(tuple(found.confidence_interval)).any():
            drawn["n_resamples"] = 0  # those that were drawn are taken again
            found = stats.bootstrap((d,), np.mean, method="percentile", bootstrap_result=found, **drawn)
    low, high = found.confidence_interval
    return float(low), float(high)
