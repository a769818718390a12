"""How many pairs a test needs."""

from __future__ import annotations

import math
from typing import Literal

from scipy import stats

_FACTORS = {"sign": 4.0, "wilcoxon": 3.0, "mann-whitney": 6.0}


def noether_pairs(
    probability: float = 0.75,
    alpha: float = 0.05,
    power: float = 0.95,
    test: Literal["sign", "wilcoxon", "mann-whitney"] = "sign",
    two_sided: bool = False,
) -> int:
    """Return the number of pairs with which a rank test finds a difference [1]_.

    Parameters
    ----------
    probability : float, default=0.75
        What is to be told from one half: ``P(d > 0)`` for the sign test, ``P(d + d' > 0)`` of two pairs for
        Wilcoxon's signed ranks, ``P(A > B)`` of independent runs for that of Mann and Whitney.
    alpha : float, default=0.05
        Probability of a false alarm.
    power : float, default=0.95
        Probability of finding it.
    test : {"sign", "wilcoxon", "mann-whitney"}, default="sign"
        The test. For the last the number is that of runs of each arm, and the one that benchmarks of learning
        algorithms are planned with [2]_.
    two_sided : bool, default=False
        Whether either direction counts.

    Returns
    -------
    int
        ``N >= ((z_alpha + z_beta) / (probability - 1/2))**2 / c``, where c is 4, 3 and 6 for the three.

    Raises
    ------
    ValueError
        If the test is unknown, or a probability is not one, or is one half.

    See Also
    --------
    pairs_to_decide : Pairs that the Bayesian decision needs.

    References
    ----------
    .. [1] Noether, "Sample Size Determination for Some Common Nonparametric Tests", Journal of the American
       Statistical Association 82, 1987.
    .. [2] Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021: 29 at the
       defaults.

    Examples
    --------
    >>> from sk_warmstart.statistics import noether_pairs
    >>> noether_pairs(), noether_pairs(test="mann-whitney")
    (44, 29)
    """
    if test not in _FACTORS:
        raise ValueError(f"test must be one of {', '.join(map(repr, _FACTORS))}, got {test!r}")
    if not 0 < probability < 1 or probability == 0.5:
        raise ValueError(f"probability must be in (0, 1) and not 0.5, got {probability!r}")
    if not 0 < alpha < 0.5 or not 0.5 < power < 1:
        raise ValueError(f"alpha must be in (0, 0.5) and power in (0.5, 1), got {alpha!r} and {power!r}")
    z = stats.norm.isf(alpha / 2 if two_sided else alpha) + stats.norm.ppf(power)
    return math.ceil((z / (probability - 0.5)) ** 2 / _FACTORS[test])
