"""Tests beside the Bayesian decision: corrected t, sign flips, and Holm's adjustment for many arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ._posterior import correlated_t

Alternative = Literal["two-sided", "greater", "less"]
_EXACT = 15  # up to so many pairs all sign flips are counted


@dataclass(frozen=True)
class CorrectedT:
    """What the corrected t-test finds.

    Parameters
    ----------
    mean : float
        Mean of the differences.
    low, high : float
        Central confidence interval of it.
    statistic : float
        Student's t.
    df : int
        Its degrees of freedom.
    p_value : float
        Probability of at least such a statistic without a true difference; NaN where there are too few pairs.

    Examples
    --------
    >>> from sk_warmstart.statistics import corrected_t_test
    >>> test = corrected_t_test([0.02, 0.03, 0.01, 0.02], test_to_train=0.25)
    >>> test.low < test.mean < test.high, test.df
    (True, 3)
    """

    mean: float
    low: float
    high: float
    statistic: float
    df: int
    p_value: float


def corrected_t_test(
    differences: ArrayLike,
    test_to_train: float = 0.0,
    confidence: float = 0.95,
    alternative: Alternative = "two-sided",
) -> CorrectedT:
    """Test a mean of paired differences from overlapping training sets [1]_.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        One difference a replicate; other factors (phases, seeds) are averaged before.
    test_to_train : float, default=0.0
        Number of test rows by number of training rows; 0, where splits are fixed and only seeds vary, gives
        the plain paired t-test.
    confidence : float, default=0.95
        Confidence of the interval.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        What the mean is held to be against 0.

    Returns
    -------
    CorrectedT
        With ``t = mean / sqrt((1/n + n_test/n_train) * s**2)``: the corrected resampled t-test.

    Raises
    ------
    ValueError
        If the alternative is unknown.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.

    Examples
    --------
    >>> from sk_warmstart.statistics import corrected_t_test
    >>> result = corrected_t_test([0.02, 0.03, 0.01, 0.02], test_to_train=1 / 3)
    >>> round(result.statistic, 3), round(result.p_value, 3)
    (3.207, 0.049)
    """
    _check_alternative(alternative)
    posterior = correlated_t(differences, test_to_train)
    mean, scale, df = posterior.mean, posterior.scale, posterior.df
    low, high = posterior.interval(confidence)
    if np.isnan(scale):
        t, p = float("nan"), float("nan")
    else:
        # Equal differences leave no spread to measure them by: any mean but 0 is then certain.
        t = mean / scale if scale > 0 else float("inf") * np.sign(mean) if mean else 0.0
        if alternative == "two-sided":
            p = 2 * stats.t.sf(abs(t), df)
        else:
            p = stats.t.sf(t if alternative == "greater" else -t, df)
    return CorrectedT(mean, float(low), float(high), float(t), df, float(p))


def sign_flip_test(
    differences: ArrayLike, alternative: Alternative = "two-sided", n_resamples: int = 9999, rng: Any = 0
) -> float:
    """Test paired differences by flipping their signs [1]_.

    Without a true difference the two members of a pair could as well have changed places. The pairs must be
    independent: with splits that overlap, :func:`corrected_t_test` is the honest one.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        One difference a replicate.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        What the mean is held to be against 0.
    n_resamples : int, default=9999
        Number of random flips B where there are more than 15 pairs; with fewer all ``2**n`` are counted.
    rng : numpy.random.Generator or int, default=0
        Source of random flips.

    Returns
    -------
    float
        Share of the flips whose mean is at least as extreme: ``k / 2**n``, or ``(1 + k) / (1 + B)`` [2]_. NaN
        without pairs.

    Raises
    ------
    ValueError
        If the alternative is unknown, or there is no flip to draw.

    References
    ----------
    .. [1] Fisher, "The Design of Experiments", 1935, section 21.
    .. [2] Phipson and Smyth, "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics
       and Molecular Biology 9, 2010.

    Examples
    --------
    >>> from sk_warmstart.statistics import sign_flip_test
    >>> sign_flip_test([0.02, 0.03, 0.01, 0.02, 0.04], alternative="greater") == 1 / 32
    True
    """
    _check_alternative(alternative)
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples!r}")
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if not n or not np.isfinite(d).all():
        return float("nan")
    if n <= _EXACT:
        flips = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        extreme = _extreme(flips @ d, d, alternative)
        return float(extreme.mean())
    generator, k = np.random.default_rng(rng), 0
    rows = max(1, 2**22 // n)  # a few megabytes at a time
    for first in range(0, n_resamples, rows):
        flips = 1 - 2 * generator.integers(2, size=(min(rows, n_resamples - first), n), dtype=np.int8)
        k += int(_extreme(flips @ d, d, alternative).sum())
    return (1 + k) / (1 + n_resamples)


def _extreme(sums: NDArray, d: NDArray, alternative: Alternative) -> NDArray[np.bool_]:
    """Which sums are at least as extreme as the observed one, equal ones up to rounding included."""
    observed, rounding = float(d.sum()), 1e-12 * float(np.abs(d).sum())
    if alternative == "two-sided":
        return np.abs(sums) >= abs(observed) - rounding
    sign = 1 if alternative == "greater" else -1
    return sign * sums >= sign * observed - rounding


def _check_alternative(alternative: str) -> None:
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative must be 'two-sided', 'greater' or 'less', got {alternative!r}")


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
