"""Steps of a pack: in closed form for the default network, by vmap for any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...modules import MLP
from .._threads import threads_of_caller
from ..mlp._closed_form_pack import ClosedFormPack
from ..mlp._shape import are_targets, loss_name, shape_of
from ..updates._flat_update import FlatUpdate
from ._data import PackBatch
from ._member import Member
from ._pace import Pace
from ._state import PackState
from ._vmap import VmapEngine, keep_last

# Fewer are not worth the threads' waiting for each other.
_MEMBERS_A_THREAD = 8


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
                keep_last(state.gradient, update.gradient, batch.ends)
                update.step(batch.moving)
                rows = net.losses(outputs, batch.y)
                losses.append((rows if batch.weight is None else rows * batch.weight).mean(-1))
        return losses


def make_engine(members: Sequence[Member], state: PackState) -> VmapEngine | ClosedFormEngine:
    """Choose how a pack of alike members takes its steps."""
    first = members[0]
    network, criterion = first.network, first.criterion
    shape = _closed_form(members, state.flat.dtype) if type(network) is MLP else None
    if shape is None:
        return VmapEngine(network, criterion, state, first.rows.batch(slice(0, 2)))
    return ClosedFormEngine(shape, state)


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
