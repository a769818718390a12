"""Rows of a fit, as policies may look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sklearn.base import is_classifier
from torch import Tensor

from ...policies import PhaseData
from ...training import Rows, rows_at_once, weights_of_batch
from .._protocol import WarmStartNet
from ..input._samples import Sample
from ..input._targets import targets_of

_FEW_AT_ONCE = 256  # rows of a dataset: how large they are is not known yet


def phase_data(
    net: WarmStartNet, train: Rows | Sample | None, valid: Rows | Sample | None, new: Callable[[], Tensor | None]
) -> PhaseData | None:
    """Return what a fit is about to train on, of a dataset a sample; None where its rows are not known."""
    if train is None or (isinstance(train, Rows) and train.y is None):
        return None

    def loss(output: Any, y: Tensor, weight: Tensor | None) -> Tensor:
        with weights_of_batch(weight):
            return net.get_loss(output, y, training=False)

    predict, by_loss, absent = None, targets_of(net).watches(net) == "loss", targets_of(net).absent
    if not is_classifier(net) and not absent:
        nonlinearity = net._get_predict_nonlinearity()
        predict = None if is_identity(nonlinearity) else nonlinearity
    one_table = isinstance(train, Rows) and isinstance(train.X, Tensor) and train.X.is_floating_point()
    at_once = None if one_table else rows_at_once(train.X) if isinstance(train, Rows) else _FEW_AT_ONCE
    return PhaseData(train, loss, valid, is_classifier(net), new, predict, by_loss, absent, at_once)


def is_identity(nonlinearity: Callable[[Tensor], Tensor]) -> bool:
    """Tell whether predictions are the outputs."""
    some = torch.linspace(-2.0, 2.0, 4)[:, None]
    try:
        return torch.equal(torch.as_tensor(nonlinearity(some.clone())), some)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False  # it takes other outputs
