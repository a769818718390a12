"""How many epochs of this training lie behind."""

from __future__ import annotations

from typing import Any

from ..training import Companion


class CountsEpochs(Companion):
    """Companion that acts by the number of the epoch.

    The number is read from the history, which goes back with the net when a call fails. A row of partial fits
    counts on; a new fit counts from 0.
    """

    def initialize(self) -> CountsEpochs:
        """Forget the last fit."""
        self.first_epoch_: int | None = None
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Count from here."""
        super().on_train_begin(net, X, y, **kwargs)
        self.first_epoch_ = None

    def epochs_behind(self, net: Any) -> int:
        """Return how many epochs were trained before the one at hand."""
        number = int(net.history_[-1]["epoch"])
        if self.first_epoch_ is None:
            self.first_epoch_ = number
        return number - self.first_epoch_
