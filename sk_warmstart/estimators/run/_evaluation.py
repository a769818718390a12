"""Evaluation of a network as it stands: outputs, loss and score of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...modules import first_output, n_rows
from ...training import Rows, rows_at_once, weights_of_batch
from .._protocol import WarmStartNet
from ..input._targets import targets_of


class UnsuitedOutputs(ValueError):
    """The network has other outputs than the targets need."""


def outputs_of(net: WarmStartNet, rows: Rows) -> torch.Tensor:
    """Return what the network puts out, in evaluation mode."""
    net._set_training(False)
    outputs = []
    step = rows_at_once(rows.X)
    with torch.no_grad():
        for first in range(0, len(rows), step):
            outputs.append(first_output(net.infer(rows.batch(slice(first, first + step))[0])))
    return torch.cat(outputs)


def evaluate(
    net: WarmStartNet, rows: Rows, forward_params: Mapping[str, Any] | None = None, with_loss: bool = True
) -> tuple[float, float]:
    """Return loss and score, in evaluation mode; outputs that do not suit the targets are an error.

    Where predictions are more or fewer numbers than the targets, the negative loss is the score.
    """
    net._set_training(False)
    outputs: list[torch.Tensor] = []
    total = 0.0
    step = rows_at_once(rows.X)
    with torch.no_grad():
        for first in range(0, len(rows), step):
            X, y, weight = rows.batch(slice(first, first + step))
            output = net.infer(X, **(forward_params or {}))
            if not isinstance(first_output(output), torch.Tensor):
                raise TypeError(
                    f"the module {type(net._network()).__name__} puts out {type(output).__name__}: it must "
                    "put out a tensor, or a tuple that begins with one"
                )
            if with_loss and not outputs:
                lacking = targets_of(net).lacking(net, first_output(output))
                if lacking is not None:
                    raise UnsuitedOutputs(lacking)
            if with_loss:
                with weights_of_batch(weight):
                    total += float(net.get_loss(output, y, X=X, training=False)) * n_rows(X)
            outputs.append(first_output(output))
    score = targets_of(net).score(net, rows.y, torch.cat(outputs), rows.weight)
    loss = total / len(rows)
    return loss, -loss if score is None else score
