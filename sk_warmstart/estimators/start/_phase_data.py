"""Rows of a fit, as policies may look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import is_classifier
from torch import Tensor

from ...policies import PhaseData
from ...training import Rows, weights_of_batch
from .._protocol import WarmStartNet


def phase_data(
    net: WarmStartNet, train: Rows | None, valid: Rows | None, new: Callable[[], Tensor | None]
) -> PhaseData | None:
    """Return what a fit is about to train on; None where its rows are no tensors."""
    if train is None or train.y is None:
        return None

    def loss(output: Any, y: Tensor, weight: Tensor | None) -> Tensor:
        with weights_of_batch(weight):
            return net.get_loss(output, y, training=False)

    return PhaseData(train, loss, valid, is_classifier(net), new)
