"""Kinds of layers, and names of layers and tensors."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from .._compat._torch import Convolution, NormWithStatistics

LinearMap = nn.Linear | Convolution

LINEAR_MAPS = (nn.Linear, Convolution)
NORM_LAYERS = (NormWithStatistics, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def is_normalisation(layer: nn.Module) -> bool:
    """Tell whether a layer normalises: a class of torch's, or one that is named so and only scales and shifts."""
    if isinstance(layer, NORM_LAYERS):
        return True
    own = list(layer.parameters())
    return "norm" in type(layer).__name__.lower() and bool(own) and all(p.ndim == 1 for p in own)


def tensor_name(layer: str, kind: str) -> str:
    """Return the name of a layer's tensor; the network itself may be the layer."""
    return f"{layer}.{kind}" if layer else kind


def own_tensors(layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers of a layer itself, without those of the layers inside it."""
    yield from layer.named_parameters(recurse=False, remove_duplicate=False)
    yield from layer.named_buffers(recurse=False, remove_duplicate=False)


def weighted_layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the layers that hold parameters of their own, normalisation left out, in the module's order."""
    return [
        (name, layer)
        for name, layer in network.named_modules()
        if not is_normalisation(layer) and next(layer.parameters(recurse=False), None) is not None
    ]


def normalisation_tensors(network: nn.Module) -> set[str]:
    """Return the names of the parameters and buffers that belong to normalisation layers."""
    return {
        tensor_name(prefix, name)
        for prefix, layer in network.named_modules()
        if is_normalisation(layer)
        for name in layer.state_dict()
    }
