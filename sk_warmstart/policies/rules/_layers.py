"""The linear maps of a network: which tensors they are, and what passes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ...state import NetState
from .._context import PolicyContext

LinearMap = nn.Linear | nn.modules.conv._ConvNd
Note = Callable[[str, Tensor, Tensor], None]

LINEAR_MAPS = (nn.Linear, nn.modules.conv._ConvNd)


def linear_tensors(context: PolicyContext, state: NetState, kind: str) -> dict[str, LinearMap]:
    """Return the weights, or the biases, of linear and convolutional layers.

    Parameters
    ----------
    context : PolicyContext
        Knows the structure.
    state : NetState
        Whose names are used. A tensor that layers share appears once, under the first of its names.
    kind : {"weight", "bias"}
        Which tensors.

    Returns
    -------
    dict of str to nn.Module
        The layer of each tensor.

    Raises
    ------
    ValueError
        If the structure is not known.
    """
    first = {id(tensor): name for name, tensor in state.unique().items()}
    found: dict[str, LinearMap] = {}
    for layer_name, layer in context.layers():
        name = tensor_name(layer_name, kind)
        # A parametrised layer keeps its weight under other names, and computes it.
        if isinstance(layer, LINEAR_MAPS) and name in state:
            found.setdefault(first[id(state[name])], layer)
    return found


def tensor_name(layer: str, kind: str) -> str:
    """Return the name of a layer's tensor; the network itself may be the layer."""
    return f"{layer}.{kind}" if layer else kind


@contextmanager
def watched(network: nn.Module, layers: set[str], note: Note) -> Iterator[None]:
    """Call ``note(name, given, result)`` whenever one of the layers has been called.

    Parameters
    ----------
    network : nn.Module
        The network.
    layers : set of str
        Names of its layers.
    note : callable
        Sees the tensors themselves; it must not change them.

    Yields
    ------
    None
        While it watches.
    """

    def hook_of(name: str) -> Callable[[nn.Module, tuple, object], None]:
        def hook(layer: nn.Module, given: tuple, result: object) -> None:
            if given and isinstance(given[0], Tensor) and isinstance(result, Tensor):
                note(name, given[0].detach(), result.detach())

        return hook

    handles = [
        layer.register_forward_hook(hook_of(name)) for name, layer in network.named_modules() if name in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
