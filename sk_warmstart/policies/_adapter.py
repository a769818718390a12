"""Objects with a method start, as init policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from sklearn.base import clone

from ..state import NetState
from ._base import InitPolicy
from ._context import PolicyContext


class PolicyAdapter(InitPolicy):
    """Init policy around an object that is none, but can start; parameters and name are the object's."""

    def __init__(self, policy: Any):
        self.policy = policy

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        """Ask the object."""
        return self.policy.start(previous, fresh, context)

    def donors(self) -> Sequence[Any]:
        """Ask the object, if it has an answer."""
        return self.policy.donors() if hasattr(self.policy, "donors") else super().donors()

    def keeps_previous(self) -> bool:
        """Ask the object, if it has an answer."""
        return self.policy.keeps_previous() if hasattr(self.policy, "keeps_previous") else super().keeps_previous()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the object's parameters, if it has any."""
        return self.policy.get_params(deep=deep) if hasattr(self.policy, "get_params") else {}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the object."""
        if params:
            self.policy.set_params(**params)
        return self

    def __sklearn_clone__(self) -> PolicyAdapter:
        return PolicyAdapter(clone(self.policy, safe=False))

    def __repr__(self) -> str:
        # An address in memory would give the same policy another name in each process.
        return f"{policy_name(self)}()" if type(self.policy).__repr__ is object.__repr__ else repr(self.policy)


def policy_name(policy: InitPolicy) -> str:
    """Return the name of a policy's class, or of the class of the object that it adapts."""
    return type(policy.policy if isinstance(policy, PolicyAdapter) else policy).__name__
