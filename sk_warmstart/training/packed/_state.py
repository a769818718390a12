"""Parameters and moments of all members of a pack, in one tensor each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..mlp._closed_form_pack import LINE
from ..updates._direct_update import note_steps
from ..updates._flat_update import KINDS, MOMENTS


class PackState:
    """Flat parameters and moments of the members of a pack.

    While the pack lives, the members' own parameters and moments are views of its tensors: a callback that looks
    at a member between two epochs sees it as it is, and what it changes there is changed here. ``gradient`` is
    each member's in the last batch of its epoch.
    """

    def __init__(self, members: Sequence[tuple[nn.Module, torch.optim.Optimizer]]):
        self._parameters = [list(network.parameters()) for network, _ in members]
        self._optimizers = [optimizer for _, optimizer in members]
        self.kind = KINDS[type(self._optimizers[0])]
        self._sizes = [p.numel() for p in self._parameters[0]]
        self.flat = self._stacked([_flattened(parameters) for parameters in self._parameters])
        self.gradient = torch.zeros_like(self.flat)
        self._lent: bool | None = None  # whether members have views of moments; None before they have any
        self.moments = {name: self._gathered(name) for name in MOMENTS[self.kind]}
        self.steps = np.array(
            [
                float(optimizer.state.get(parameters[0], {}).get("step", 0.0))
                for optimizer, parameters in zip(self._optimizers, self._parameters, strict=True)
            ]
        )
        for i, parameters in enumerate(self._parameters):
            for parameter, view in zip(parameters, self.views(self.flat[i]), strict=True):
                parameter.data = view

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return each parameter as a view of a flat tensor, any axes before included."""
        parts = flat[..., : sum(self._sizes)].split(self._sizes, -1)
        return [part.view(part.shape[:-1] + p.shape) for part, p in zip(parts, self._parameters[0], strict=True)]

    def copied(self) -> Callable[[], None]:
        """Return what puts parameters, moments and steps back to what they are now."""
        tensors = [self.flat, *self.moments.values()]
        before, steps = [tensor.clone() for tensor in tensors], list(self.steps)

        def put_back() -> None:
            for tensor, its in zip(tensors, before, strict=True):
                tensor.copy_(its)
            self.steps[:] = steps

        return put_back

    def numbers(self) -> list[dict[str, Any]]:
        """Return the optimisers' numbers as they stand, one dict a member; schedules may have changed them."""
        return [optimizer.param_groups[0] for optimizer in self._optimizers]

    def update_optimizers(self) -> None:
        """Give the members their gradients and moments, as views, and their optimisers' steps."""
        moving = self.kind != "sgd" or any(o.param_groups[0]["momentum"] for o in self._optimizers)
        if self._lent != moving:
            self._lend_views(moving)
            self._lent = moving
        for i, (optimizer, parameters) in enumerate(zip(self._optimizers, self._parameters, strict=True)):
            note_steps(optimizer)
            for parameter in parameters if self.kind != "sgd" else ():
                _set_step(optimizer, parameter, optimizer.state[parameter], float(self.steps[i]))

    def _lend_views(self, moving: bool) -> None:
        """Views stay true while the pack lives: its tensors are changed in place."""
        gradients = self.views(self.gradient)
        for i, parameters in enumerate(self._parameters):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient[i]
        if not moving:
            return
        views = {name: self.views(moment) for name, moment in self.moments.items()}
        for i, (optimizer, parameters) in enumerate(zip(self._optimizers, self._parameters, strict=True)):
            for j, parameter in enumerate(parameters):
                optimizer.state[parameter].update({name: its[j][i] for name, its in views.items()})

    def dissolve(self) -> None:
        """Give every member tensors of its own."""
        for optimizer, parameters in zip(self._optimizers, self._parameters, strict=True):
            for parameter in parameters:
                parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.clone(memory_format=torch.contiguous_format)
                entry = optimizer.state.get(parameter, {})
                for name in self.moments:
                    if isinstance(entry.get(name), Tensor):
                        entry[name] = entry[name].clone(memory_format=torch.contiguous_format)

    def _gathered(self, name: str) -> Tensor:
        rows = []
        for optimizer, parameters in zip(self._optimizers, self._parameters, strict=True):
            found = [optimizer.state.get(parameter, {}).get(name) for parameter in parameters]
            parts = [torch.zeros_like(p) if t is None else t for t, p in zip(found, parameters, strict=True)]
            rows.append(_flattened(parts))
        return self._stacked(rows)

    def _stacked(self, rows: list[Tensor]) -> Tensor:
        """One row a member, each beginning at a cache line: members then round alike wherever they are."""
        n = rows[0].numel()
        flat = rows[0].new_zeros(len(rows), -(-n // LINE) * LINE)
        flat[:, :n] = torch.stack(rows)
        return flat


def _flattened(parameters: Sequence[Tensor]) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in parameters])


def _set_step(optimizer: torch.optim.Optimizer, parameter: Tensor, entry: dict[str, Any], step: float) -> None:
    if isinstance(entry.get("step"), Tensor):
        entry["step"].fill_(step)
        return
    group = optimizer.param_groups[0]
    on_device = bool(group.get("fused")) or bool(group.get("capturable"))
    device = parameter.device if on_device else torch.device("cpu")
    entry["step"] = torch.tensor(step, dtype=torch.float32, device=device)
