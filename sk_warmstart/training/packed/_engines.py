"""Steps of a pack: in closed form for the default network, by vmap for any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modules import MLP, call_with, each_part, first_output
from .._loss import shaped_like, weighted_loss
from .._random import seeded
from ..mlp._closed_form import ClosedFormNet
from ..mlp._shape import are_targets, loss_name, shape_of
from ..updates._flat_update import FlatUpdate
from ._data import PackBatch
from ._lookups import BoundedLookups
from ._member import Member
from ._state import PackState


class VmapEngine:
    """Steps of any module that torch can run for many members at once."""

    ones = False

    def __init__(self, network: nn.Module, criterion: nn.Module, state: PackState):
        self._network, self._criterion, self._state = network, criterion, state
        self._names = [name for name, _ in network.named_parameters()]
        rule: Any = torch.func.grad_and_value(self._loss)
        self._weighted = torch.func.vmap(rule, in_dims=(0, 0, 0, 0), randomness="different")
        self._unweighted = torch.func.vmap(rule, in_dims=(0, 0, 0, None), randomness="different")

    def epoch(self, batches: Iterable[PackBatch]) -> list[Tensor]:
        """Train one epoch; the loss of each member in each batch."""
        losses: list[Tensor] = []
        state = self._state
        update = FlatUpdate(state.kind, state.flat, state.flat)
        update.moments = state.moments
        update.set_numbers(state.numbers())
        update.steps = state.steps
        for batch in batches:
            rule = self._unweighted if batch.weight is None else self._weighted
            with BoundedLookups():
                gradient, loss = rule(state.flat, batch.X, batch.y, batch.weight)
            update.gradient = gradient
            if batch.ends:
                state.gradient[batch.ends] = gradient[batch.ends]
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

    ones = True

    def __init__(self, net: ClosedFormNet, state: PackState):
        self._net, self._state = net, state
        with torch.inference_mode():
            self._update = FlatUpdate(state.kind, net.parameters, net.gradient)

    @torch.inference_mode()
    def epoch(self, batches: Iterable[PackBatch]) -> list[Tensor]:
        """Train one epoch; the loss of each member in each batch."""
        net, update, state = self._net, self._update, self._state
        losses: list[Tensor] = []
        inside = [net.parameters, *update.moments.values()]
        outside = [state.flat, *state.moments.values()]
        for there, here in zip(inside, outside, strict=True):
            for a, b in zip(net.views(there), state.views(here), strict=True):
                a.copy_(b)
        update.set_numbers(state.numbers())
        update.steps = state.steps
        for batch in batches:
            outputs = net.step(batch.X, net.targets(batch.y), net.scale(batch.X.shape[1], batch.weight))
            if batch.ends:
                for a, b in zip(net.views(net.gradient), state.views(state.gradient), strict=True):
                    b[batch.ends] = a[batch.ends]
            update.step(batch.moving)
            rows = net.losses(outputs, batch.y)
            losses.append((rows if batch.weight is None else rows * batch.weight).mean(-1))
        for there, here in zip(inside, outside, strict=True):
            for a, b in zip(net.views(there), state.views(here), strict=True):
                b.copy_(a)
        return losses


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
    net = _closed_form(members, state) if type(network) is MLP else None
    if net is not None:
        return ClosedFormEngine(net, state)
    return VmapEngine(network, criterion, state)


def _closed_form(members: Sequence[Member], state: PackState) -> ClosedFormNet | None:
    first = members[0]
    shape, loss = shape_of(first.network), loss_name(first.criterion)
    if shape is None or loss is None:
        return None
    sizes, activation, dropout = shape
    kind: dict[str, Any] = {"dtype": state.flat.dtype, "device": state.flat.device}
    X = first.rows.X
    if not isinstance(X, Tensor) or X.dtype != kind["dtype"] or tuple(X.shape[1:]) != (sizes[0],):
        return None
    if not all(are_targets(member.rows.y, loss, sizes[-1], kind["dtype"]) for member in members):
        return None
    with torch.inference_mode():
        return ClosedFormNet(sizes, activation, loss, members=len(members), dropout=dropout, **kind)
