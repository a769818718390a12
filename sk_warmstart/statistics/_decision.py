"""The decision rule: how probable a gain must be to be called beneficial, neutral or detrimental."""

from __future__ import annotations

from dataclasses import dataclass

SIMILAR_EFFORT = 1.1  # efforts within this factor of each other are practically the same


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

    @property
    def sentence(self) -> str:
        """The rule about the score, in words."""
        difference, equivalence, content = map(_percent, (self.p_difference, self.p_equivalence, self.confidence))
        return (
            f"Beneficial or detrimental: the gain is above {self.rope:g} or below -{self.rope:g} with a "
            f"probability of at least {difference}, which is to say that its {content} interval lies wholly "
            f"beyond the ROPE. Neutral: it is within ±{self.rope:g} with a probability of at least {equivalence}. "
            "Undecided: neither, so that these replicates cannot tell; it does not mean that there is no "
            "difference."
        )

    @property
    def cost_sentence(self) -> str:
        """The rule about the effort, in words."""
        return (
            f"Cheaper or costlier: the whole {_percent(self.confidence)} interval of the speed-up is above or "
            f"below 1. Similar: it is all within a factor of {SIMILAR_EFFORT:g} of 1. Undecided: neither."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.6g}%"
