"""Keep a part of what was learned, draw the rest anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._registry import register
from ._layers import tensor_name


@register("reset_layers")
class ResetLayers(InitPolicy):
    """Take some layers from the fresh draw and keep the others.

    Parameters
    ----------
    which : "last", int, str, sequence of str or callable, default="last"
        The head; the last ``k`` layers that hold weights (a normalisation layer goes with the layer before
        it); a regular expression that is searched in the tensors' names; a list of names of layers, blocks of
        layers or tensors; or ``(name, layer) -> bool``, asked for each layer that has tensors of its own,
        normalisation included. A tensor that layers share is reset if it is named under any of its names; with
        ``"last"`` or a number it is kept if a layer that is kept has it.

    Raises
    ------
    ValueError
        If the rule finds no layer, or more layers than there are, or a name is unknown.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.policies import PolicyContext, ResetLayers
    >>> from sk_warmstart.state import NetState
    >>> net, new = (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)) for _ in range(2))
    >>> previous, fresh = NetState.from_module(net), NetState.from_module(new)
    >>> start = ResetLayers().start(previous, fresh, PolicyContext(module=net))
    >>> bool((start["0.weight"] == previous["0.weight"]).all())
    True
    >>> bool((start["1.weight"] == fresh["1.weight"]).all())
    True
    """

    def __init__(self, which: str | int | Sequence[str] | Callable[[str, nn.Module], bool] = "last"):
        self.which = which

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Reset the chosen layers; see :meth:`InitPolicy.start`."""
        chosen = self._tensors(previous, context)

        def rule(name: str, tensor: Tensor) -> Tensor:
            return (fresh[name] if name in chosen else tensor).clone()

        return previous.map(rule)

    def _tensors(self, previous: NetState, context: PolicyContext) -> set[str]:
        which = self.which
        if isinstance(which, str) and which != "last":
            try:
                pattern = re.compile(which)
            except re.error as error:
                raise ValueError(f"which={which!r} is no regular expression: {error}") from None
            found = {name for name in previous if pattern.search(name)}
            if not found:
                raise ValueError(f"which={which!r} matches none of the tensors {list(previous)}")
        elif callable(which):
            found = _accepted(which, previous, context)
        elif isinstance(which, Sequence) and which != "last":
            found = _listed(which, previous)
        else:
            return _last(which, previous, context)
        shared = {id(previous[name]) for name in found}
        return {name for name, tensor in previous.items() if id(tensor) in shared}


def _last(which: object, previous: NetState, context: PolicyContext) -> set[str]:
    k = 1 if which == "last" else which
    layers = [name for name, _ in context.layers()]
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(layers):
        raise ValueError(
            f"which must be 'last', a pattern or a number from 1 to {len(layers)} (the layers that hold "
            f"weights), a list of names or a callable, got {which!r}"
        )
    # Registration order: from the first reset layer to the end, what lies between goes along.
    names = list(previous)
    first = next(i for i, name in enumerate(names) if name.rpartition(".")[0] == layers[-k])
    return set(names[first:])


def _listed(which: Sequence[str], previous: NetState) -> set[str]:
    found: set[str] = set()
    for wanted in which:
        named = {name for name in previous if name == wanted or name.startswith(f"{wanted}.")}
        if not named:
            layers = sorted({name.rpartition(".")[0] for name in previous})
            raise ValueError(f"which names {wanted!r}, which is none of the layers {layers} nor a block of them")
        found |= named
    if not found:
        raise ValueError("which is an empty list: use 'warm' to reset nothing")
    return found


def _accepted(which: Callable[[str, nn.Module], bool], previous: NetState, context: PolicyContext) -> set[str]:
    own = {
        layer_name: [
            name
            for key, _ in [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
            if (name := tensor_name(layer_name, key)) in previous
        ]
        for layer_name, layer in context.structure().named_modules()
    }
    layers = dict(context.structure().named_modules())
    asked = [name for name, tensors in own.items() if tensors]
    found = {tensor for name in asked if which(name, layers[name]) for tensor in own[name]}
    if not found:
        raise ValueError(f"which={which!r} accepts none of the layers {asked}")
    return found
