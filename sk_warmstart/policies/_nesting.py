"""Policies inside a policy: each with the donors that it brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..state import NetState
from ._base import InitPolicy
from ._context import PolicyContext
from ._registry import resolve_policy


@dataclass(frozen=True)
class NestedPolicy:
    """A policy inside another one, by name, and the place of its first donor among all of the outer one's."""

    name: str
    policy: InitPolicy
    first: int

    def start(
        self, previous: NetState, fresh: NetState, context: PolicyContext
    ) -> tuple[NetState, dict[str, Any]]:
        """Return the start that it makes from its own sources, and what it notes."""
        n_sources = len(self.policy.donors())
        own = replace(context, notes={}, sources=context.sources[self.first : self.first + n_sources])
        state = self.policy.start(previous, fresh, own)
        if "source" in own.notes:
            own.notes["source"] += self.first
        return state, own.notes


def nested_policies(named: Iterable[tuple[str, Any]], n_sources: int = 0) -> list[NestedPolicy]:
    """Resolve the policies inside a policy; ``n_sources`` donors are the outer one's own and come first."""
    found: list[NestedPolicy] = []
    first = n_sources
    for name, given in named:
        policy = resolve_policy(given)
        found.append(NestedPolicy(name, policy, first))
        first += len(policy.donors())
    return found


def donors_of(nested: Sequence[NestedPolicy]) -> list[Any]:
    """Return the donors of all policies inside a policy, in their order."""
    return [donor for each in nested for donor in each.policy.donors()]


def check_policies(policy: InitPolicy) -> list[tuple[str, Any]]:
    """Return the candidates in a policy's parameter ``policies``, with their names, or raise a ValueError."""
    given, of = policy.policies, type(policy).__name__
    if isinstance(given, str) or not hasattr(given, "__iter__") or not list(given):
        raise ValueError(f"policies of {of} must be several policies, got {given!r}")
    try:
        resolved = [(each, resolve_policy(each)) for each in given]
    except ValueError as error:
        raise ValueError(f"policies of {of}: {error}") from None
    return [(each if isinstance(each, str) else " ".join(repr(found).split()), found) for each, found in resolved]
