"""Names of the policies."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sklearn.base import clone

from ._adapter import PolicyAdapter, policy_name
from ._base import InitPolicy
from ._dash import Dash
from ._fire import Fire
from ._linear_probe import LinearProbe
from ._recycle_dormant import RecycleDormant
from ._reference import Cold, Warm
from ._reset_layers import ResetLayers
from ._shrink_perturb import Interpolate, ShrinkPerturb

# These resolve the names of others themselves, so they are found only when they are asked for.
_CHOOSING = {"best_of": ("_best_of", "BestOf"), "auto": ("_auto", "Auto")}
_BY_NAME: dict[str, type[InitPolicy]] = {
    "cold": Cold,
    "warm": Warm,
    "shrink_perturb": ShrinkPerturb,
    "interpolate": Interpolate,
    "dash": Dash,
    "fire": Fire,
    "reset_head": ResetLayers,
    "reset_layers": ResetLayers,
    "recycle_dormant": RecycleDormant,
    "linear_probe": LinearProbe,
}


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
    return [*_BY_NAME, *_CHOOSING]


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
    >>> resolve_policy("interpolate", c=0.5)
    Interpolate(c=0.5)
    """
    if isinstance(policy, str) and policy in policy_names():
        resolved, owner = _class_of(policy)(), f"init_policy={policy!r}"
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


def _class_of(name: str) -> type[InitPolicy]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    module, cls = _CHOOSING[name]
    return getattr(import_module(f".{module}", __package__), cls)
