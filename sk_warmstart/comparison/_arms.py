"""What is compared: one start policy an arm, on the same estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ..estimators import WarmStartMixin
from ..policies import policy_names, resolve_policy

REFERENCE = "cold"


@dataclass(frozen=True)
class Arm:
    """One side of the comparison.

    Parameters
    ----------
    name : str
        Its name.
    params : dict
        What is set on the estimator; empty for an estimator of another library.
    cold : bool
        Whether nothing of the previous state is used.
    """

    name: str
    params: dict[str, Any]
    cold: bool


def last_step(estimator: Any) -> Any:
    """Return the estimator itself, or the last step of a Pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def make_arms(policies: Iterable[Any] | Mapping[str, Any], estimator: Any) -> list[Arm]:
    """Turn the user's policies into arms, the cold one first.

    Parameters
    ----------
    policies : iterable of str or InitPolicy, or mapping
        Names, objects, or a mapping from a name to a policy or to parameters. Parameters are the
        estimator's where it has them (``{"keep": {"init_policy": "warm", "optimizer_state": "keep"}}``) and
        the policy's of that name elsewhere (``{"shrink_perturb": {"shrink": 0.5}}``).
    estimator : estimator
        What they are set on.

    Returns
    -------
    list of Arm
        The arms.

    Raises
    ------
    ValueError
        If there is no cold arm, a name occurs twice, or the estimator cannot start as asked.
    """
    if isinstance(policies, str):
        raise ValueError(f"policies must be several policies, as in ('cold', {policies!r})")
    named = policies.items() if isinstance(policies, Mapping) else ((_name(p), p) for p in policies)
    net = last_step(estimator)
    arms = [_arm(name, value, net) for name, value in named]
    names = [arm.name for arm in arms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"policies holds {twice[0]!r} twice: give the arms names of their own in a dict")
    if REFERENCE not in names:
        raise ValueError(f"policies must hold {REFERENCE!r}, which the others are compared with; got {names}")
    if not arms[names.index(REFERENCE)].cold:
        raise ValueError(f"the arm {REFERENCE!r} is the reference and must start cold: give yours another name")
    if len(arms) < 2:
        raise ValueError("policies must hold at least one policy beside 'cold'")
    return sorted(arms, key=lambda arm: arm.name != REFERENCE)


def _name(policy: Any) -> str:
    return policy if isinstance(policy, str) else " ".join(repr(policy).split())


def _arm(name: str, value: Any, net: Any) -> Arm:
    if not isinstance(net, WarmStartMixin):
        return _foreign_arm(name, value, net)
    params = dict(value) if isinstance(value, Mapping) else {"init_policy": value}
    own = net.get_params()
    policy_params = {key: params.pop(key) for key in list(params) if key not in own}
    policy = params.get("init_policy", name)
    if not isinstance(value, Mapping) or policy in policy_names() or not isinstance(policy, str):
        resolved = resolve_policy(policy, **policy_params)
    else:
        raise ValueError(
            f"the arm {name!r} names no policy: add 'init_policy', one of {policy_names()} or an object"
        )
    params["init_policy"] = resolved
    trial = clone(net).set_params(**params)
    return Arm(name, params, cold=not resolve_policy(trial.init_policy).keeps_previous())


def _foreign_arm(name: str, value: Any, net: Any) -> Arm:
    if name not in ("cold", "warm"):
        raise ValueError(
            f"{type(net).__name__} knows only the arms 'cold' and 'warm'; {name!r} needs a "
            "WarmStartClassifier or WarmStartRegressor"
        )
    if not (isinstance(value, str | Mapping) and value in (name, {})):
        raise ValueError(f"{type(net).__name__} has no start policies: the arm {name!r} takes no parameters")
    if not hasattr(net, "get_params") or "warm_start" not in net.get_params():
        raise ValueError(
            f"{type(net).__name__} has no parameter warm_start, so it cannot start warm: use a "
            "WarmStartClassifier, a WarmStartRegressor or an estimator with warm_start"
        )
    return Arm(name, {}, cold=name == "cold")
