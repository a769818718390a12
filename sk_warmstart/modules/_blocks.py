"""Blocks of a network, bottom to top: elements of lists of alike modules, and what lies around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from torch import nn

from ._structure import tensor_name

_LISTS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)


def block_names(network: nn.Module, layers: Sequence[str]) -> list[str]:
    """Return the names of blocks, bottom to top, given those of the layers, of which the last is the head.

    A list with two or more modules of one class, of several layers each, gives a block for each of them; what
    lies beside such a list, or beside a module that holds one, is a block too, and the head one of its own. A
    network without such lists has its layers for blocks.
    """
    if not any(_is_repeated(name, part, layers) for name, part in network.named_modules()):
        return list(layers)
    blocks = list(_blocks_in("", network, layers))
    top = next(block for block in blocks if layers[-1] in _layers_in(block, layers))
    return [*(block for block in blocks if block != top), top]


def _blocks_in(name: str, module: nn.Module, layers: Sequence[str]) -> Iterator[str]:
    repeated = _repeated_classes(name, module, layers)
    for own_name, child in module.named_children():
        child_name = tensor_name(name, own_name)
        inside = _layers_in(child_name, layers)
        if not inside:
            continue
        if type(child) in repeated:
            yield child_name
        elif any(_is_repeated(own, part, layers) for own, part in child.named_modules(prefix=child_name)):
            yield from _blocks_in(child_name, child, layers)
        elif layers[-1] in inside:
            yield from inside
        else:
            yield child_name


def _is_repeated(name: str, module: nn.Module, layers: Sequence[str]) -> bool:
    return bool(_repeated_classes(name, module, layers))


def _repeated_classes(name: str, module: nn.Module, layers: Sequence[str]) -> set[type]:
    """Classes of which a list has two or more modules that hold several layers."""
    if not isinstance(module, _LISTS):
        return set()
    children = module.named_children()
    large = [type(child) for own, child in children if len(_layers_in(tensor_name(name, own), layers)) > 1]
    return {cls for cls, count in Counter(large).items() if count > 1}


def _layers_in(name: str, layers: Sequence[str]) -> list[str]:
    return [layer for layer in layers if not name or layer == name or layer.startswith(f"{name}.")]
