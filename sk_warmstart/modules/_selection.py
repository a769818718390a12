"""Layers of a network from bottom to top, and the choice of some of its tensors by ``which``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from .._parameters import is_integer
from ._blocks import block_names
from ._structure import own_tensors, tensor_name, weighted_layers

Which = str | int | Sequence[str] | Callable[[str, nn.Module], bool]

_PARAMETRISED = re.compile(r"\.?parametrizations\..*")


def layer_names(network: nn.Module) -> list[str]:
    """Return the names of the layers that hold weights, from bottom to top, the head last.

    The head is the last of them, or the layer that the network's attribute ``output_layer`` names.
    """
    # A parametrised layer keeps its weight in a layer inside it.
    layers = list(dict.fromkeys(_PARAMETRISED.sub("", name) for name, _ in weighted_layers(network)))
    head = getattr(network, "output_layer", None)
    if isinstance(head, str) and head in layers:
        layers.remove(head)
        layers.append(head)
    return layers


def layers_upwards(network: nn.Module, blocks: Sequence[str] | None = None) -> list[list[str]]:
    """Return the names of the parameters, block by block, the head last; no block is empty.

    A parameter that blocks share belongs to the highest of them, and normalisation to the block before it.
    """
    if next(network.parameters(), None) is None:
        raise ValueError(f"{type(network).__name__} has no parameters")
    layers = block_names(network, layer_names(network)) if blocks is None else _checked_blocks(network, blocks)
    places = _places(network, layers)
    highest: dict[int, int] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        highest[id(parameter)] = max(places[name], highest.get(id(parameter), 0))
    groups: list[list[str]] = [[] for _ in layers] or [[]]
    for name, parameter in network.named_parameters():
        groups[highest[id(parameter)]].append(name)
    return [group for group in groups if group]


def select_tensors(which: Which, network: nn.Module) -> set[str]:
    """Return the names of the parameters and buffers that a rule chooses, a shared tensor under all its names.

    ``"head"``, ``"body"`` (all but the head) and the last ``k`` blocks leave out what they share with other
    layers; a pattern, a list or a callable chooses what it finds under any name.
    """
    tensors = _tensors(network)
    if callable(which) and not isinstance(which, str):
        named = _accepted(which, network)
    elif isinstance(which, str) and which not in ("head", "body"):
        named = _matching(which, tensors)
    elif isinstance(which, str) or is_integer(which):
        return _counted(which, network, tensors)  # type: ignore[arg-type]
    elif hasattr(which, "__iter__"):
        named = _listed(list(which), network, tensors)
    else:
        raise ValueError(_wrong(which, network))
    chosen = {id(tensors[name]) for name in named}
    return {name for name, tensor in tensors.items() if id(tensor) in chosen}


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, in the order of the state dict; a shared one under each name."""
    return {
        tensor_name(prefix, name): tensor
        for prefix, layer in network.named_modules(remove_duplicate=False)
        for name, tensor in own_tensors(layer)
    }


def _places(network: nn.Module, layers: Sequence[str], before: int = 0) -> dict[str, int]:
    """For each tensor the number of its layer; what is in none goes with the one before it."""
    places: dict[str, int] = {}
    current = before
    for name in _tensors(network):
        homes = [i for i, layer in enumerate(layers) if _is_in(name, layer)]
        current = max(homes, key=lambda i: len(layers[i])) if homes else current
        places[name] = current
    return places


def _counted(which: str | int, network: nn.Module, tensors: dict[str, Tensor]) -> set[str]:
    """The head, the body, or the last k blocks."""
    layers = layer_names(network)
    if not isinstance(which, str):
        layers = block_names(network, layers)
    n = len(layers)
    k = 1 if isinstance(which, str) else int(which)
    if not 1 <= k <= n:
        raise ValueError(_wrong(which, network))
    if which == "body" and n == 1:
        raise ValueError(f"which='body' finds nothing: {type(network).__name__} has one layer and no body")
    places = _places(network, layers, before=-1)
    upper = {name for name, place in places.items() if place >= n - k}
    chosen = set(tensors) - upper if which == "body" else upper
    others = {id(tensor) for name, tensor in tensors.items() if name not in chosen}
    return {name for name in chosen if id(tensors[name]) not in others}


def _matching(pattern: str, tensors: dict[str, Tensor]) -> set[str]:
    try:
        found = {name for name in tensors if re.search(pattern, name)}
    except re.error as error:
        raise ValueError(f"which={pattern!r} is no regular expression: {error}") from None
    if not found:
        raise ValueError(f"which={pattern!r} matches none of the tensors {list(tensors)}")
    return found


def _listed(which: Sequence[str], network: nn.Module, tensors: dict[str, Tensor]) -> set[str]:
    if not which:
        raise ValueError("which is an empty list: name at least one layer, block or tensor")
    unknown = [
        each for each in which if not isinstance(each, str) or not any(_is_in(name, each) for name in tensors)
    ]
    if unknown:
        raise ValueError(
            f"which names {unknown}, which are none of the layers {layer_names(network)}, nor blocks of layers or "
            "tensors"
        )
    return {name for name in tensors for each in which if _is_in(name, each)}


def _accepted(which: Callable[[str, nn.Module], bool], network: nn.Module) -> set[str]:
    own = {name: [*own_tensors(layer)] for name, layer in network.named_modules()}
    asked = {name: layer for name, layer in network.named_modules() if own[name]}
    found = {tensor_name(name, key) for name, layer in asked.items() if which(name, layer) for key, _ in own[name]}
    if not found:
        raise ValueError(f"which={which!r} accepts none of the layers {list(asked)}")
    return found


def _checked_blocks(network: nn.Module, blocks: Sequence[str]) -> list[str]:
    known = [name for name, _ in network.named_modules() if name]
    listed = [] if isinstance(blocks, str) or not hasattr(blocks, "__iter__") else list(blocks)
    if not listed or not set(listed) <= set(known):
        raise ValueError(f"blocks must be names of blocks, from bottom to top, out of {known}, got {blocks!r}")
    return listed


def _is_in(name: str, block: str) -> bool:
    if not block:  # the network itself holds what is in no layer
        return "." not in name
    return name == block or name.startswith(f"{block}.")


def _wrong(which: object, network: nn.Module) -> str:
    n = len(block_names(network, layer_names(network)))
    return (
        f"which must be 'head', 'body', a number of layers from 1 to {n}, a pattern, "
        f"a list of names or a callable, got {which!r}"
    )
