"""The rule that verdicts are decided by."""

from __future__ import annotations

from dataclasses import dataclass

from ._gain import SAME_COST


@dataclass(frozen=True)
class DecisionRule:
    """Probabilities and factors that a verdict needs."""

    rope: float
    confidence: float
    p_different: float
    p_equivalent: float
    similar_cost: float

    @classmethod
    def of(cls, rope: float, confidence: float) -> DecisionRule:
        """Return the rule of :func:`rope_verdict` and :func:`cost_verdict`."""
        return cls(rope, confidence, (1 + confidence) / 2, confidence, SAME_COST)
