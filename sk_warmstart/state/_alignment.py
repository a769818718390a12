"""Bring a previous state into the layout of a new network."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ._net_state import NetState
from ._schema import Mapping


@dataclass(frozen=True)
class Remap:
    """Move the entries along one axis of a tensor.

    Parameters
    ----------
    axis : int
        The axis.
    mapping : Mapping
        Where each entry comes from.
    fresh : bool
        Whether new entries are those of the new network's draw; otherwise they are zero, so that what the
        network computes from the others stays as it is.

    Examples
    --------
    The input columns of a linear layer change places; a third one is new and begins with zeros:

    >>> import numpy as np
    >>> from sk_warmstart.state import Mapping, Remap
    >>> remap = Remap(axis=1, mapping=Mapping(np.array([1, 0, -1]), n_old=2), fresh=False)
    """

    axis: int
    mapping: Mapping
    fresh: bool

    def apply(self, tensor: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Return the tensor with its entries moved.

        Parameters
        ----------
        tensor : Tensor
            The old values.
        drawn : Tensor, default=None
            The new network's draw, which new entries come from; None makes them zero.

        Returns
        -------
        Tensor
            A new tensor.
        """
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
    remaps: Dict[str, Sequence[Remap]] | None = None,
    missing: str = "raise",
) -> NetState:
    """Give a previous state the layout of a new network: its names, shapes, dtypes, devices and ties.

    Parameters
    ----------
    previous : NetState
        What was learned before.
    layout : NetState
        The state of the new network, as it was drawn.
    remaps : mapping from str to sequence of Remap, default=None
        How the entries of some tensors move, by tensor name.
    missing : {"raise", "fresh"}, default="raise"
        What to do where a tensor is absent or has another shape: raise, or take the new network's draw.

    Returns
    -------
    NetState
        The previous values in the new layout.

    Raises
    ------
    ValueError
        If a tensor is missing or has another shape; the message names every such tensor.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.state import NetState, align
    >>> old, new = NetState.from_module(nn.Linear(2, 1)), NetState.from_module(nn.Linear(2, 1).double())
    >>> align(old, new)["weight"].dtype
    torch.float64
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


def unmatched(previous: Dict[str, Tensor], layout: Dict[str, Tensor]) -> list[str]:
    """Say which tensors of two layouts differ.

    Parameters
    ----------
    previous, layout : mapping from str to Tensor
        Then and now.

    Returns
    -------
    list of str
        One text a tensor, with both shapes.
    """
    return [
        f"{name} was {_shape(previous, name)} and is {_shape(layout, name)}"
        for name in dict.fromkeys([*layout, *previous])
        if _shape(previous, name) != _shape(layout, name)
    ]


def _shape(state: Dict[str, Tensor], name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "absent"
