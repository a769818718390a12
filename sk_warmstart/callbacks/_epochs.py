"""How many epochs of this training lie behind."""

from __future__ import annotations

from numbers import Real
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


def check_count(name: str, value: Any, optional: bool = False) -> None:
    """Raise an error unless a parameter is a positive integer, or None where that is allowed."""
    if optional and value is None:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise ValueError(f"{name} must be a positive integer{' or None' if optional else ''}, got {value!r}")


def is_number(value: Any) -> bool:
    """Tell whether a parameter is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_factor(factor: Any) -> None:
    """Raise an error unless a factor of learning rates is a number of at least 1."""
    if not is_number(factor) or not 1 <= factor < float("inf"):
        raise ValueError(f"factor must be a number of at least 1, got {factor!r}")
