"""Whether two paired samples spread equally."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ._posterior import ROUNDING


@dataclass(frozen=True)
class SpreadRatio:
    """How much more one paired sample spreads than the other.

    Parameters
    ----------
    ratio : float
        Standard deviation of the first over that of the second.
    low, high : float
        Confidence interval; NaN where there are fewer than three pairs, or a sample has no spread.
    p_value : float
        Two-sided p-value of "they spread equally"; NaN as the interval.

    Examples
    --------
    >>> from sk_warmstart.statistics import pitman_morgan
    >>> pitman_morgan([0.0, 1.0, 0.0, 1.0], [0.0, 2.0, 2.0, 0.0]).ratio
    0.5
    """

    ratio: float
    low: float
    high: float
    p_value: float


def pitman_morgan(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> SpreadRatio:
    """Compare the spreads of paired samples by the correlation of their sums and differences [1]_ [2]_.

    It is zero exactly where the variances are equal, whatever the pairs have in common.

    Parameters
    ----------
    first, second : array-like of shape (n_pairs,)
        The samples, such as scores of two arms in the same replicates.
    confidence : float, default=0.95
        Confidence of the interval.

    Returns
    -------
    SpreadRatio
        The ratio of the standard deviations, the interval of those ratios which the test does not reject, and the
        p-value of the ratio 1.

    Raises
    ------
    ValueError
        If lengths differ.

    References
    ----------
    .. [1] Pitman, "A Note on Normal Correlation", Biometrika 31, 1939.
    .. [2] Morgan, "A Test for the Significance of the Difference Between the Two Variances in a Sample From a
       Normal Bivariate Population", Biometrika 31, 1939.

    Examples
    --------
    >>> from sk_warmstart.statistics import pitman_morgan
    >>> result = pitman_morgan([0.90, 0.91, 0.90, 0.91, 0.92], [0.85, 0.95, 0.90, 0.88, 0.94])
    >>> print(f"{result.ratio:.2f} [{result.low:.2f}, {result.high:.2f}], p = {result.p_value:.3f}")
    0.20 [0.07, 0.61], p = 0.011
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"first and second must be samples of as many values, got shapes {x.shape} and {y.shape}")
    n, nan = len(x), float("nan")
    if n < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return SpreadRatio(nan, nan, nan, nan)
    one, other = _spread(x), _spread(y)
    if n < 3 or not one or not other:
        ratio = one / other if other else (np.inf if one else nan)
        return SpreadRatio(ratio, nan, nan, nan)
    ratio = one / other
    common = min(1.0, abs(float(np.cov(x, y)[0, 1])) / (one * other))
    unlike = 1 - common**2
    # The t statistic of the correlation of sums and differences, in terms of the samples' own.
    gap = abs(ratio - 1 / ratio) / 2
    statistic = gap * np.sqrt((n - 2) / unlike) if unlike > 0 else (np.inf if gap > ROUNDING else 0.0)
    middle = 1 + 2 * unlike * stats.t.ppf(0.5 + confidence / 2, n - 2) ** 2 / (n - 2)
    factor = float(np.sqrt(middle + np.sqrt(middle**2 - 1)))
    return SpreadRatio(ratio, ratio / factor, ratio * factor, float(2 * stats.t.sf(statistic, n - 2)))


def _spread(values: np.ndarray) -> float:
    """The standard deviation, where it is more than rounding."""
    spread = float(values.std(ddof=1))
    return spread if spread > ROUNDING * max(1.0, float(np.abs(values).max())) else 0.0
