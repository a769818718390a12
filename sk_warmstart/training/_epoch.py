"""One pass over the data: the bookkeeping that skorch does, and no more of its steps than are listened to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import torch
from skorch.dataset import get_len
from skorch.history import History

from ._companion import companions_of
from ._route import hears_batches, is_own, steps_plainly
from ._step import quiet_step
from .graphs._graphed_step import GraphedStep
from .mlp._epoch import closed_form
from .rows._batches import Rows, TensorBatches
from .updates._momentum import complete_momentum


def run_epoch(
    net: Any,
    iterator: Iterable[Any],
    training: bool,
    prefix: str,
    step_fn: Callable[..., dict[str, Any]],
    outputs: list[Any] | None = None,
    **fit_params: Any,
) -> None:
    """Run one epoch and record it in the history as skorch does.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator, one of this library.
    iterator : iterable of batches
        The data.
    training : bool
        Whether to train or only to evaluate.
    prefix : str
        Prefix of the names in the history.
    step_fn : callable
        skorch's step for one batch.
    outputs : list, default=None
        Where an evaluation leaves what the network put out, batch by batch. Whoever gives one makes sure that
        nobody else wants to hear of the batches.
    **fit_params
        Further arguments of the module's forward.
    """
    plain = steps_plainly(net, with_companions=True) if training else not is_own(net, "validation_step")
    with ExitStack() as companions:
        for companion in companions_of(net) if training else ():
            companions.enter_context(companion.around_epoch(net, fit_params))
        if training:
            complete_momentum(net)
        if outputs is None and hears_batches(net, training):
            count = _told(net, iterator, training, prefix, step_fn, plain, fit_params)
        else:
            count = _quiet(net, iterator, training, prefix, step_fn, plain, fit_params, outputs)
    net.history.record(prefix + "_batch_count", count)


def _told(
    net: Any, iterator: Any, training: bool, prefix: str, step_fn: Any, plain: bool, fit_params: dict[str, Any]
) -> int:
    """An epoch that tells of every batch."""
    weighted = isinstance(getattr(iterator, "dataset", None), Rows)
    companions = companions_of(net) if training else []
    count = 0
    for batch in iterator:
        pair, weight = (tuple(batch[:2]), batch[2]) if weighted and len(batch) == 3 else (batch, None)
        net.notify("on_batch_begin", batch=net.with_labels(pair), training=training)
        net.batch_weight_ = weight
        try:
            step = step_fn(pair, **fit_params)
        finally:
            net.batch_weight_ = None
        for companion in companions:
            companion.after_step(net)
        net.history.record_batch(prefix + "_loss", step["loss"].item())
        net.history.record_batch(prefix + "_batch_size", _size(pair))
        net.notify("on_batch_end", batch=net.with_labels(pair), training=training, **step)
        count += 1
    return count


def _quiet(
    net: Any,
    iterator: Any,
    training: bool,
    prefix: str,
    step_fn: Any,
    plain: bool,
    fit_params: dict[str, Any],
    outputs: list[Any] | None,
) -> int:
    """An epoch whose batches nobody hears of: one transfer at its end, and one entry in the history."""
    shared = type(net.history_) is not History
    alone = plain and not fit_params and not shared and not companions_of(net)
    if training and alone and isinstance(iterator, TensorBatches):
        trainer = closed_form(net, iterator)
        if trainer is not None:
            net._set_training(True)
            numbers = trainer.run(net.optimizer_, iterator)
            _record(net, prefix, *numbers, rows=None)
            return len(iterator)
    # A loss or step of the user's own may write into the batch at hand.
    writes = not plain or shared or is_own(net, "infer", "get_loss")
    step = quiet_step(net, iterator, training, step_fn, plain, fit_params, outputs)
    weighted = isinstance(getattr(iterator, "dataset", None), Rows)
    before = len(net.history_[-1]["batches"]) if writes else 0
    losses, sizes = [], []
    try:
        for batch in iterator:
            pair, weight = (tuple(batch[:2]), batch[2]) if weighted and len(batch) == 3 else (batch, None)
            if writes:
                net.history.new_batch()
            losses.append(step(pair, weight))
            sizes.append(_size(pair))
    finally:
        if isinstance(step, GraphedStep):
            step.finish()
        values = torch.stack(losses).tolist() if losses else []
        _record(net, prefix, values, sizes, net.history_[-1]["batches"][before:] if writes else None)
    return len(losses)


def _record(
    net: Any, prefix: str, losses: list[float], sizes: list[int], rows: list[dict[str, Any]] | None
) -> None:
    names = prefix + "_loss", prefix + "_batch_size"
    if rows is None:
        batches = net.history_[-1]["batches"]
        batches.extend(dict(zip(names, numbers, strict=True)) for numbers in zip(losses, sizes, strict=True))
        return
    for row, *numbers in zip(rows, losses, sizes, strict=False):
        row.update(zip(names, numbers, strict=True))


def _size(pair: Any) -> int:
    return get_len(pair[0] if isinstance(pair, tuple | list) else pair)
