"""Rounds (trees, base estimators) of an ensemble: how many it is told to train, and how many it has."""

from __future__ import annotations

import inspect
from typing import Any

# LightGBM and CatBoost take several names, of which those that are not in the signature win.
_NAMES = (
    "num_boost_round",
    "num_iterations",
    "num_iteration",
    "num_rounds",
    "num_trees",
    "iterations",
    "n_estimators",
)
_MODELS = ("xgb_model", "init_model")
_OF_CATBOOST = 1000
_OF_XGBOOST = 100


def model_argument(estimator: Any) -> str | None:
    """Return the argument of ``fit`` that takes an old model to add rounds to; None where there is none."""
    for kind in type(estimator).__mro__:
        fit = vars(kind).get("fit")
        if fit is not None:
            names = inspect.signature(fit).parameters
            found = [name for name in _MODELS if name in names]
            if found:
                return found[0]
    return None


def rounds_parameter(estimator: Any) -> str | None:
    """Return the parameter that says how many rounds an ensemble trains; None where rounds do not add up."""
    if not hasattr(estimator, "get_params"):
        return None
    params = estimator.get_params(deep=False)
    if model_argument(estimator) is not None:
        return next((name for name in _NAMES if name in params), "iterations")
    if "warm_start" not in params:
        return None
    if "n_estimators" in params:
        return "n_estimators"
    # The iterations of histogram boosting are trees; those of a network or a linear model change the same weights.
    return "max_iter" if {"max_iter", "max_leaf_nodes"} <= set(params) else None


def rounds_asked(estimator: Any) -> int:
    """Return how many rounds a growing ensemble trains when it starts cold."""
    name = rounds_parameter(estimator)
    assert name is not None
    asked = estimator.get_params(deep=False).get(name)
    if asked is None:
        asked = _OF_CATBOOST if name == "iterations" else _OF_XGBOOST
    return int(asked)


def rounds_of(estimator: Any) -> int:
    """Return how many rounds a fitted ensemble has, old ones included; 0 where it is none."""
    if rounds_parameter(estimator) is None:
        return 0
    if hasattr(estimator, "get_booster"):
        return int(estimator.get_booster().num_boosted_rounds())
    for name in ("tree_count_", "n_iter_"):
        if isinstance(getattr(estimator, name, None), int):
            return int(getattr(estimator, name))
    return len(getattr(estimator, "estimators_", ()))
