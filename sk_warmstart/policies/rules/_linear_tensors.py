"""Weights and biases of the linear and convolutional layers in a state."""

from __future__ import annotations

from ...modules._structure import LINEAR_MAPS, LinearMap, tensor_name
from ...state import NetState
from .._context import PolicyContext


def linear_tensors(context: PolicyContext, state: NetState, kind: str) -> dict[str, LinearMap]:
    """Return the layer of each weight, or of each bias; a tensor that layers share has its first name."""
    first = {id(tensor): name for name, tensor in state.unique().items()}
    found: dict[str, LinearMap] = {}
    for layer_name, layer in context.layers():
        name = tensor_name(layer_name, kind)
        # A parametrised layer keeps its weight under other names, and computes it.
        if isinstance(layer, LINEAR_MAPS) and name in state:
            found.setdefault(first[id(state[name])], layer)
    return found
