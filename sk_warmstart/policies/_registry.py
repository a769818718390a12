"""Policies by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn.base import clone

from .._warning import warn_renamed
from ._adapter import PolicyAdapter, policy_name
from ._base import InitPolicy

P = TypeVar("P", bound=type[InitPolicy])

_CLASSES: dict[str, type[InitPolicy]] = {}
_OLD_NAMES = {"reset_head": "reset_layers"}


def register(name: str) -> Callable[[P], P]:
    """Return a decorator that gives a class its name."""

    def decorate(policy: P) -> P:
        _CLASSES[name] = policy
        return policy

    return decorate


def policy_names() -> list[str]:
    """Return the names that :func:`resolve_policy` knows.

    Returns
    -------
    list of str
        The names.

    Examples
    --------
    >>> from sk_warmstart.policies import policy_names
    >>> "warm" in policy_names()
    True
    """
    return sorted(_CLASSES, key=lambda name: (name not in ("cold", "warm"), name))


def resolve_policy(policy: str | InitPolicy, **params: Any) -> InitPolicy:
    """Turn a name into a policy.

    Parameters
    ----------
    policy : str, InitPolicy or object
        A name of :func:`policy_names`, a policy, or an object with ``start(previous, fresh, context)``.
    **params
        Parameters of the policy that replace its own. A policy object is not changed.

    Returns
    -------
    InitPolicy
        The policy.

    Raises
    ------
    ValueError
        If the name is unknown or the policy has no such parameter.

    Examples
    --------
    >>> from sk_warmstart.policies import resolve_policy
    >>> resolve_policy("interpolate", fresh_share=0.5)
    Interpolate(fresh_share=0.5)
    """
    if isinstance(policy, str) and policy in _OLD_NAMES:
        warn_renamed(f"the policy {policy!r}", repr(_OLD_NAMES[policy]))
        policy = _OLD_NAMES[policy]
    if isinstance(policy, str) and policy in _CLASSES:
        resolved, owner = _CLASSES[policy](), f"init_policy={policy!r}"
    elif callable(getattr(policy, "start", None)) and not isinstance(policy, type):
        resolved = policy if isinstance(policy, InitPolicy) else PolicyAdapter(policy)
        owner = f"the policy {policy_name(resolved)}"
    else:
        raise ValueError(
            f"init_policy must be one of {policy_names()} or an object with start(previous, fresh, context), "
            f"got {policy!r}"
        )
    if not params:
        return resolved
    unknown = sorted(set(params) - set(resolved.get_params()))
    if unknown:
        raise ValueError(
            f"{owner} has no parameter {', '.join(map(repr, unknown))}; it has {sorted(resolved.get_params())}"
        )
    return clone(resolved).set_params(**params)
