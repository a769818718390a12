"""The rule of decision in words."""

from __future__ import annotations

from typing import NamedTuple

from ..findings._rule import DecisionRule


class RuleWords(NamedTuple):
    """The rule as reports write it: its numbers, and a sentence on each of the two verdicts."""

    rope: str
    confidence: str
    verdict: str
    cost: str


def in_words(rule: DecisionRule) -> RuleWords:
    """Put the rule of decision into words."""
    confidence, different, equivalent = (
        f"{100 * share:g}%" for share in (rule.confidence, rule.p_different, rule.p_equivalent)
    )
    return RuleWords(
        f"{rule.rope:g}",
        confidence,
        f"Beneficial or detrimental: the probability of better, or of worse, is at least {different}, so that the "
        f"{confidence} interval lies wholly beyond the ROPE. Neutral: the probability of equivalent is at least "
        f"{equivalent}.",
        "Cheaper or costlier: the whole interval of the speed-up is above 1, or below. Similar: all of it is "
        f"within a factor of {rule.similar_cost:g} of 1.",
    )
