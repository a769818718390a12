"""Reset of some layers to the fresh draw."""

from __future__ import annotations

from torch import Tensor

from ..._warning import warn_renamed
from ...modules._selection import Which, select_tensors
from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._registry import register


@register("reset_layers")
class ResetLayers(InitPolicy):
    """Take some layers from the fresh draw and keep the others.

    Parameters
    ----------
    which : {"head", "body"}, int, str, sequence of str or callable, default="head"
        ``"head"`` is the last layer that holds weights, or the one that the network's attribute ``output_layer``
        names; ``"body"`` is all but the head; a number is that of the last layers that hold weights (a
        normalisation layer goes with the layer before it), or, in a network that repeats blocks of layers, of the
        last blocks, by the rule in the Notes of :class:`~sk_warmstart.callbacks.LayerwiseLR`. Any other string is
        a regular expression that is searched in the tensors' names; a list has names of layers, blocks of layers
        or tensors; a callable ``(name, layer) -> bool`` is asked for each layer that has tensors of its own,
        normalisation included. A tensor that layers share is reset if a pattern, a list or a callable finds it
        under any of its names, and otherwise only if all the layers that have it are.
        :class:`~sk_warmstart.callbacks.Freeze` takes the same.

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

    def __init__(self, which: Which = "head"):
        self.which = which

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Reset the chosen layers; see :meth:`InitPolicy.start`."""
        which = self.which
        if isinstance(which, str) and which == "last":
            warn_renamed("which='last' of ResetLayers", "'head'")
            which = "head"
        chosen = select_tensors(which, context.structure())

        def rule(name: str, tensor: Tensor) -> Tensor:
            return (fresh[name] if name in chosen else tensor).clone()

        return previous.map(rule)
