"""The two ends of every comparison: start from nothing, start from all."""

from __future__ import annotations

from ...state import NetState
from .._base import InitPolicy
from .._context import PolicyContext
from .._registry import register


@register("cold")
class Cold(InitPolicy):
    """Start from the fresh draw, parameters and buffers.

    Examples
    --------
    >>> from sk_warmstart.policies import Cold
    >>> Cold().keeps_previous()
    False
    """

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Return the fresh state; see :meth:`InitPolicy.start`."""
        return fresh.copy()

    def keeps_previous(self) -> bool:
        """Return False."""
        return False


@register("warm")
class Warm(InitPolicy):
    """Start from the previous state, unchanged.

    Examples
    --------
    >>> from sk_warmstart.policies import Warm
    >>> Warm().keeps_previous()
    True
    """

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Return the previous state; see :meth:`InitPolicy.start`."""
        return previous.copy()
