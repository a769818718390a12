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

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.policies import Merit
    >>> Merit(scores=torch.tensor([1.0, 0.0]), losses=torch.tensor([0.1, 1.2])).scores.mean().item()
    0.5
    """

    scores: Tensor
    losses: Tensor

    @property
    def rank(self) -> tuple[float, float]:
        """Mean score, and where that is equal the lower mean loss."""
        return float(self.scores.mean()), -float(self.losses.mean())


class Race(Protocol):
    """Candidates, each with an optimiser of its own, that go on from where they are.

    Examples
    --------
    What a policy gets as ``context.race``; this one keeps the start that is best after an epoch:

    >>> from sk_warmstart.policies import InitPolicy
    >>> class BetterOfTwo(InitPolicy):
    ...     def start(self, previous, fresh, context):
    ...         starts = {"warm": previous, "cold": fresh}
    ...         merits = context.race(starts).run(list(starts), epochs=1)
    ...         return starts[max(merits, key=lambda name: float(merits[name].scores.mean()))]
    """

    def run(self, names: Sequence[str], epochs: int) -> dict[str, Merit]:
        """Train some of them further; one that fails is left out of what is returned.

        Parameters
        ----------
        names : sequence of str
            Which ones.
        epochs : int
            How far.

        Returns
        -------
        dict of str to Merit
            What each is worth after them, on the validation rows.
        """
