"""Starts that train side by side for a while, to see which is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Merit:
    """What a candidate is worth on rows that it did not train on.

    Parameters
    ----------
    scores : Tensor of shape (n_samples,)
        1 for a hit and 0 for a miss, or the negative squared error; greater is better.
    losses : Tensor of shape (n_samples,)
        The loss of each row.
    """

    scores: Tensor
    losses: Tensor

    @property
    def rank(self) -> tuple[float, float]:
        """Mean score, and where that is equal the lower mean loss."""
        return float(self.scores.mean()), -float(self.losses.mean())


class Race(Protocol):
    """Candidates, each with an optimiser of its own, that go on from where they are."""

    def run(self, names: Sequence[str], epochs: int) -> dict[str, Merit]:
        """Train some of them further; one that fails is left out of what is returned."""
