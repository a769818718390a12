"""Watch the validation score: when to stop, and which epoch to return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ._snapshot import Snapshot


@dataclass
class ValidationMonitor:
    """Early stopping that counts the start as epoch 0, so that no fit ends below where it began.

    Parameters
    ----------
    early_stopping : bool
        Whether to stop and to return the best epoch; otherwise the last epoch is returned, unless the start
        was better.
    n_iter_no_change : int
        Epochs without improvement before stopping.
    tol : float
        An improvement smaller than this does not count.

    Attributes
    ----------
    best_score : float
        The best score so far.
    """

    early_stopping: bool
    n_iter_no_change: int
    tol: float
    best_score: float = -math.inf
    _waited: int = 0
    _last_score: float = -math.inf
    _best: Snapshot | None = None

    def begin(self, score: float, network: torch.nn.Module, optimizer: Any) -> None:
        """Take the start as the best so far."""
        self._last_score = self.best_score = score
        self._best = Snapshot(network, optimizer)

    def update(self, score: float, network: torch.nn.Module, optimizer: Any) -> bool:
        """Take in an epoch's score.

        Parameters
        ----------
        score : float
            Score on the validation rows; greater is better.
        network : nn.Module
            The network after the epoch.
        optimizer : Optimizer
            Its optimiser.

        Returns
        -------
        bool
            True if training should stop.
        """
        self._last_score = score
        if not self.early_stopping:
            return False
        # scikit-learn's rule: patience asks for a gain of at least tol over the best, the best for any gain.
        if score < self.best_score + self.tol:
            self._waited += 1
        else:
            self._waited = 0
        if score > self.best_score:
            self.best_score, self._best = score, Snapshot(network, optimizer)
        return self._waited >= self.n_iter_no_change

    def finish(self, network: torch.nn.Module, optimizer: Any) -> float:
        """Put the best epoch back where it was better than the last.

        Parameters
        ----------
        network : nn.Module
            The trained network, changed in place.
        optimizer : Optimizer
            Its optimiser, put back to the same epoch.

        Returns
        -------
        float
            The score of what is returned.
        """
        if self._best is not None and self._last_score < self.best_score:
            self._best.restore(network, optimizer)
            self._last_score = self.best_score
        self._best = None
        return self._last_score
