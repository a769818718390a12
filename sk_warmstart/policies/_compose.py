"""Several policies, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from ..state import NetState
from ._base import InitPolicy, PolicyContext
from ._registry import resolve_policy


class Compose(InitPolicy):
    """Apply policies in order, each to the start that the one before it made.

    Parameters
    ----------
    policies : sequence of str or InitPolicy
        The policies, by name or as objects.

    Examples
    --------
    >>> from sk_warmstart.policies import Compose, ResetLayers, ShrinkPerturb
    >>> policy = Compose([ShrinkPerturb(0.8, 0.0, buffers="keep"), ResetLayers("last")])
    """

    def __init__(self, policies: Sequence[str | InitPolicy]):
        self.policies = policies

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Apply the policies; see :meth:`InitPolicy.start`."""
        state = previous.copy()
        for policy in self._resolved():
            state = policy.start(state, fresh, context)
        return state

    def keeps_previous(self) -> bool:
        """Return False if one of the policies forgets everything."""
        return all(policy.keeps_previous() for policy in self._resolved())

    def _resolved(self) -> list[InitPolicy]:
        return [resolve_policy(policy) for policy in self.policies]
