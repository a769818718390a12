"""Early stopping by the validation score, with the start as epoch 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ._snapshot import Snapshot


@dataclass
class ValidationMonitor:
    """Early stopping that counts the start as epoch 0, so that no fit ends below where it began.

    With ``early_stopping`` the best epoch is returned; otherwise the last one, unless the start was better and is
    kept (``keeps_start``). An improvement smaller than ``tol`` does not count. ``watch`` is what is to improve:
    "score", "loss", or "relative_loss", of which ``tol`` is a share: criteria have scales of their own.
    """

    early_stopping: bool
    n_iter_no_change: int
    tol: float
    watch: str = "score"
    keeps_start: bool = True
    best_score: float = -math.inf
    _merit: float = -math.inf
    _waited: int = 0
    _last: tuple[float, float] = (-math.inf, -math.inf)
    _best: Snapshot | None = None

    def configure(self, patience: float, watch: str) -> None:
        """Wait for a share of ``n_iter_no_change`` only, at least 2 epochs, where training is stopped early."""
        if not self.early_stopping:
            return
        if patience < 1:
            self.n_iter_no_change = min(self.n_iter_no_change, max(2, math.ceil(self.n_iter_no_change * patience)))
        if self.watch == "score":
            self.watch = watch

    def begin(self, score: float, loss: float, network: torch.nn.Module, optimizer: Any) -> None:
        """Take the start as the best so far."""
        self.best_score, self._merit = score, self._merit_of(score, loss)
        if self.watch == "relative_loss" and math.isfinite(loss):
            self.tol *= abs(loss)
        self._last = self._merit, score
        self._best = Snapshot(network, optimizer)

    def update(self, score: float, loss: float, network: torch.nn.Module, optimizer: Any) -> bool:
        """Take in what an epoch reached on the validation rows; True if training should stop."""
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
        """Put the best epoch back where it was better than the last; return the score of what is returned."""
        merit, score = self._last
        returns_best = self.early_stopping or self.keeps_start
        if returns_best and self._best is not None and merit < self._merit:
            self._best.restore(network, optimizer)
            score = self.best_score
        self._best = None
        return score

    def _merit_of(self, score: float, loss: float) -> float:
        return score if self.watch == "score" else -loss
