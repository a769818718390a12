"""Names of the policies."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sklearn.base import clone

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
    policy : str or InitPolicy
        A name of :func:`policy_names`, or a policy.
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
        resolved, known = _class_of(policy)(), f"init_policy={policy!r}"
    elif callable(getattr(policy, "start", None)) and not isinstance(policy, type):
        resolved, known = policy, f"the policy {type(policy).__name__}"  # type: ignore[assignment]
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
            f"{known} has no parameter {', '.join(map(repr, unknown))}; it has {sorted(resolved.get_params())}"
        )
    return clone(resolved).set_params(**params)


def check_policies(policy: InitPolicy) -> list[Any]:
    """Return the policies that are a parameter of a policy, after checking that each of them is one.

    Parameters
    ----------
    policy : InitPolicy
        The policy; its parameter is called ``policies``.

    Returns
    -------
    list
        The policies, as they were given.

    Raises
    ------
    ValueError
        If there is none, or something else among them.
    """
    given, of = policy.policies, type(policy).__name__
    if isinstance(given, str) or not hasattr(given, "__iter__") or not list(given):
        raise ValueError(f"policies of {of} must be several policies, got {given!r}")
    for each in given:
        try:
            resolve_policy(each)
        except ValueError as error:
            raise ValueError(f"policies of {of}: {error}") from None
    return list(given)


def _class_of(name: str) -> type[InitPolicy]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    module, cls = _CHOOSING[name]
    return getattr(import_module(f".{module}", __package__), cls)
