"""Steps of a pack: in closed form for the default network, by vmap for any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modules import MLP, call_with, each_part, first_output
from .._loss import shaped_like, weighted_loss
from .._random import seeded
from .._threads import threads_of_caller
from ..mlp._closed_form_pack import ClosedFormPack
from ..mlp._shape import are_targets, loss_name, shape_of
from ..updates._flat_update import FlatUpdate
from ._data import PackBatch
from ._lookups import BoundedLookups
from ._member import Member
from ._pace import Pace
from ._state import PackState

# Fewer are not worth the threads' waiting for each other.
_MEMBERS_A_THREAD = 8


class VmapEngine:
    """Steps of any module that torch can run for many members at once."""

    def __init__(self, network: nn.Module, criterion: nn.Module, state: PackState):
        self._network, self._criterion, self._state = network, criterion, state
        self._names = [name for name, _ in network.named_parameters()]
        self._update = FlatUpdate(state.kind, state.flat, state.gradient, state.moments)
        rule: Any = torch.func.grad_and_value(self._loss)
        self._weighted = torch.func.vmap(rule, in_dims=(0, 0, 0, 0), randomness="different")
        self._unweighted = torch.func.vmap(rule, in_dims=(0, 0, 0, None), randomness="different")

    def epoch(self, batches: Iterable[PackBatch]) -> list[Tensor]:
        """Train one epoch; the loss of each member in each batch."""
        losses: list[Tensor] = []
        state, update = self._state, self._update
        update.set_numbers(state.numbers())
        update.steps = state.steps
        for batch in batches:
            rule = self._unweighted if batch.weight is None else self._weighted
            with BoundedLookups():
                gradient, loss = rule(state.flat, batch.X, batch.y, batch.weight)
            update.gradient = gradient.contiguous()
            _keep_last(state.gradient, gradient, batch.ends)
            update.step(batch.moving)
            losses.append(loss.detach())
        return losses

    def _loss(self, flat: Tensor, X: Any, y: Tensor, weight: Tensor | None) -> Tensor:
        parameters = dict(zip(self._names, self._state.views(flat), strict=True))
        output = first_output(call_with(self._network, parameters, X))
        y = shaped_like(y, output, self._criterion)
        if weight is None:
            return self._criterion(output, y)
        return weighted_loss(self._criterion, output, y, weight)


class ClosedFormEngine:
    """Steps of the default network, its gradient in closed form."""

    def __init__(self, shape: tuple[str, str, float], state: PackState):
        activation, loss, dropout = shape
        gradient = torch.zeros_like(state.flat)
        views = state.views(state.flat), state.views(gradient)
        self._state, self._net = state, ClosedFormPack(activation, loss, *views, dropout=dropout)
        self._update = FlatUpdate(state.kind, state.flat, gradient, state.moments)
        shared = state.flat.device.type == "cpu" and self._net.rounds_alike
        most = min(threads_of_caller(), len(state.flat) // _MEMBERS_A_THREAD) if shared else 1
        self._pace = Pace(max(1, most))

    @torch.inference_mode()
    def epoch(self, batches: Iterable[PackBatch]) -> list[Tensor]:
        """Train one epoch; the loss of each member in each batch."""
        net, update, state, pace = self._net, self._update, self._state, self._pace
        losses: list[Tensor] = []
        update.set_numbers(state.numbers())
        update.steps = state.steps
        with pace.epoch():
            for batch in batches:
                pace.step()
                outputs = net.step(batch.X, batch.y, net.scale(batch.X.shape[1], batch.weight))
                _keep_last(state.gradient, update.gradient, batch.ends)
                update.step(batch.moving)
                rows = net.losses(outputs, batch.y)
                losses.append((rows if batch.weight is None else rows * batch.weight).mean(-1))
        return losses


def _keep_last(kept: Tensor, gradient: Tensor, ends: list[int]) -> None:
    """Keep the gradients of members whose last batch this is."""
    if len(ends) == len(kept):
        kept.copy_(gradient)
    elif ends:
        kept[ends] = gradient[ends]


def why_unpackable(network: nn.Module, criterion: nn.Module, rows: tuple[Any, Any, Any]) -> str | None:
    """Say why torch cannot run a module for many members at once; None if it can."""
    X, y, _ = rows

    def loss(parameters: dict[str, Tensor], X: Any, y: Tensor) -> Tensor:
        output = first_output(call_with(network, parameters, X))
        return criterion(output, shaped_like(y, output, criterion))

    twice = {name: torch.stack([p.detach(), p.detach()]) for name, p in network.named_parameters()}
    try:
        with seeded(0):
            rule = torch.func.vmap(torch.func.grad(loss), randomness="different")
            rule(twice, each_part(lambda part: torch.stack([part, part]), X), torch.stack([y, y]))
    except Exception as error:  # the fit's own loop is to raise it
        return (str(error) or type(error).__name__).splitlines()[0]
    return None


def make_engine(members: Sequence[Member], state: PackState) -> VmapEngine | ClosedFormEngine:
    """Choose how a pack of alike members takes its steps."""
    first = members[0]
    network, criterion = first.network, first.criterion
    shape = _closed_form(members, state.flat.dtype) if type(network) is MLP else None
    return VmapEngine(network, criterion, state) if shape is None else ClosedFormEngine(shape, state)


def _closed_form(members: Sequence[Member], dtype: torch.dtype) -> tuple[str, str, float] | None:
    """Activation, loss and dropout of a pack that has a closed form."""
    first = members[0]
    shape, loss = shape_of(first.network), loss_name(first.criterion)
    if shape is None or loss is None:
        return None
    sizes, activation, dropout = shape
    X = first.rows.X
    if not isinstance(X, Tensor) or X.dtype != dtype or tuple(X.shape[1:]) != (sizes[0],):
        return None
    if not all(are_targets(member.rows.y, loss, sizes[-1], dtype) for member in members):
        return None
    return activation, loss, dropout
