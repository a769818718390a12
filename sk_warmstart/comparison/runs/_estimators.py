"""Estimators as a comparison handles them: the last step of a Pipeline, warm starts and copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from skorch.history import History

from ...estimators import WarmStartMixin
from ...estimators.input._pipeline_names import inside_pipeline


class Estimator(Protocol):
    """What is asked of an estimator of any library that is to be measured."""

    def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    def predict(self, X: Any) -> Any: ...


def last_step(estimator: Any) -> Any:
    """Return the estimator itself, or the last step of a Pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def predicts(estimator: Any) -> bool:
    """Tell whether an estimator predicts; one that learns without targets does not."""
    return hasattr(last_step(estimator), "predict")


def has_standard_score(estimator: Any) -> bool:
    """Tell whether the estimator's own score is accuracy, or R2 of a regressor."""
    owners = [kind for kind in type(last_step(estimator)).__mro__ if "score" in vars(kind)]
    if owners and issubclass(WarmStartMixin, owners[0]):
        owners = owners[1:]  # a guard, which hands on
    return bool(owners) and owners[0] in (ClassifierMixin, RegressorMixin)


def fit_last_step(last: Any, X: Any, y: Any, before: Pipeline | None, params: Mapping[str, Any]) -> None:
    """Fit the last step of a Pipeline on rows that the steps before it have prepared."""
    if before is None:
        last.fit(X, y, **params)
        return
    with inside_pipeline(Pipeline([*before.steps, ("last", last)])):
        last.fit(X, y, **params)


def copy_fitted(estimator: Any) -> Any:
    """Copy an estimator with what it has learned; scikit-learn's callbacks are shared, as clones share them."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    memo = {id(callback): callback for part in parts for callback in getattr(part, "_skl_callbacks", ())}
    history = vars(estimator).get("history_")
    if type(history) is History:  # thousands of rows of numbers, which deepcopy takes longer for than for the net
        memo[id(history)] = History({**row, "batches": list(map(dict, row["batches"]))} for row in history)
    return copy.deepcopy(estimator, memo)
