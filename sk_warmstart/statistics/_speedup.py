"""Effort to a target, and the geometric mean speed-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ._nesting import replicate_means
from ._posterior import ROUNDING, correlated_t

_ENOUGH = 3  # two logarithms give an interval of many powers of ten


@dataclass(frozen=True)
class Speedup:
    """How much faster an arm is.

    Parameters
    ----------
    speedup : float
        Geometric mean of the reference's effort over the arm's.
    low, high : float
        Confidence interval; NaN where there are too few replicates.
    p_value : float
        Two-sided p-value of "neither is faster"; NaN where there are too few replicates.
    median : float
        Median of the replicates' speed-ups.
    n_replicates : int
        Number of replicates.

    Examples
    --------
    >>> from sk_warmstart.statistics import geometric_speedup
    >>> result = geometric_speedup([400, 600, 500], [200, 200, 250])
    >>> round(result.speedup, 2), round(result.p_value, 3)
    (2.29, 0.026)
    """

    speedup: float
    low: float
    high: float
    p_value: float
    median: float
    n_replicates: int


def geometric_speedup(
    reference: ArrayLike,
    arm: ArrayLike,
    replicate: ArrayLike | None = None,
    confidence: float = 0.95,
    pooled: bool = False,
) -> Speedup:
    """Estimate the geometric mean speed-up from paired runs, on logarithms [1]_.

    The logarithm makes twice as fast and twice as slow equally far from none. Each run needs an effort: that until
    a target which both runs of the pair reached (:func:`effort_to_target`), or that within a budget.

    Parameters
    ----------
    reference, arm : array-like of shape (n_runs,)
        Effort (samples, seconds) in paired runs.
    replicate : array-like of shape (n_runs,), default=None
        Replicate of each run; one run each by default. Those of one replicate are one observation.
    confidence : float, default=0.95
        Confidence of the interval.
    pooled : bool, default=False
        Take the ratio of the sums of a replicate's efforts, as is due where some spent their budget in vain,
        rather than the geometric mean of its ratios.

    Returns
    -------
    Speedup
        ``exp`` of the mean of the replicates' log ratios, and of their t interval. Where all replicates are equal,
        which tells no spread, the p-value is that of the exact test by flipping signs, ``2**(1 - n)``, and there
        is an interval, of this one number, where that is at most ``1 - confidence``.

    Raises
    ------
    ValueError
        If an effort is not above 0, or lengths differ.

    References
    ----------
    .. [1] Fleming and Wallace, "How Not to Lie with Statistics: The Correct Way to Summarize Benchmark
       Results", Communications of the ACM 29, 1986.

    Examples
    --------
    >>> from sk_warmstart.statistics import geometric_speedup
    >>> result = geometric_speedup([400, 500, 450, 800], [100, 250, 150, 200])
    >>> print(f"{result.speedup:.2f} [{result.low:.2f}, {result.high:.2f}]")
    3.13 [1.86, 5.27]
    """
    c, a = np.asarray(reference, dtype=float), np.asarray(arm, dtype=float)
    if c.ndim != 1 or c.shape != a.shape or not c.size:
        raise ValueError(f"efforts must come in pairs, and at least one, got shapes {c.shape} and {a.shape}")
    if not ((c > 0) & (a > 0)).all():
        raise ValueError("efforts must be above 0: count at least the finest step that is measured")
    if replicate is None:
        logs = np.log(c) - np.log(a)
    elif pooled:
        logs = np.log(replicate_means(c, replicate)) - np.log(replicate_means(a, replicate))
    else:
        logs = replicate_means(np.log(c) - np.log(a), replicate)
    low, high, p_value = np.nan, np.nan, np.nan
    posterior, n = correlated_t(logs), len(logs)
    with np.errstate(over="ignore"):
        if np.ptp(logs) <= ROUNDING * max(1.0, float(np.abs(logs).max())):
            p_value = 2.0 ** (1 - n) if posterior.mean else 1.0
            if posterior.mean == 0 or p_value <= 1 - confidence:
                low = high = np.exp(posterior.mean)
        elif n >= _ENOUGH:
            low, high = np.exp(posterior.interval(confidence))
            p_value = posterior.p_value
        return Speedup(
            speedup=float(np.exp(posterior.mean)),
            low=float(low),
            high=float(high),
            p_value=float(p_value),
            median=float(np.exp(np.median(logs))),
            n_replicates=n,
        )


def effort_to_target(efforts: ArrayLike, scores: ArrayLike, target: float, least: float = 0.0) -> float:
    """Return the first effort whose score reaches a target.

    Parameters
    ----------
    efforts : array-like of shape (n_epochs,)
        Effort until each score, in ascending order.
    scores : array-like of shape (n_epochs,)
        The scores; greater is better. NaN reaches nothing.
    target : float
        The target, which a score reaches that falls short by no more than rounding.
    least : float, default=0.0
        The finest effort that is measured: whatever is reached sooner counts as much.

    Returns
    -------
    float
        The effort; NaN where no score reaches the target.

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> from sk_warmstart.statistics import effort_to_target
    >>> effort_to_target([0, 100, 200, 300], [0.2, 0.7, 0.9, 0.8], target=0.8, least=100)
    200.0
    """
    e, s = np.asarray(efforts, dtype=float), np.asarray(scores, dtype=float)
    if e.ndim != 1 or e.shape != s.shape:
        raise ValueError(f"there must be one effort for each score, got shapes {e.shape} and {s.shape}")
    reached = s >= target - ROUNDING * max(1.0, abs(target))
    return max(float(e[reached.argmax()]), float(least)) if reached.any() else float("nan")
