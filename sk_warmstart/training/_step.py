"""The step of one batch with nothing in it that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch.dataset import unpack_data
from torch import Tensor, nn

from ._autocast import uses_autocast
from ._companion import Companion, companions_of
from ._loss import shaped_like, weighted_loss
from ._route import is_own
from .graphs._graphed_step import graphed
from .rows._batches import TensorBatches
from .updates._plain_optimizer import DirectUpdate, is_plain, note_steps

QuietStep = Callable[[Any, Any], Tensor]


def quiet_step(
    net: Any,
    iterator: Any,
    training: bool,
    step_fn: Any,
    plain: bool,
    fit_params: dict[str, Any],
    outputs: list[Any] | None = None,
) -> QuietStep:
    """Return what is done with each batch of an epoch.

    What is looked up here is not looked up again for each batch; what a user defines is called as skorch would.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator.
    iterator : iterable of batches
        The data.
    training : bool
        Whether to train or only to evaluate. The network is put into that mode.
    step_fn : callable
        skorch's step for one batch.
    plain : bool
        Whether that step is skorch's own, so that its parts may be called instead.
    fit_params : dict
        Further arguments of the module's forward.
    outputs : list, default=None
        Where an evaluation leaves what the network put out.

    Returns
    -------
    callable
        Takes a batch and the weights of its rows, and returns the loss, detached.
    """
    companions = companions_of(net) if training else []
    if not plain:
        return _as_told(net, step_fn, fit_params, companions)
    net._set_training(training)
    forward = _forward_of(net, iterator, fit_params)
    loss_of = _loss_of(net, iterator, training)
    if not training:

        def evaluate(pair: Any, weight: Any) -> Tensor:
            X, y = unpack_data(pair)
            with torch.no_grad():
                output = forward(X)
                if outputs is not None:
                    outputs.append(output)
                return loss_of(output, y, X, weight).detach()

        return evaluate
    optimizer = getattr(net, net._optimizers[0] + "_")
    update = DirectUpdate(optimizer) if is_plain(net) else optimizer

    def train(pair: Any, weight: Any) -> Tensor:
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
        module = getattr(net, "module_", None)  # a user's own may have another name
        if not companions and not fit_params and forward is module and _calls_criterion(net, iterator):
            return graphed(net, iterator, train, update) or train
    return train


def _as_told(net: Any, step_fn: Any, fit_params: dict[str, Any], companions: list[Companion]) -> QuietStep:
    def step(pair: Any, weight: Any) -> Tensor:
        net.batch_weight_ = weight
        try:
            loss = step_fn(pair, **fit_params)["loss"].detach()
        finally:
            net.batch_weight_ = None
        for companion in companions:
            companion.after_step(net)
        return loss

    return step


def _forward_of(net: Any, iterator: Any, fit_params: dict[str, Any]) -> Callable[[Any], Any]:
    on_device = isinstance(iterator, TensorBatches)
    if not on_device or is_own(net, "infer") or uses_autocast(net):
        return lambda X: net.infer(X, **fit_params)
    module = net.module_
    return (lambda X: module(X, **fit_params)) if fit_params else module


def _calls_criterion(net: Any, iterator: Any) -> bool:
    """Whether the loss is the criterion's, with nothing of skorch's or the user's around it."""
    criterion = getattr(net, "criterion_", None)
    # skorch takes the logarithm for NLLLoss.
    known = isinstance(criterion, nn.Module) and not isinstance(criterion, nn.NLLLoss)
    return known and isinstance(iterator, TensorBatches) and not is_own(net, "get_loss") and not uses_autocast(net)


def _loss_of(net: Any, iterator: Any, training: bool) -> Callable[[Any, Any, Any, Any], Tensor]:
    criterion: Any = getattr(net, "criterion_", None)
    if not _calls_criterion(net, iterator):

        def own(output: Any, y: Any, X: Any, weight: Any) -> Tensor:
            net.batch_weight_ = weight
            try:
                return net.get_loss(output, y, X=X, training=training)
            finally:
                net.batch_weight_ = None

        return own

    def plain(output: Any, y: Any, X: Any, weight: Any) -> Tensor:
        y = shaped_like(y, output, criterion)
        return criterion(output, y) if weight is None else weighted_loss(criterion, output, y, weight)

    return plain
