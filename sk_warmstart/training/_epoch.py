"""One pass over the data: the bookkeeping that skorch does, and no more of its steps than are listened to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring
from skorch.dataset import get_len, unpack_data

from ._batches import Rows

_STEP_METHODS = (
    "train_step",
    "train_step_single",
    "get_train_step_accumulator",
    "on_grad_computed",
    "_step_optimizer",
    "_zero_grad_optimizer",
)


def run_epoch(
    net: Any,
    iterator: Iterable[Any],
    training: bool,
    prefix: str,
    step_fn: Callable[..., dict[str, Any]],
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
    **fit_params
        Further arguments of the module's forward.
    """
    listened = _batches_are_listened_to(net, training)
    direct = training and not listened and _can_step_directly(net)
    if direct:
        net._set_training(True)
    weighted = isinstance(getattr(iterator, "dataset", None), Rows)
    losses, sizes = [], []
    for batch in iterator:
        pair, weight = (tuple(batch[:2]), batch[2]) if weighted and len(batch) == 3 else (batch, None)
        if listened:
            net.notify("on_batch_begin", batch=net.spoken(pair), training=training)
        else:
            net.history.new_batch()  # a loss or step of the user's own may record in it
        net.batch_weight_ = weight
        try:
            step = _step(net, pair, fit_params) if direct else step_fn(pair, **fit_params)
        finally:
            net.batch_weight_ = None
        size = get_len(pair[0] if isinstance(pair, tuple | list) else pair)
        if listened:
            net.history.record_batch(prefix + "_loss", step["loss"].item())
            net.history.record_batch(prefix + "_batch_size", size)
            net.notify("on_batch_end", batch=net.spoken(pair), training=training, **step)
        losses.append(step["loss"].detach())
        sizes.append(size)
    if not listened and losses:
        # One transfer for the epoch instead of one a batch.
        values = torch.stack(losses).tolist()
        rows = net.history_[-1]["batches"][-len(values) :]
        for row, loss, size in zip(rows, values, sizes, strict=True):
            row[prefix + "_loss"], row[prefix + "_batch_size"] = loss, size
    net.history.record(prefix + "_batch_count", len(losses))


def _step(net: Any, pair: tuple[Any, Any], fit_params: dict[str, Any]) -> dict[str, Any]:
    X, y = unpack_data(pair)
    optimizer = getattr(net, net._optimizers[0] + "_")
    optimizer.zero_grad()
    y_pred = net.infer(X, **fit_params)
    loss = net.get_loss(y_pred, y, X=X, training=True)
    loss.backward()
    optimizer.step()
    return {"loss": loss, "y_pred": y_pred}


def _batches_are_listened_to(net: Any, training: bool) -> bool:
    listeners = [callback for _, callback in net.callbacks_ if _listens(callback, training)]
    own = any(_overrides(net, name, NeuralNet) for name in ("on_batch_begin", "on_batch_end"))
    return bool(listeners) or own


def _listens(callback: Any, training: bool) -> bool:
    if isinstance(callback, EpochScoring) and type(callback).on_batch_end is EpochScoring.on_batch_end:
        return callback.on_train == training
    return any(_overrides(callback, name, Callback) for name in ("on_batch_begin", "on_batch_end"))


def _can_step_directly(net: Any) -> bool:
    return (
        not any(_overrides(net, name, NeuralNet) for name in _STEP_METHODS)
        and not any(_overrides(callback, "on_grad_computed", Callback) for _, callback in net.callbacks_)
        and len(net._optimizers) == 1
        and not isinstance(getattr(net, net._optimizers[0] + "_"), torch.optim.LBFGS)
        and getattr(net, "accelerator", None) is None
    )


def _overrides(obj: Any, name: str, base: type) -> bool:
    return name in vars(obj) or getattr(type(obj), name, None) is not getattr(base, name)
