"""Alignment of a previous state with the layout of a new network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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


def unmatched(previous: Mapping[str, Tensor], layout: Mapping[str, Tensor]) -> list[str]:
    """Say which tensors of two layouts differ."""
    return [
        f"{name} was {_shape(previous, name)} and is {_shape(layout, name)}"
        for name in dict.fromkeys([*layout, *previous])
        if _shape(previous, name) != _shape(layout, name)
    ]


def _shape(state: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "absent"
