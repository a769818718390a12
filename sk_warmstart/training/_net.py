"""Protocol of a net that this room can train."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from skorch.history import History
from torch import Tensor

from ._augment import Augmentation


@runtime_checkable
class TrainableNet(Protocol):
    """What training asks of an initialised estimator: a skorch net with this library's hooks."""

    module_: Any
    criterion_: Any
    optimizer_: torch.optim.Optimizer
    callbacks_: Any
    history_: History
    device: Any
    _modules: list[str]
    _criteria: list[str]
    _optimizers: list[str]

    @property
    def history(self) -> History:
        """The history, which the loop writes."""

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return what the network puts out for a batch."""

    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """Return the loss of a batch, weighted by ``weights_of_batch``."""

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the callbacks."""

    def with_labels(self, batch: Any) -> Any:
        """Return a batch with the user's labels, for callbacks."""

    def _augmentation(self) -> Augmentation | None:
        """Return what changes the rows of training batches."""

    def _set_training(self, training: bool = True) -> None:
        """Put modules and criteria into training or evaluation mode."""


def optimizer_of(net: TrainableNet) -> Any:
    """Return the first optimiser of a net."""
    return getattr(net, net._optimizers[0] + "_")
