"""Alignment of a previous state with the layout of a new network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ._names import NameRule
from ._net_state import NetState
from ._schema import Reindex


@dataclass(frozen=True)
class Remap:
    """A move of the entries along one axis; new ones are drawn where ``fresh``, else zero."""

    axis: int
    mapping: Reindex
    fresh: bool

    def apply(self, tensor: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Return the tensor with its entries moved."""
        source = torch.as_tensor(self.mapping.source, device=tensor.device)
        moved = tensor.index_select(self.axis, source.clamp(min=0))
        added = torch.nonzero(source < 0).flatten()
        if len(added):
            if self.fresh and drawn is not None:
                filling = drawn.to(tensor).index_select(self.axis, added)
            else:
                filling = torch.zeros_like(moved.index_select(self.axis, added))
            moved.index_copy_(self.axis, added, filling)
        return moved


def align(
    previous: NetState,
    layout: NetState,
    remaps: Mapping[str, Sequence[Remap]] | None = None,
    missing: str = "raise",
) -> NetState:
    """Give a previous state the layout of a new network: its names, shapes, dtypes, devices and ties.

    A tensor that does not fit raises with ``missing="raise"`` and is the new draw with ``"fresh"``.
    """
    moved: dict[str, Tensor] = {}
    for name in previous:
        tensor = previous[name]
        for remap in (remaps or {}).get(name, ()):
            tensor = remap.apply(tensor, layout[name])
        moved[name] = tensor
    faults = unmatched(moved, layout)
    if faults and missing == "raise":
        shown = "; ".join(faults[:5]) + ("; ..." if len(faults) > 5 else "")
        raise ValueError(
            f"the previous state does not fit the network's architecture: {shown}. Start cold "
            "(warm_start=False or init_policy='cold'), set the module's parameters back, or keep what fits with "
            "schema='adapt'"
        )

    def rule(name: str, drawn: Tensor) -> Tensor:
        fits = name in moved and moved[name].shape == drawn.shape
        return (moved[name].to(drawn) if fits else drawn).clone()

    return layout.map(rule)


def match_names(source: NetState, layout: NetState, rule: NameRule, place: str = "") -> dict[str, str]:
    """Return by the names of a network those of a source's tensors; tied tensors stand under their first name."""
    wanted = {place + target: name for name, target in rule.targets(source).items() if target is not None}
    ties: dict[int, list[str]] = {}
    for name, tensor in layout.items():
        ties.setdefault(id(tensor), []).append(name)
    chosen = {}
    for first, *others in ties.values():
        found = [wanted[name] for name in (first, *others) if name in wanted]
        fitting = [name for name in found if source[name].shape == layout[first].shape]
        if found:
            chosen[first] = (fitting or found)[0]
        if fitting and _kind(source[fitting[0]]) != _kind(layout[first]):
            raise ValueError(
                f"the donor's tensor {fitting[0]!r} holds {source[fitting[0]].dtype}, and the network's {first!r} "
                f"{layout[first].dtype}: numbers of another kind mean something else. If the weights are "
                "quantised, dequantise them; else leave the tensor out by rename={...: None}"
            )
    return chosen


def _kind(tensor: Tensor) -> str:
    """Kind of numbers; floats of a byte have scales elsewhere."""
    if tensor.is_floating_point() and tensor.itemsize == 1:
        return "scaled"
    return "float" if tensor.is_floating_point() else "complex" if tensor.is_complex() else "whole"


def unmatched(previous: Mapping[str, Tensor], layout: Mapping[str, Tensor]) -> list[str]:
    """Say which tensors of two layouts differ."""
    return [
        f"{name} was {_shape(previous, name)} and is {_shape(layout, name)}"
        for name in dict.fromkeys([*layout, *previous])
        if _shape(previous, name) != _shape(layout, name)
    ]


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "absent"
