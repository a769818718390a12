"""One pass over the data, recorded in the history as skorch does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import torch
from skorch.dataset import unpack_data
from skorch.history import History
from torch import Tensor

from ..modules import n_rows
from ._augment import Augmentation
from ._companion import companions_of
from ._loss import weights_of_batch
from ._net import TrainableNet, optimizer_of
from ._route import METHODS, Route, is_overridden, needs_batch_events, route
from ._step import Step, training_step, validation_step
from .graphs._graphed_step import GraphedStep
from .mlp._epoch import closed_form_epochs
from .rows._batches import Rows, TensorBatches
from .updates._momentum import complete_momentum

StepOfSkorch = Callable[..., dict[str, Any]]


def run_epoch(
    net: TrainableNet,
    iterator: Iterable[Any],
    training: bool,
    prefix: str,
    step_fn: StepOfSkorch,
    outputs: list[Any] | None = None,
    **fit_params: Any,
) -> Route | None:
    """Run one epoch as skorch's ``run_single_epoch``, and return the route that it took if it trained.

    An evaluation leaves what the network put out for each batch, and targets, in ``outputs``; no batch events
    are sent then.
    """
    if not training:
        if outputs is None and needs_batch_events(net, training=False):
            count = _epoch_with_batch_events(net, iterator, False, prefix, step_fn, fit_params)
        else:
            step = validation_step(net, iterator, step_fn, fit_params, outputs)
            own = is_overridden(net, *METHODS["validation"])
            count = _epoch_without_batch_events(net, iterator, prefix, step, own)
        net.history.record(prefix + "_batch_count", count)
        return None
    with ExitStack() as companions:
        for companion in companions_of(net):
            companions.enter_context(companion.around_epoch(net, fit_params))
        complete_momentum(net)
        taken = route(net, iterator, fit_params)
        augmentation = net._augmentation()
        if taken.batch_events:
            count = _epoch_with_batch_events(net, iterator, True, prefix, step_fn, fit_params, augmentation)
        elif taken.kind == "closed_form":
            assert isinstance(iterator, TensorBatches)
            count = _epoch_of_closed_form(net, iterator, prefix, augmentation)
        else:
            step = training_step(net, iterator, taken.kind, step_fn, fit_params)
            count = _epoch_without_batch_events(net, iterator, prefix, step, taken.kind == "skorch", augmentation)
    net.history.record(prefix + "_batch_count", count)
    return taken


def _epoch_with_batch_events(
    net: TrainableNet,
    iterator: Any,
    training: bool,
    prefix: str,
    step_fn: StepOfSkorch,
    fit_params: dict[str, Any],
    augmentation: Augmentation | None = None,
) -> int:
    """Take skorch's steps, with its notifications of each batch."""
    companions = companions_of(net) if training else []
    count = 0
    for pair, weight in _weighted_pairs(iterator, augmentation):
        net.notify("on_batch_begin", batch=net.with_labels(pair), training=training)
        with weights_of_batch(weight):
            step = step_fn(pair, **fit_params)
        for companion in companions:
            companion.after_step(net)
        net.history.record_batch(prefix + "_loss", step["loss"].item())
        net.history.record_batch(prefix + "_batch_size", _size(pair))
        net.notify("on_batch_end", batch=net.with_labels(pair), training=training, **step)
        count += 1
    return count


def _epoch_of_closed_form(
    net: TrainableNet, batches: TensorBatches, prefix: str, augmentation: Augmentation | None
) -> int:
    """Train without autograd."""
    optimizer = optimizer_of(net)
    trainer = closed_form_epochs(net.module_, net.criterion_, optimizer, batches)
    net._set_training(True)
    _record(net, prefix, *trainer.run(optimizer, batches, augmentation))
    return len(batches)


def _epoch_without_batch_events(
    net: TrainableNet,
    iterator: Any,
    prefix: str,
    step: Step,
    own_step: bool,
    augmentation: Augmentation | None = None,
) -> int:
    """Take steps with one transfer from the device at the end, and one entry in the history.

    A step, forward or loss of the user's may write into the batch at hand: it gets one.
    """
    writes = (
        own_step or type(net.history_) is not History or is_overridden(net, *METHODS["forward"], *METHODS["loss"])
    )
    before = len(net.history_[-1]["batches"]) if writes else 0
    losses, sizes = [], []
    try:
        for pair, weight in _weighted_pairs(iterator, augmentation):
            if writes:
                net.history.new_batch()
            losses.append(step(pair, weight))
            sizes.append(_size(pair))
    finally:
        if isinstance(step, GraphedStep):
            step.finish()
        values = torch.stack(losses).tolist() if losses else []
        if writes:
            _record_in(net.history_[-1]["batches"][before:], prefix, values, sizes)
        else:
            _record(net, prefix, values, sizes)
    return len(losses)


def _weighted_pairs(iterator: Any, augmentation: Augmentation | None) -> Iterable[tuple[Any, Tensor | None]]:
    """Yield each batch, augmented, and the weights of its rows where it has some."""
    pairs: Iterable[tuple[Any, Tensor | None]]
    if isinstance(getattr(iterator, "dataset", None), Rows):
        pairs = ((tuple(batch[:2]), batch[2]) if len(batch) == 3 else (batch, None) for batch in iterator)
    else:
        pairs = ((batch, None) for batch in iterator)
    if augmentation is None:
        return pairs

    def augmented(batch: Any) -> tuple[Any, Any]:
        X, y = unpack_data(batch)
        return augmentation(X), y

    return ((augmented(batch), weight) for batch, weight in pairs)


def _record(net: TrainableNet, prefix: str, losses: list[float], sizes: list[int]) -> None:
    """Append batches to the last epoch."""
    names = prefix + "_loss", prefix + "_batch_size"
    batches = net.history_[-1]["batches"]
    # An interrupt may come between the loss of a batch and its size.
    batches.extend(dict(zip(names, numbers, strict=True)) for numbers in zip(losses, sizes, strict=False))


def _record_in(batches: list[dict[str, Any]], prefix: str, losses: list[float], sizes: list[int]) -> None:
    """Complete batches that were begun; the last may lack its loss, if it was interrupted."""
    for batch, loss, size in zip(batches, losses, sizes, strict=False):
        batch.update({prefix + "_loss": loss, prefix + "_batch_size": size})


def _size(pair: Any) -> int:
    return n_rows(pair[0] if isinstance(pair, tuple | list) else pair)
