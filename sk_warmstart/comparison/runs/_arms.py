"""What is compared: one start policy an arm, on the same estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from ...estimators import WarmStartMixin
from ...policies import policy_names, resolve_policy
from .._names import INCUMBENT, REFERENCE


@dataclass(frozen=True)
class Option:
    """One way to train an arm; an arm that is tuned has several.

    Parameters
    ----------
    params : dict
        What is set on the estimator; empty for an estimator of another library.
    told : str, default=""
        The tuned parameters in words.
    """

    params: dict[str, Any]
    told: str = ""


@dataclass(frozen=True)
class Arm:
    """One side of the comparison.

    Parameters
    ----------
    name : str
        Its name.
    options : tuple of Option
        What is tried in each phase; the validation rows choose.
    cold : bool
        Whether nothing of the previous state is used.
    """

    name: str
    options: tuple[Option, ...]
    cold: bool


def last_step(estimator: Any) -> Any:
    """Return the estimator itself, or the last step of a Pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def make_arms(
    policies: Iterable[Any] | Mapping[str, Any], estimator: Any, tune: Mapping[str, Any] | None = None
) -> list[Arm]:
    """Turn the user's policies into arms, the cold one first.

    Parameters
    ----------
    policies : iterable of str or InitPolicy, or mapping
        Names, objects, or a mapping from a name to a policy or to parameters. Parameters are the
        estimator's where it has them (``{"keep": {"init_policy": "warm", "optimizer_state": "keep"}}``) and
        the policy's of that name elsewhere (``{"shrink_perturb": {"shrink": 0.5}}``).
    estimator : estimator
        What they are set on.
    tune : mapping of str to parameter grid, default=None
        For an arm, the parameters to choose among.

    Returns
    -------
    list of Arm
        The arms.

    Raises
    ------
    ValueError
        If there is no cold arm, a name occurs twice, or the estimator cannot start or be tuned as asked.
    """
    if isinstance(policies, str):
        raise ValueError(f"policies must be several policies, as in ('cold', {policies!r})")
    if not hasattr(policies, "__iter__"):
        raise ValueError(f"policies must be several policies, as in ('cold', 'warm'), got {policies!r}")
    pairs = list(policies.items()) if isinstance(policies, Mapping) else [(_name(p), p) for p in policies]
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"policies holds {twice[0]!r} twice: give the arms names of their own in a dict")
    if REFERENCE not in names:
        raise ValueError(f"policies must hold {REFERENCE!r}, which the others are compared with; got {names}")
    if INCUMBENT in names:
        raise ValueError(f"no policy can be called {INCUMBENT!r}: pass the model in use as incumbent=")
    grids = _grids(tune, names)
    net = last_step(estimator)
    arms = [_arm(name, value, net, grids.get(name, [])) for name, value in pairs]
    if not arms[names.index(REFERENCE)].cold:
        raise ValueError(f"the arm {REFERENCE!r} is the reference and must start cold: give yours another name")
    if len(arms) < 2:
        raise ValueError("policies must hold at least one policy beside 'cold'")
    return sorted(arms, key=lambda arm: arm.name != REFERENCE)


def _name(policy: Any) -> str:
    return policy if isinstance(policy, str) else " ".join(repr(policy).split())


def _grids(tune: Mapping[str, Any] | None, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    if tune is None:
        return {}
    if not isinstance(tune, Mapping):
        raise ValueError("tune must map an arm to a parameter grid, as in {'dash': {'shrink': [0.1, 0.3]}}")
    unknown = [name for name in tune if name not in names]
    if unknown:
        raise ValueError(f"tune knows no arm {unknown[0]!r}; the arms are {names}")
    grids = {}
    for name, grid in tune.items():
        try:
            grids[name] = list(ParameterGrid(grid))
        except (TypeError, ValueError) as error:
            raise ValueError(f"tune of the arm {name!r}: {error}") from None
    return grids


def _arm(name: str, value: Any, net: Any, grid: list[dict[str, Any]]) -> Arm:
    if not isinstance(net, WarmStartMixin):
        return _foreign_arm(name, value, net, grid)
    if not grid:
        params = _params(name, value, net)
        return Arm(name, (Option(params),), cold=_is_cold(net, params))
    base = dict(value) if isinstance(value, Mapping) else {"init_policy": value}
    made = [(_params(name, {**base, **chosen}, net), chosen) for chosen in grid]
    options = tuple(Option(params, ", ".join(f"{k}={v!r}" for k, v in chosen.items())) for params, chosen in made)
    cold = {_is_cold(net, option.params) for option in options}
    if len(cold) > 1:
        raise ValueError(f"tune mixes cold and warm starts in the arm {name!r}: make them two arms")
    return Arm(name, options, cold=cold.pop())


def _params(name: str, value: Any, net: Any) -> dict[str, Any]:
    """What an arm sets on the estimator."""
    params = dict(value) if isinstance(value, Mapping) else {"init_policy": value}
    own = net.get_params()
    policy_params = {key: params.pop(key) for key in list(params) if key not in own}
    policy = params.get("init_policy", name)
    if isinstance(value, Mapping) and isinstance(policy, str) and policy not in policy_names():
        raise ValueError(
            f"the arm {name!r} names no policy: add 'init_policy', one of {policy_names()} or an object"
        )
    try:
        params["init_policy"] = resolve_policy(policy, **policy_params)
    except ValueError as error:
        raise ValueError(f"policies, the arm {name!r}: {error}") from None
    seed = params.get("random_state", 0)
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"the random_state of the arm {name!r} must be an integer of at least 0, got {seed!r}")
    return params


def _is_cold(net: Any, params: dict[str, Any]) -> bool:
    return not resolve_policy(clone(net).set_params(**params).init_policy).keeps_previous()


def _foreign_arm(name: str, value: Any, net: Any, grid: list[dict[str, Any]]) -> Arm:
    if name not in ("cold", "warm"):
        raise ValueError(
            f"{type(net).__name__} knows only the arms 'cold' and 'warm'; {name!r} needs a "
            "WarmStartClassifier or WarmStartRegressor"
        )
    if grid or not (isinstance(value, str | Mapping) and value in (name, {})):
        raise ValueError(f"{type(net).__name__} has no start policies: the arm {name!r} takes no parameters")
    if not starts_warm(net) and not hasattr(net, "partial_fit"):
        raise ValueError(
            f"{type(net).__name__} has neither a parameter warm_start nor partial_fit, so it cannot start warm: "
            "use a WarmStartClassifier, a WarmStartRegressor or an estimator with one of these"
        )
    return Arm(name, (Option({}),), cold=name == "cold")


def starts_warm(net: Any) -> bool:
    """Tell whether ``fit`` of an estimator can go on from its last one."""
    return hasattr(net, "get_params") and "warm_start" in net.get_params(deep=False)
