"""Posterior of a mean difference of correlated replicates, its verdict, and how many pairs would decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ._decision import DecisionRule

_ENOUGH_EQUAL = 5


@dataclass(frozen=True)
class Posterior:
    """What is believed of a mean difference after seeing its replicates.

    Parameters
    ----------
    mean : float
        Mean of the differences.
    scale : float
        Scale of Student's t around it; 0 where all differences are equal, NaN where there are too few.
    df : int
        Degrees of freedom.

    Examples
    --------
    >>> from sk_warmstart.statistics import Posterior
    >>> posterior = Posterior(mean=0.02, scale=0.01, df=9)
    >>> low, high = posterior.interval(0.95)
    >>> print(f"{low:.4f} to {high:.4f}, below 0 with {posterior.below(0.0):.3f}")
    -0.0026 to 0.0426, below 0 with 0.038
    """

    mean: float
    scale: float
    df: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the central interval that holds the mean with a probability.

        Parameters
        ----------
        confidence : float
            The probability, in (0, 1).

        Returns
        -------
        tuple of (float, float)
            Its ends; NaN where there are too few differences.
        """
        half = self.scale * stats.t.ppf(0.5 + confidence / 2, self.df) if self.df > 0 else np.nan
        return self.mean - half, self.mean + half

    def below(self, bound: float) -> float:
        """Return the probability that the mean lies below a bound.

        Parameters
        ----------
        bound : float
            The bound.

        Returns
        -------
        float
            The probability; NaN where there are too few differences.
        """
        if not np.isfinite(self.scale):
            return float("nan")
        if self.scale == 0:
            return 0.5 if self.mean == bound else float(self.mean < bound)
        return float(stats.t.cdf((bound - self.mean) / self.scale, self.df))

    @property
    def p_value(self) -> float:
        """Two-sided p-value for a mean of 0: that of Nadeau and Bengio's corrected t-test.

        NaN where there are too few differences.
        """
        return 2 * min(self.below(0.0), Posterior(-self.mean, self.scale, self.df).below(0.0))


def correlated_t(differences: ArrayLike, test_to_train: float = 0.0) -> Posterior:
    """Return the posterior of the mean of paired differences from overlapping training sets [1]_.

    Replicates that resample one data set share rows, so their differences are correlated and the plain
    paired t is too sure. The correlation is taken to be ``n_test / (n_test + n_train)`` [2]_.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        One difference a replicate; other factors (phases, seeds) are averaged before.
    test_to_train : float, default=0.0
        Number of test rows by number of training rows; 0 where the splits are fixed and only seeds vary.

    Returns
    -------
    Posterior
        Student's t with n - 1 degrees of freedom and squared scale ``(1/n + n_test/n_train) * s**2``.

    References
    ----------
    .. [1] Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms", Machine
       Learning 100, 2015.
    .. [2] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.

    Examples
    --------
    >>> from sk_warmstart.statistics import correlated_t
    >>> posterior = correlated_t([0.02, 0.03, 0.01, 0.02], test_to_train=1 / 3)
    >>> round(1 - posterior.below(0.0), 3)
    0.975
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < 2:
        return Posterior(float(d.mean()) if n else float("nan"), float("nan"), 0)
    spread = float(d.std(ddof=1))
    # Differences that are equal up to rounding are equal: rounding says nothing about spread. Nor do a few
    # equal ones, which small test sets give by chance.
    if spread <= 1e-12 * max(1.0, float(np.abs(d).max())):
        spread = 0.0 if n >= _ENOUGH_EQUAL else float("nan")
    return Posterior(float(d.mean()), float(np.sqrt(1 / n + test_to_train) * spread), n - 1)


def rope_verdict(posterior: Posterior, rope: float, confidence: float) -> str:
    """Decide by the region of practical equivalence [1]_.

    A difference is found where the central interval of this confidence lies wholly beyond the region. So both
    ways of being wrong about equal arms share what the confidence leaves, whatever the region's width. Arms are
    practically equal where the region holds at least this probability.

    Parameters
    ----------
    posterior : Posterior
        Of the gain.
    rope : float
        Gains within plus or minus this are practically none.
    confidence : float
        Content of the interval, and the probability that equivalence needs.

    Returns
    -------
    {"beneficial", "neutral", "detrimental", "undecided"}
        The decision.

    References
    ----------
    .. [1] Benavoli, Corani, Demsar and Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple
       Classifiers Through Bayesian Analysis", JMLR 18, 2017.

    Examples
    --------
    >>> from sk_warmstart.statistics import correlated_t, rope_verdict
    >>> rope_verdict(correlated_t([0.05, 0.06, 0.05, 0.06]), rope=0.01, confidence=0.95)
    'beneficial'
    """
    worse, below_high = posterior.below(-rope), posterior.below(rope)
    return DecisionRule(rope, confidence).verdict(worse, below_high - worse, 1 - below_high)


def pairs_to_decide(
    differences: ArrayLike, test_to_train: float, rope: float, confidence: float, most: int = 1000
) -> int | None:
    """Estimate how many replicates would decide, if their mean and spread stayed what they are.

    Parameters
    ----------
    differences : array-like of shape (n_replicates,)
        The differences so far.
    test_to_train : float
        As in :func:`correlated_t`.
    rope, confidence : float
        As in :func:`rope_verdict`.
    most : int, default=1000
        Where to stop looking.

    Returns
    -------
    int or None
        The number; None if no affordable number would.

    Examples
    --------
    >>> from sk_warmstart.statistics import pairs_to_decide
    >>> pairs_to_decide([0.06, -0.03, 0.05, -0.02, 0.045], 0.0, rope=0.01, confidence=0.95)
    60
    """
    d = np.asarray(differences, dtype=float)
    if len(d) < 2:
        return None
    mean, spread = float(d.mean()), float(d.std(ddof=1))
    if spread <= 1e-12 * max(1.0, float(np.abs(d).max())):
        if len(d) < _ENOUGH_EQUAL:
            return _ENOUGH_EQUAL
        certain = rope_verdict(Posterior(mean, 0.0, len(d) - 1), rope, confidence) != "undecided"
        return len(d) if certain else None
    n = np.arange(len(d), most + 1)
    scale = np.sqrt(1 / n + test_to_train) * spread
    worse, below_high = (stats.t.cdf((bound - mean) / scale, n - 1) for bound in (-rope, rope))
    rule = DecisionRule(rope, confidence)
    differs = np.maximum(worse, 1 - below_high) >= rule.p_difference
    decides = differs | (below_high - worse >= rule.p_equivalence)
    return int(n[decides.argmax()]) if decides.any() else None
