"""Bring a previous state into the layout of a new network."""

from __future__ import annotations

from ._net_state import NetState


def align(previous: NetState, layout: NetState) -> NetState:
    """Give a previous state the layout of a new network: its names, shapes, dtypes, devices and ties.

    Parameters
    ----------
    previous : NetState
        What was learned before.
    layout : NetState
        The state of the new network.

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
    faults = [
        f"{name} was {_shape(previous, name)} and is {_shape(layout, name)}"
        for name in dict.fromkeys([*layout, *previous])
        if _shape(previous, name) != _shape(layout, name)
    ]
    if faults:
        shown = "; ".join(faults[:5]) + ("; ..." if len(faults) > 5 else "")
        raise ValueError(
            f"the previous state does not fit the network's architecture: {shown}. Start cold "
            "(warm_start=False or init_policy='cold'), or set the module's parameters back"
        )
    return layout.map(lambda name, tensor: previous[name].to(tensor).clone())


def _shape(state: NetState, name: str) -> str:
    return str(tuple(state[name].shape)) if name in state else "absent"
