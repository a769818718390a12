"""Parameters of an arm: sorted into those of the last step and of the steps before, and checked by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ...._parameters import is_integer
from ...._warning import warn_renamed
from ....estimators import WarmStartMixin
from ....policies import policy_names, resolve_policy
from .._estimators import last_step

_POLICY = "init_policy__"
_FROM_BASELINE = "_from_baseline"


def resolve_params(arm: str, params: Mapping[str, Any], estimator: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of the last step, its policy resolved, and those of the steps before.

    A name that the last step takes is the last step's. An arm that is called like a policy starts by it.
    """
    if "init_policy" not in params and _policy_of(arm) in policy_names():
        params = {"init_policy": _policy_of(arm), **params}
    net = last_step(estimator)
    own: dict[str, Any] = {}
    steps: dict[str, Any] = {}
    for name, value in params.items():
        if _takes(net, name, params):
            own[name] = value
        elif name.startswith(f"{_last_name(estimator)}__") and _takes(net, _without_step(name), params):
            own[_without_step(name)] = value
        elif _names_an_earlier_step(estimator, name):
            steps[name] = value
        elif _is_of_the_policy(name, params.get("init_policy", net.init_policy)):
            warn_renamed(f"the parameter {name!r} of the arm {arm!r}", repr(_POLICY + name))
            own[_POLICY + name] = value
        else:
            raise ValueError(f"policies, the arm {arm!r}: {name!r} is no parameter of {_valid_names(estimator)}")
    return _with_policy(arm, own, net), steps


def split_start(arm: str, value: Any) -> tuple[bool, dict[str, Any]]:
    """Tell whether an arm starts from the baseline in each phase, and return its other parameters.

    ``<policy>_from_baseline`` says so by its name, a dict by the key ``start_from``.
    """
    given = dict(value) if isinstance(value, Mapping) else {"init_policy": value}
    policy = given.get("init_policy", arm)
    named = isinstance(policy, str) and policy.endswith(_FROM_BASELINE) and _policy_of(policy) in policy_names()
    if named and "init_policy" in given:
        given["init_policy"] = _policy_of(policy)
    start = given.pop("start_from", "baseline" if named else "previous")
    if start not in ("previous", "baseline"):
        raise ValueError(
            f"policies, the arm {arm!r}: start_from must be 'previous' (the phase before) or 'baseline' (the "
            f"first fit), got {start!r}"
        )
    return start == "baseline", given


def _policy_of(name: str) -> str:
    """Leave out of a name that the policy starts from the baseline."""
    return name.removesuffix(_FROM_BASELINE)


def starts_cold(params: Mapping[str, Any]) -> bool:
    """Tell whether resolved parameters make a start that uses nothing of the previous state."""
    return not params["init_policy"].keeps_previous()


def _with_policy(arm: str, own: dict[str, Any], net: WarmStartMixin) -> dict[str, Any]:
    """Put the policy's parameters into the policy, and try all parameters on a copy of the estimator."""
    of_policy = {} if "init_policy" in own else dict(net.get_params_for("init_policy"))
    of_policy |= {name[len(_POLICY) :]: own.pop(name) for name in list(own) if name.startswith(_POLICY)}
    try:
        own["init_policy"] = resolve_policy(own.get("init_policy", net.init_policy), **of_policy)
        clone(net).set_params(**own)
    except (TypeError, ValueError) as error:
        raise ValueError(f"policies, the arm {arm!r}: {error}") from None
    seed = own.get("random_state", 0)
    if not is_integer(seed, 0):
        raise ValueError(f"the random_state of the arm {arm!r} must be an integer of at least 0, got {seed!r}")
    return own


def _takes(net: WarmStartMixin, name: str, params: Mapping[str, Any]) -> bool:
    """Tell whether a net has a parameter; of a module, an optimiser and the like the signature says it."""
    if name in net.get_params():
        return True
    prefix, _, rest = name.partition("__")
    part = params.get(prefix, net.get_params(deep=False).get(prefix))
    if not rest or not (callable(part) or prefix in net.prefixes_):
        return False
    if not callable(part) or isinstance(part, torch.nn.Module) or rest.startswith("param_groups"):
        return True
    try:
        arguments = inspect.signature(part).parameters
    except (TypeError, ValueError):  # some builtins have none
        return True
    return rest in arguments or any(each.kind is each.VAR_KEYWORD for each in arguments.values())


def _names_an_earlier_step(estimator: Any, name: str) -> bool:
    if not isinstance(estimator, Pipeline):
        return False
    earlier = [step for step, _ in estimator.steps[:-1]]
    return name.partition("__")[0] in earlier and name in estimator.get_params()


def _is_of_the_policy(name: str, policy: Any) -> bool:
    """Tell whether a name is a policy's own parameter, as arms were written before version 0.2."""
    try:
        return name in resolve_policy(policy).get_params()
    except ValueError:
        return False


def _last_name(estimator: Any) -> str:
    return estimator.steps[-1][0] if isinstance(estimator, Pipeline) else ""


def _without_step(name: str) -> str:
    return name.partition("__")[2]


def _valid_names(estimator: Any) -> str:
    """Say which names an estimator has."""
    net = last_step(estimator)
    text = (
        f"{type(net).__name__}, which has {', '.join(sorted(net.get_params(deep=False)))}, and those of its parts "
        "(init_policy__*, module__*, optimizer__*, callbacks__*)"
    )
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        text += f", nor of the steps before it ({', '.join(f'{step}__*' for step, _ in estimator.steps[:-1])})"
    return text
