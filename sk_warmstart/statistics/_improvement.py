"""Probability that one arm is better than the other in a pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Improvement:
    """How often one arm is better.

    Parameters
    ----------
    probability : float
        Share of the pairs in which it is, ties counted half.
    low, high : float
        Confidence interval of it.
    n_pairs : int
        Number of pairs.
    n_ties : int
        Number of ties among them.

    Examples
    --------
    >>> from sk_warmstart.statistics import probability_of_improvement
    >>> probability_of_improvement([0.02, 0.03, -0.01, 0.02]).probability
    0.75
    """

    probability: float
    low: float
    high: float
    n_pairs: int
    n_ties: int


def probability_of_improvement(
    differences: ArrayLike, test_to_train: float = 0.0, confidence: float = 0.95
) -> Improvement:
    """Estimate the probability that one arm beats the other in a pair [1]_.

    The interval is Wilson's [2]_; where all pairs agree, that of Clopper and Pearson [3]_, which is exact.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        The arm less the reference, one difference a replicate.
    test_to_train : float, default=0.0
        As in :func:`correlated_t`. Pairs that overlap count as fewer: as ``1 / (1/n + n_test/n_train)``, by
        which that correction makes the variance of a mean larger.
    confidence : float, default=0.95
        Confidence of the interval.

    Returns
    -------
    Improvement
        The estimate ``mean(I[d > 0] + I[d = 0] / 2)``; NaN without pairs.

    References
    ----------
    .. [1] Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021.
    .. [2] Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
       American Statistical Association 22, 1927.
    .. [3] Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
       Binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> from sk_warmstart.statistics import probability_of_improvement
    >>> better = probability_of_improvement([0.02, 0.03, -0.01, 0.0, 0.04])
    >>> better.probability, round(better.low, 3), round(better.high, 3)
    (0.7, 0.299, 0.927)
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if not n or np.isnan(d).any():
        nan = float("nan")
        return Improvement(nan, nan, nan, n, int((d == 0).sum()))
    p = float(np.heaviside(d, 0.5).mean())
    worth = 1 / (1 / n + test_to_train)
    if p in (0.0, 1.0):
        edge = float(((1 - confidence) / 2) ** (1 / worth))
        low, high = (edge, 1.0) if p else (0.0, 1 - edge)
    else:
        z = float(stats.norm.ppf(0.5 + confidence / 2))
        centre = (p + z**2 / (2 * worth)) / (1 + z**2 / worth)
        half = z * np.sqrt(p * (1 - p) / worth + z**2 / (4 * worth**2)) / (1 + z**2 / worth)
        low, high = float(centre - half), float(centre + half)
    return Improvement(p, low, high, n, int((d == 0).sum()))
