"""Geometric mean speed-up, with runs that never reached the target censored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._nesting import replicate_means
from ._posterior import correlated_t

_ENOUGH = 3  # two logarithms give an interval of many powers of ten


@dataclass(frozen=True)
class Speedup:
    """How much faster an arm is.

    Parameters
    ----------
    speedup : float
        Geometric mean of the reference's effort over the arm's, censored runs at their bound.
    low, high : float
        Confidence interval; 0 or inf at an end that censored runs leave open, NaN at one that fewer than three
        replicates do not determine.
    bound : {"exact", "at most", "at least", "open"}
        What the number is: "at most" where runs of the arm did not reach the target, "at least" where runs of
        the reference did not, "open" where both happened, or neither reached it in the same run.
    median : float
        Median of the replicates' speed-ups, which a few censored ones do not touch; NaN where they do.
    n_replicates : int
        Number of replicates.
    reached_reference, reached_arm : float
        Shares of the runs that reached the target.

    Examples
    --------
    >>> from sk_warmstart.statistics import geometric_speedup
    >>> result = geometric_speedup([400, 600, 500], [200, 200, 250], [True] * 3, [True] * 3)
    >>> round(result.speedup, 2), result.bound
    (2.29, 'exact')
    """

    speedup: float
    low: float
    high: float
    bound: Literal["exact", "at most", "at least", "open"]
    median: float
    n_replicates: int
    reached_reference: float
    reached_arm: float


def geometric_speedup(
    reference: ArrayLike,
    arm: ArrayLike,
    reached_reference: ArrayLike | None = None,
    reached_arm: ArrayLike | None = None,
    replicate: ArrayLike | None = None,
    test_to_train: float = 0.0,
    confidence: float = 0.95,
) -> Speedup:
    """Estimate the geometric mean speed-up from paired runs, on logarithms [1]_, with censoring.

    The logarithm makes twice as fast and twice as slow equally far from none. A run that never reached the
    target counts as no faster than its partner, nor than the effort it spent, so that stopping short is never
    called fast. Where it spent at least as much as its partner, which equal budgets see to, this is a bound of
    what it would have taken; so is then the mean, and one end of its interval holds while the other is open.

    Parameters
    ----------
    reference, arm : array-like of shape (n_runs,)
        Effort (samples, seconds) until the target, or spent without reaching it, in paired runs.
    reached_reference, reached_arm : array-like of bool of shape (n_runs,), default=None
        Whether each run reached the target; all by default.
    replicate : array-like of shape (n_runs,), default=None
        Replicate of each run, over whose phases the logarithms are averaged; one run each by default.
    test_to_train : float, default=0.0
        As in :func:`correlated_t`.
    confidence : float, default=0.95
        Confidence of the interval.

    Returns
    -------
    Speedup
        ``exp(mean(log(reference) - log(arm)))``, its corrected t interval, and what kind of bound it is.

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
    >>> round(geometric_speedup([400, 500, 450], [100, 250, 150]).speedup, 2)
    2.88
    >>> censored = geometric_speedup([400, 500, 450], [100, 1000, 150], reached_arm=[True, False, True])
    >>> round(censored.speedup, 2), censored.bound, censored.low
    (1.82, 'at most', 0.0)
    """
    c, a = np.asarray(reference, dtype=float), np.asarray(arm, dtype=float)
    if c.ndim != 1 or c.shape != a.shape or not c.size:
        raise ValueError(f"efforts must come in pairs, and at least one, got shapes {c.shape} and {a.shape}")
    if not ((c > 0) & (a > 0)).all():
        raise ValueError("efforts must be above 0: count at least the finest step that is measured")
    c_reached, a_reached = _flags(reached_reference, c.shape), _flags(reached_arm, c.shape)
    logs = np.log(c) - np.log(a)
    logs = np.where(a_reached, logs, np.minimum(logs, 0.0))
    logs = np.where(c_reached, logs, np.maximum(logs, 0.0))
    # The true logarithms lie between these.
    least, most = np.where(a_reached, logs, -np.inf), np.where(c_reached, logs, np.inf)
    if replicate is not None:
        least, logs, most = (replicate_means(values, replicate) for values in (least, logs, most))
    posterior = correlated_t(logs, test_to_train)
    low, high = np.nan, np.nan
    with np.errstate(over="ignore"):
        if len(logs) >= _ENOUGH:
            low, high = np.exp(posterior.interval(confidence))
        below, above = np.isinf(least).any(), np.isinf(most).any()
        middle = float(np.median(least)), float(np.median(most))
        return Speedup(
            speedup=float(np.exp(posterior.mean)),
            low=0.0 if below else float(low),
            high=np.inf if above else float(high),
            bound="open" if below and above else "at most" if below else "at least" if above else "exact",
            median=float(np.exp(middle[0])) if middle[0] == middle[1] else float("nan"),
            n_replicates=len(logs),
            reached_reference=float(c_reached.mean()),
            reached_arm=float(a_reached.mean()),
        )


def _flags(reached: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    flags = np.ones(shape, dtype=bool) if reached is None else np.asarray(reached, dtype=bool)
    if flags.shape != shape:
        raise ValueError(f"there must be one answer for each of the {shape[0]} runs whether it reached the target")
    return flags
