"""Arms of another library's estimator: from what the user wrote to parameters and a way to continue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ...._parameters import is_integer
from ._continue import Continuation, way_on
from ._rounds import model_argument, rounds_asked, rounds_parameter

_STARTS = ("cold", "warm")


@dataclass(frozen=True)
class Start:
    """Whether an arm starts cold, parameters of the last step and of those before, and how it continues."""

    cold: bool
    how: Continuation
    params: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)


def start_of(name: str, value: Any, last: Any, estimator: Any) -> Start:
    """Read an arm of an estimator (a Pipeline, perhaps) whose last step is of another library."""
    kind, place = type(last).__name__, f"policies, the arm {name!r}"
    if callable(value) and not isinstance(value, type) and not hasattr(value, "get_params"):
        return Start(False, Continuation(value))
    given = dict(value) if isinstance(value, Mapping) else {}
    start = given.pop("init_policy", name if name in _STARTS else "warm") if isinstance(value, Mapping) else value
    if not (isinstance(start, str) and start in _STARTS):
        raise ValueError(
            f"{place}: {kind} starts 'cold' or 'warm', each also a dict of its parameters ({{'add': 20}} says how "
            f"many rounds warm adds), or by a function of yours (see ContinueFit); {start!r} needs a "
            "WarmStartClassifier or WarmStartRegressor"
        )
    cold, add = start == "cold", given.pop("add", None)
    if not cold and (not hasattr(last, "get_params") or way_on(last) is None):
        raise ValueError(
            f"{kind} has neither a parameter warm_start nor partial_fit nor a fit that takes an old model "
            "(init_model, xgb_model), so it cannot start warm: use a WarmStartClassifier, a WarmStartRegressor, "
            "an estimator with one of these, or a function of yours (see ContinueFit)"
        )
    if add is not None:
        if cold or rounds_parameter(last) is None:
            why = "a cold start adds none" if cold else f"{kind} does not grow by rounds"
            raise ValueError(f"{place}: add is the number of rounds or trees that a warm start adds, and {why}")
        if not is_integer(add, 1):
            raise ValueError(f"{place}: add must be an integer of at least 1, got {add!r}")
    params, steps = _sort(place, given, last, estimator)
    asked = 0 if rounds_parameter(last) is None else rounds_asked(_with(place, last, params))
    return Start(cold, Continuation(None, add, params, asked), params, steps)


def _sort(place: str, given: dict[str, Any], last: Any, estimator: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of the last step and those of the steps before it."""
    params: dict[str, Any] = {}
    steps: dict[str, Any] = {}
    if not given:
        return params, steps
    names, prefix = set(last.get_params()), ""
    earlier: dict[str, Any] = {}
    if isinstance(estimator, Pipeline):
        prefix = f"{estimator.steps[-1][0]}__"
        earlier = dict(estimator.steps[:-1])
    for name, value in given.items():
        own = name.removeprefix(prefix)
        # LightGBM, XGBoost and CatBoost take more names than their get_params has.
        if own in names or (model_argument(last) is not None and name.partition("__")[0] not in earlier):
            params[own] = value
        elif name.partition("__")[0] in earlier and name in estimator.get_params():
            steps[name] = value
        else:
            raise ValueError(
                f"{place}: {name!r} is no parameter of {type(last).__name__}, which has {', '.join(sorted(names))}"
            )
    _with(place, last, params)
    return params, steps


def _with(place: str, last: Any, params: dict[str, Any]) -> Any:
    """Return an unfitted copy with parameters, or say what is wrong with them."""
    if not params:
        return last
    try:
        return clone(last).set_params(**params)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None
