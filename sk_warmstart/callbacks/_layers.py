"""The layers of a network from bottom to top, and the choice of some of its tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..policies import PolicyContext

_PARAMETRISED = re.compile(r"\.?parametrizations\..*")

Which = str | Sequence[str] | Callable[[str, nn.Module], bool]


def module_of(net: Any) -> nn.Module:
    """Return the network of a net, criterion and compilation left aside."""
    return getattr(net.module_, "_orig_mod", net.module_)


def layers_upwards(module: nn.Module, blocks: Sequence[str] | None = None) -> list[list[str]]:
    """Return the names of the parameters, layer by layer, the head last.

    What has no weights of its own kind, such as normalisation, goes with the layer before it. A parameter that
    layers share belongs to the highest of them.

    Parameters
    ----------
    module : nn.Module
        The network. Its attribute ``output_layer``, if it is a name, names the head.
    blocks : sequence of str or None, default=None
        Names of blocks of layers, from bottom to top, that count as one layer each.

    Returns
    -------
    list of list of str
        One list a layer; none is empty.

    Raises
    ------
    ValueError
        If a block does not exist, or there are no parameters.
    """
    named = list(module.named_parameters(remove_duplicate=False))
    if not named:
        raise ValueError(f"{type(module).__name__} has no parameters")
    starts = _starts(module) if blocks is None else _checked(module, blocks)
    place: dict[int, int] = {}
    current = 0
    for name, parameter in named:
        home = [i for i, start in enumerate(starts) if _is_in(name, start)]
        # What belongs to no layer goes with the one before it.
        current = max(home, key=lambda i: len(starts[i])) if home else current
        place[id(parameter)] = max(current, place.get(id(parameter), 0))
    groups: list[list[str]] = [[] for _ in starts] or [[]]
    for name, parameter in module.named_parameters():
        groups[place[id(parameter)]].append(name)
    return [group for group in groups if group]


def body_of(module: nn.Module) -> set[str]:
    """Return the names of all parameters and buffers but those of the head.

    Parameters
    ----------
    module : nn.Module
        The network.

    Returns
    -------
    set of str
        Names. A parameter that the head shares is the head's.

    Raises
    ------
    ValueError
        If there is nothing but a head.
    """
    lower = layers_upwards(module)[:-1]
    if not lower:
        raise ValueError(f"{type(module).__name__} has one layer: there is no body to freeze")
    layer = _starts(module)[-1]
    buffers = {name for name, _ in module.named_buffers() if not _is_in(name, layer)}
    return {name for group in lower for name in group} | buffers


def chosen_tensors(which: Which, module: nn.Module) -> set[str]:
    """Return the names of the parameters and buffers that a rule chooses.

    Parameters
    ----------
    which : "body", str, sequence of str or callable
        All but the head; a regular expression that is searched in the names; names of tensors, layers or blocks;
        or ``(name, layer) -> bool``, asked for each layer that has tensors of its own.
    module : nn.Module
        The network.

    Returns
    -------
    set of str
        At least one name.

    Raises
    ------
    ValueError
        If nothing is chosen, or a name is unknown.
    """
    names = [name for name, _ in [*module.named_parameters(), *module.named_buffers()]]
    if isinstance(which, str):
        found = body_of(module) if which == "body" else _matching(which, names)
    elif callable(which):
        found = set()
        for layer_name, layer in module.named_modules():
            own = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
            if own and which(layer_name, layer):
                found |= {f"{layer_name}.{name}" if layer_name else name for name, _ in own}
    elif not hasattr(which, "__iter__"):
        raise ValueError(f"which must be 'body', a pattern, a list of names or a callable, got {which!r}")
    else:
        listed = list(which)
        unknown = [wanted for wanted in listed if not any(_is_in(name, wanted) for name in names)]
        if unknown:
            raise ValueError(f"which names {unknown}, which are none of the tensors {names} nor blocks of them")
        found = {name for name in names for wanted in listed if _is_in(name, wanted)}
    if not found:
        raise ValueError(f"which={which!r} chooses none of the tensors {names}")
    return found


def _matching(pattern: str, names: Sequence[str]) -> set[str]:
    try:
        return {name for name in names if re.search(pattern, name)}
    except re.error as error:
        raise ValueError(f"which={pattern!r} is no regular expression: {error}") from None


def _starts(module: nn.Module) -> list[str]:
    """Names of the layers that hold weights, in the module's order and the head last."""
    held = [_PARAMETRISED.sub("", name) for name, _ in PolicyContext(module=module).layers()]
    layers = list(dict.fromkeys(held))
    head = getattr(module, "output_layer", None)
    if isinstance(head, str) and head in layers:
        layers.remove(head)
        layers.append(head)
    return layers


def _checked(module: nn.Module, blocks: Sequence[str]) -> list[str]:
    known = [name for name, _ in module.named_modules() if name]
    listed = [] if isinstance(blocks, str) or not hasattr(blocks, "__iter__") else list(blocks)
    if not listed or not set(listed) <= set(known):
        raise ValueError(f"blocks must be names of blocks, from bottom to top, out of {known}, got {blocks!r}")
    return listed


def _is_in(name: str, block: str) -> bool:
    if not block:  # the network itself holds what is in no layer
        return "." not in name
    return name == block or name.startswith(f"{block}.")
