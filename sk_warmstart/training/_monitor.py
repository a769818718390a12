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
    watch : {"score", "loss"}, default="score"
        What is to improve.

    Attributes
    ----------
    best_score : float
        The score of the best epoch so far.
    """

    early_stopping: bool
    n_iter_no_change: int
    tol: float
    watch: str = "score"
    best_score: float = -math.inf
    _merit: float = -math.inf
    _waited: int = 0
    _last: tuple[float, float] = (-math.inf, -math.inf)
    _best: Snapshot | None = None

    def suit(self, patience: float, watch: str) -> None:
        """Follow what a start asks for, if training is to be stopped early at all.

        Parameters
        ----------
        patience : float
            Share of ``n_iter_no_change`` to wait, in (0, 1]; at least 2 epochs.
        watch : {"score", "loss"}
            What is to improve.
        """
        if not self.early_stopping:
            return
        if patience < 1:
            self.n_iter_no_change = min(self.n_iter_no_change, max(2, math.ceil(self.n_iter_no_change * patience)))
        self.watch = watch

    def begin(self, score: float, loss: float, network: torch.nn.Module, optimizer: Any) -> None:
        """Take the start as the best so far."""
        self.best_score, self._merit = score, self._merit_of(score, loss)
        self._last = self._merit, score
        self._best = Snapshot(network, optimizer)

    def update(self, score: float, loss: float, network: torch.nn.Module, optimizer: Any) -> bool:
        """Take in what an epoch reached.

        Parameters
        ----------
        score : float
            Score on the validation rows; greater is better.
        loss : float
            Mean loss on them.
        network : nn.Module
            The network after the epoch.
        optimizer : Optimizer
            Its optimiser.

        Returns
        -------
        bool
            True if training should stop.
        """
        merit = self._merit_of(score, loss)
        self._last = merit, score
        if not self.early_stopping:
            return False
        # scikit-learn's rule: patience asks for a gain of at least tol over the best, the best for any gain.
        if merit < self._merit + self.tol:
            self._waited += 1
        else:
            self._waited = 0
        if merit > self._merit:
            self._merit, self.best_score, self._best = merit, score, Snapshot(network, optimizer)
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
        merit, score = self._last
        if self._best is not None and merit < self._merit:
            self._best.restore(network, optimizer)
            score = self.best_score
        self._best = None
        return score

    def _merit_of(self, score: float, loss: float) -> float:
        return score if self.watch == "score" else -loss
