"""Race between starts: its protocol, and the scores of a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class CandidateScores:
    """Scores of a candidate (hits or negative squared errors) and its losses, one a validation row."""

    scores: Tensor
    losses: Tensor

    @property
    def rank(self) -> tuple[float, float]:
        """Mean score, and where that is equal the lower mean loss."""
        return float(self.scores.mean()), -float(self.losses.mean())


class Race(Protocol):
    """Candidates that train side by side, each with an optimiser of its own, in as many calls as needed."""

    def run(self, names: Sequence[str], n_epochs: int) -> dict[str, CandidateScores]:
        """Train some of the candidates further; one that fails is left out of what is returned."""
