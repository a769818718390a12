"""Training and validation step of one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch.dataset import unpack_data
from torch import Tensor, nn

from ._autocast import uses_autocast
from ._companion import Companion, companions_of
from ._loss import shaped_like, weighted_loss, weights_of_batch
from ._net import TrainableNet, optimizer_of
from ._route import METHODS, Kind, is_overridden
from .graphs._graphed_step import graphed
from .rows._batches import TensorBatches
from .rows._parts import Parts
from .updates._direct_update import DirectUpdate, may_bypass_step, note_steps

# Takes a batch and the weights of its rows, and returns the loss, detached.
Step = Callable[[Any, Tensor | None], Tensor]


def training_step(
    net: TrainableNet, iterator: Any, kind: Kind, step_fn: Callable[..., Any], fit_params: dict[str, Any]
) -> Step:
    """Return what trains on each batch of an epoch; what is looked up here is looked up once an epoch."""
    companions = companions_of(net)
    if kind == "skorch":
        return _step_of_skorch(net, step_fn, fit_params, companions)
    net._set_training(True)
    forward, loss_of = _forward_of(net, iterator, fit_params), _loss_of(net, iterator, training=True)
    optimizer = optimizer_of(net)
    update = DirectUpdate(optimizer) if may_bypass_step(net) else optimizer

    def train(pair: Any, weight: Tensor | None) -> Tensor:
        X, y = unpack_data(pair)
        update.zero_grad()
        loss = loss_of(forward(X), y, X, weight)
        loss.backward()
        for companion in companions:
            companion.after_backward(net)
        update.step()
        for companion in companions:
            companion.after_step(net)
        return loss.detach()

    if update is not optimizer:
        note_steps(optimizer)
    return graphed(net.module_, net.criterion_, iterator, train, update) if kind == "cuda_graph" else train


def validation_step(
    net: TrainableNet,
    iterator: Any,
    step_fn: Callable[..., Any],
    fit_params: dict[str, Any],
    outputs: list[Any] | None = None,
) -> Step:
    """Return what evaluates each batch of an epoch, and leaves outputs and targets in ``outputs``."""
    if is_overridden(net, *METHODS["validation"]):
        return _step_of_skorch(net, step_fn, fit_params, [])
    net._set_training(False)
    forward, loss_of = _forward_of(net, iterator, fit_params), _loss_of(net, iterator, training=False)

    def evaluate(pair: Any, weight: Tensor | None) -> Tensor:
        X, y = unpack_data(pair)
        with torch.no_grad():
            output = forward(X)
            if outputs is not None:
                outputs.append((output, y))
            return loss_of(output, y, X, weight).detach()

    return evaluate


def _step_of_skorch(
    net: TrainableNet, step_fn: Callable[..., Any], fit_params: dict[str, Any], companions: list[Companion]
) -> Step:
    """The step that skorch, or the user's class, defines."""

    def step(pair: Any, weight: Tensor | None) -> Tensor:
        with weights_of_batch(weight):
            loss = step_fn(pair, **fit_params)["loss"].detach()
        for companion in companions:
            companion.after_step(net)
        return loss

    return step


def _forward_of(net: TrainableNet, iterator: Any, fit_params: dict[str, Any]) -> Callable[[Any], Any]:
    """The module itself where nothing around it is needed: rows on the device, and no ``infer`` of the user's."""
    on_device = isinstance(iterator, TensorBatches)
    if not on_device or is_overridden(net, *METHODS["forward"]) or uses_autocast(net):
        return lambda X: net.infer(X, **fit_params)
    module = net.module_
    rows = iterator.dataset.X
    if isinstance(rows, Parts) and rows.named:
        return lambda X: module(**X, **fit_params)
    return (lambda X: module(X, **fit_params)) if fit_params else module


def _loss_of(net: TrainableNet, iterator: Any, training: bool) -> Callable[[Any, Any, Any, Any], Tensor]:
    """The criterion itself where nothing of skorch's or the user's is around it."""
    criterion: Any = getattr(net, "criterion_", None)
    if (
        not isinstance(criterion, nn.Module)
        or isinstance(criterion, nn.NLLLoss)  # skorch takes the logarithm
        or not isinstance(iterator, TensorBatches)
        or is_overridden(net, *METHODS["loss"])
        or uses_autocast(net)
    ):

        def loss_of_net(output: Any, y: Any, X: Any, weight: Tensor | None) -> Tensor:
            with weights_of_batch(weight):
                return net.get_loss(output, y, X=X, training=training)

        return loss_of_net

    def loss_of_criterion(output: Any, y: Any, X: Any, weight: Tensor | None) -> Tensor:
        y = shaped_like(y, output, criterion)
        return criterion(output, y) if weight is None else weighted_loss(criterion, output, y, weight)

    return loss_of_criterion
