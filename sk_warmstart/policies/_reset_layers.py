"""Keep a part of what was learned, draw the rest anew."""

from __future__ import annotations

import re

from torch import Tensor

from ..state import NetState
from ._base import InitPolicy, PolicyContext


class ResetLayers(InitPolicy):
    """Take some layers from the fresh draw and keep the others.

    Parameters
    ----------
    which : "last", int or str, default="last"
        The head; the last ``k`` layers that hold weights (a normalisation layer goes with the layer before
        it); or a regular expression that is searched in the tensors' names.

    Raises
    ------
    ValueError
        If the rule finds no layer, or more layers than there are.

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

    def __init__(self, which: str | int = "last"):
        self.which = which

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Reset the chosen layers; see :meth:`InitPolicy.start`."""
        chosen = self._tensors(previous, context)

        def rule(name: str, tensor: Tensor) -> Tensor:
            return (fresh[name] if name in chosen else tensor).clone()

        return previous.map(rule)

    def _tensors(self, previous: NetState, context: PolicyContext) -> set[str]:
        if isinstance(self.which, str) and self.which != "last":
            chosen = {name for name in previous if re.search(self.which, name)}
            if not chosen:
                raise ValueError(f"which={self.which!r} matches none of the tensors {list(previous)}")
            return chosen
        k = 1 if self.which == "last" else self.which
        layers = [name for name, _ in context.layers()]
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= len(layers):
            raise ValueError(
                f"which must be 'last', a pattern or a number from 1 to {len(layers)} (the layers that hold "
                f"weights), got {self.which!r}"
            )
        # Registration order: from the first reset layer to the end, what lies between goes along.
        names = list(previous)
        first = next(i for i, name in enumerate(names) if _layer_of(name) == layers[-k])
        return set(names[first:])


def _layer_of(tensor_name: str) -> str:
    return tensor_name.rpartition(".")[0]
