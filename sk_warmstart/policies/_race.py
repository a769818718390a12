"""Race between starts: its protocol, and the scores of a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class CandidateScores:
    """Score and loss of a candidate for each row that it did not train on.

    Parameters
    ----------
    scores : Tensor of shape (n_samples,)
        1 for a hit and 0 for a miss, or the negative squared error; greater is better.
    losses : Tensor of shape (n_samples,)
        The loss of each row.

    Examples
    --------
    >>> import torch
    >>> from sk_warmstart.policies import CandidateScores
    >>> CandidateScores(scores=torch.tensor([1.0, 0.0]), losses=torch.tensor([0.1, 1.2])).scores.mean().item()
    0.5
    """

    scores: Tensor
    losses: Tensor

    @property
    def rank(self) -> tuple[float, float]:
        """Mean score, and where that is equal the lower mean loss."""
        return float(self.scores.mean()), -float(self.losses.mean())


class Race(Protocol):
    """Candidates that train side by side, each with an optimiser of its own, in as many calls as needed.

    Examples
    --------
    What a policy gets as ``context.race``; this one keeps the start that is best after an epoch:

    >>> from sk_warmstart.policies import InitPolicy
    >>> class BetterOfTwo(InitPolicy):
    ...     def start(self, previous, fresh, context):
    ...         starts = {"warm": previous, "cold": fresh}
    ...         scored = context.race(starts).run(list(starts), n_epochs=1)
    ...         return starts[max(scored, key=lambda name: float(scored[name].scores.mean()))]
    """

    def run(self, names: Sequence[str], n_epochs: int) -> dict[str, CandidateScores]:
        """Train some of the candidates further; one that fails is left out of what is returned.

        Parameters
        ----------
        names : sequence of str
            The candidates to train.
        n_epochs : int
            For how many epochs, from where they are.

        Returns
        -------
        dict of str to CandidateScores
            Their scores on the validation rows afterwards.
        """
