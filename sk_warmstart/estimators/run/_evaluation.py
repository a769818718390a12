"""Evaluation of a network as it stands: outputs, loss and score of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from skorch.utils import to_tensor
from torch.utils.data import Subset

from ...modules import first_output, n_rows
from ...training import Rows, TensorBatches, rows_at_once, seeded, weights_of_batch
from .._protocol import WarmStartNet
from ..input._datasets import pair_of
from ..input._targets import targets_of
from ._score import score_of

_EVALUATION_SEED = 0
_MOST_READ = 1024  # rows of a dataset, which are read from a disk perhaps
_FEWEST_BATCHES = 20  # of rows whose losses are known for a batch only


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
    net: WarmStartNet, rows: Any, forward_params: Mapping[str, Any] | None = None, with_loss: bool = True
) -> tuple[float, float]:
    """Return loss and score, in evaluation mode; outputs that do not suit the targets are an error.

    Where predictions are more or fewer numbers than the targets, or there are no targets, the negative loss is the
    score.
    """
    if targets_of(net).absent:
        loss = own_loss_of(net, rows, forward_params)
        return loss, -loss
    net._set_training(False)
    outputs: list[torch.Tensor] = []
    total, seen = 0.0, []
    draws = contextlib.nullcontext() if isinstance(rows, Rows) else repeatable_draws()  # a dataset may change rows
    with torch.no_grad(), draws:
        for X, y, weight in _batches(net, rows):
            seen.append(y)
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
    if isinstance(rows, Rows):
        targets, weight = rows.y, rows.weight
    else:
        targets = torch.cat(seen)
        weight = net._class_weights_of(targets)
    score = score_of(net, targets, torch.cat(outputs), weight)
    loss = total / len(rows)
    return loss, -loss if score is None else score


def evenly(rows: Any, n: int) -> Any:
    """Return at most n rows, or n of a dataset, evenly spaced."""
    if isinstance(rows, Rows):
        return rows.evenly(n)
    n = min(n, _MOST_READ)
    return Subset(rows, range(0, len(rows), max(1, -(-len(rows) // n))))


def _batches(net: WarmStartNet, rows: Any) -> Iterator[Any]:
    """Yield rows, targets and weights: of rows on the device many at once, of a dataset its batches."""
    if isinstance(rows, Rows):
        step = rows_at_once(rows.X)
        yield from (rows.batch(slice(first, first + step)) for first in range(0, len(rows), step))
    else:
        for batch in net.get_iterator(rows, training=False):
            X, y = pair_of(batch)
            if not isinstance(y, torch.Tensor):
                raise UnsuitedOutputs(f"the dataset gives targets that are no tensors, but {type(y).__name__}")
            yield X, to_tensor(y, device=net.device or "cpu"), None


def own_loss_of(net: WarmStartNet, dataset: Any, forward_params: Mapping[str, Any] | None = None) -> float:
    """Return the mean of the loss that a network computes itself, in evaluation mode, by the same draws."""
    pairs = list(_own_losses(net, net.get_iterator(dataset, training=False), forward_params))
    return sum(float(loss.mean()) * size for loss, size in pairs) / sum(size for _, size in pairs)


def own_losses_of(net: WarmStartNet, rows: Rows) -> torch.Tensor:
    """Return the loss of each row, or of each small batch where a network has one number for a batch only."""
    size = -(-len(rows) // _FEWEST_BATCHES)
    size = size if net.batch_size == -1 else min(size, net.batch_size)
    losses = [loss.reshape(-1) for loss, _ in _own_losses(net, TensorBatches(rows, size), None)]
    return torch.cat(losses).double().cpu()


def _own_losses(
    net: WarmStartNet, batches: Any, forward_params: Mapping[str, Any] | None
) -> Iterator[tuple[torch.Tensor, int]]:
    net._set_training(False)
    criterion, kept = net.criterion_, getattr(net.criterion_, "reduction", None)
    if kept is not None:
        criterion.reduction = "none"
    try:
        with torch.no_grad(), repeatable_draws():
            for X, y in batches:
                yield net.get_loss(net.infer(X, **(forward_params or {})), y, X=X, training=False), n_rows(X)
    finally:
        if kept is not None:
            criterion.reduction = kept


def repeatable_draws() -> contextlib.AbstractContextManager[None]:
    """Return the context in which a network that draws in evaluation too draws the same each time."""
    return seeded(_EVALUATION_SEED)
