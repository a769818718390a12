"""Posterior of a mean difference of correlated replicates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

ROUNDING = 1e-12  # differences smaller than this, by the size of the scores, are those of arithmetic


@dataclass(frozen=True)
class Posterior:
    """What is believed of a mean difference after seeing its replicates.

    Parameters
    ----------
    mean : float
        Mean of the differences.
    scale : float
        Scale of Student's t around it; NaN where there are too few differences, or all are equal.
    df : float
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
    df: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the central interval that holds the mean with a probability.

        Parameters
        ----------
        confidence : float
            The probability, in (0, 1).

        Returns
        -------
        tuple of (float, float)
            Its ends; NaN where there are too few differences, replicates or rows.
        """
        half = self._half_width(confidence)
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
            The probability; NaN where there are too few differences, replicates or rows.
        """
        return self._below(bound)

    @property
    def p_value(self) -> float:
        """Two-sided p-value for a mean of 0: that of Nadeau and Bengio's corrected t-test.

        NaN where there are too few differences, and 1 for a mean of 0.
        """
        if self.mean == 0 and self.df > 0:
            return 1.0
        return 2 * min(self.below(0.0), replace(self, mean=-self.mean).below(0.0))

    def _half_width(self, confidence: float) -> float:
        return float(self.scale * stats.t.ppf(0.5 + confidence / 2, self.df)) if self.df > 0 else float("nan")

    def _below(self, bound: float) -> float:
        if not np.isfinite(self.scale):
            return float("nan")
        return float(stats.t.cdf((bound - self.mean) / self.scale, self.df))


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
        Student's t with n - 1 degrees of freedom and squared scale ``(1/n + n_test/n_train) * s**2``. The scale is
        NaN where all differences are equal: how sure that is only the rows can say (:func:`clustered_t`).

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
    mean, spread = float(d.mean()), float(d.std(ddof=1))
    rounding = ROUNDING * max(1.0, float(np.abs(d).max()))
    # Equal differences, which small test sets give by chance, say nothing about spread.
    scale = float(np.sqrt(1 / n + test_to_train)) * spread if spread > rounding else float("nan")
    return Posterior(0.0 if abs(mean) <= rounding else mean, scale, n - 1)
