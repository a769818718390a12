"""The decision rule: how probable a gain must be to be called beneficial, neutral or detrimental."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ._holm import holm
from ._posterior import Posterior
from ._speedup import Speedup

SIMILAR_EFFORT = 1.1  # efforts within this factor of each other are practically the same
_EDGE = 1 + 1e-9  # what rounding may add to a p-value


class Judged(NamedTuple):
    """A verdict, and by what it was found.

    Parameters
    ----------
    verdict : {"beneficial", "neutral", "detrimental", "undecided"}
        The decision.
    p_adjusted : float
        Two-sided p-value of a gain within the ROPE, adjusted for the number of arms; NaN where there are too few
        replicates.

    Examples
    --------
    >>> from sk_warmstart.statistics import DecisionRule, Posterior
    >>> judged = DecisionRule(0.01, 0.95).judge({"warm": Posterior(0.04, 0.01, 9)})["warm"]
    >>> judged.verdict, round(judged.p_adjusted, 3)
    ('beneficial', 0.015)
    """

    verdict: str
    p_adjusted: float


@dataclass(frozen=True)
class DecisionRule:
    """Numbers and sentences of the decision about an arm: what code decides by, and reports state.

    Parameters
    ----------
    rope : float
        Gains within plus or minus this are practically none.
    confidence : float
        Content of the intervals.

    Examples
    --------
    >>> from sk_warmstart.statistics import DecisionRule
    >>> rule = DecisionRule(rope=0.01, confidence=0.95)
    >>> rule.p_difference, rule.p_equivalence
    (0.975, 0.95)
    >>> rule.verdict(p_worse=0.01, p_equivalent=0.03, p_better=0.96)
    'undecided'
    """

    rope: float
    confidence: float

    @property
    def p_difference(self) -> float:
        """Probability beyond the ROPE, on one side, that "beneficial" and "detrimental" need.

        It is that of a central interval of this confidence which lies wholly beyond the ROPE, so that both ways of
        being wrong about equal arms share what the confidence leaves.
        """
        return (1 + self.confidence) / 2

    @property
    def p_equivalence(self) -> float:
        """Probability within the ROPE that "neutral" needs."""
        return self.confidence

    def verdict(self, p_worse: float, p_equivalent: float, p_better: float) -> str:
        """Decide by the probabilities that the gain is below, within and above the ROPE.

        Parameters
        ----------
        p_worse, p_equivalent, p_better : float
            The probabilities; NaN where there are too few replicates.

        Returns
        -------
        {"beneficial", "neutral", "detrimental", "undecided"}
            The decision.
        """
        if p_worse >= self.p_difference:
            return "detrimental"
        if p_better >= self.p_difference:
            return "beneficial"
        return "neutral" if p_equivalent >= self.p_equivalence else "undecided"

    def cost(self, low: float, high: float) -> str:
        """Decide about the effort by the interval of the speed-up.

        Parameters
        ----------
        low, high : float
            Ends of the interval; NaN where there are too few replicates.

        Returns
        -------
        {"cheaper", "similar", "costlier", "undecided"}
            The decision.
        """
        if low >= 1 / SIMILAR_EFFORT and high <= SIMILAR_EFFORT:
            return "similar"
        return "cheaper" if low > 1 else "costlier" if high < 1 else "undecided"

    def judge(self, posteriors: Mapping[str, Posterior]) -> dict[str, Judged]:
        """Decide about several arms that are compared with one reference.

        The more arms there are, the likelier one of equal ones looks different: "beneficial" and "detrimental" are
        for arms whose p-value, twice the probability of being wrong about the side, stays at most
        ``1 - confidence`` after Holm's adjustment [1]_. One arm alone is decided as in :meth:`verdict`.

        Parameters
        ----------
        posteriors : mapping of str to Posterior
            Of the gain of each arm.

        Returns
        -------
        dict of str to Judged
            The decisions.

        References
        ----------
        .. [1] Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics
           6, 1979.
        """
        shares = {arm: _shares(posterior, self.rope) for arm, posterior in posteriors.items()}
        adjusted = holm([min(2 * min(1 - worse, 1 - better), 1.0) for worse, _, better in shares.values()])
        judged = {}
        for (arm, (worse, equal, better)), p in zip(shares.items(), adjusted.tolist(), strict=True):
            verdict = self.verdict(worse, equal, better)
            if verdict in ("beneficial", "detrimental") and p > (1 - self.confidence) * _EDGE:
                verdict = "undecided"
            judged[arm] = Judged(verdict, p)
        return judged

    def judge_cost(self, speedups: Mapping[str, Speedup]) -> dict[str, str]:
        """Decide about the efforts of several arms, "cheaper" and "costlier" after Holm's adjustment.

        Parameters
        ----------
        speedups : mapping of str to Speedup
            Of each arm.

        Returns
        -------
        dict of str to str
            The decisions, as in :meth:`cost`.
        """
        adjusted = holm([speedup.p_value for speedup in speedups.values()])
        costs = {}
        for (arm, speedup), p in zip(speedups.items(), adjusted.tolist(), strict=True):
            cost = self.cost(speedup.low, speedup.high)
            sure = p <= (1 - self.confidence) * _EDGE
            costs[arm] = cost if sure or cost == "similar" else "undecided"
        return costs

    @property
    def sentence(self) -> str:
        """The rule about the score, in words."""
        difference, equivalence, content = map(_percent, (self.p_difference, self.p_equivalence, self.confidence))
        return (
            f"Beneficial or detrimental: the gain is above {self.rope:g} or below -{self.rope:g} with a "
            f"probability of at least {difference}, which is to say that its {content} interval lies wholly "
            f"beyond the ROPE. Neutral: it is within ±{self.rope:g} with a probability of at least {equivalence}. "
            "Undecided: neither, so that these replicates cannot tell; it does not mean that there is no "
            "difference. With several arms, the first kind needs as much after Holm's adjustment for their number."
        )

    @property
    def cost_sentence(self) -> str:
        """The rule about the effort, in words."""
        return (
            f"Cheaper or costlier: the whole {_percent(self.confidence)} interval of the speed-up is above or "
            f"below 1, also after Holm's adjustment for the number of arms. Similar: it is all "
            f"within a factor of {SIMILAR_EFFORT:g} of 1. Undecided: neither."
        )


def _shares(posterior: Posterior, rope: float) -> tuple[float, float, float]:
    """Return the probabilities that the gain is below, within and above the ROPE."""
    worse, below_high = posterior.below(-rope), posterior.below(rope)
    return worse, below_high - worse, 1 - below_high


def _percent(share: float) -> str:
    return f"{100 * share:.6g}%"


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
    return DecisionRule(rope, confidence).verdict(*_shares(posterior, rope))
