"""A checkpoint says which fitted steps of a Pipeline it does not keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sk_warmstart import Checkpoint, CheckpointStore, WarmStartClassifier

X, Y = load_iris(return_X_y=True)


def piped(step: Any, **params: Any) -> Pipeline:
    return Pipeline([("before", step), ("net", WarmStartClassifier(max_epochs=1, random_state=0, **params))])


@pytest.mark.parametrize("kind", ["pipeline", "frozen", "search", "within"])
def test_fitted_steps_are_named(kind: str, tmp_path: Path) -> None:
    pipe = piped(StandardScaler()).fit(X, Y)
    source = {
        "pipeline": lambda: pipe,
        "frozen": lambda: FrozenEstimator(pipe),
        "search": lambda: GridSearchCV(pipe, {"net__lr": [0.01]}, cv=2).fit(X, Y),
        "within": lambda: Pipeline([("same", "passthrough"), ("pipe", pipe)]),
    }[kind]()
    with pytest.warns(UserWarning, match=r"keeps the network, not the steps before it \(before\)"):
        Checkpoint.from_estimator(source)
    with pytest.warns(UserWarning, match=r"not the steps before it \(before\)"):
        CheckpointStore(tmp_path).put(source)


@pytest.mark.parametrize("step", ["passthrough", None, FunctionTransformer(np.log1p)])
def test_steps_that_learn_nothing_are_not(step: Any, tmp_path: Path) -> None:
    pipe = piped(step, standardize=True).fit(X, Y)
    CheckpointStore(tmp_path).put(pipe)
    again = CheckpointStore(tmp_path).get().to_estimator(piped(step, standardize=True))
    np.testing.assert_allclose(again.predict_proba(X), pipe.predict_proba(X), rtol=1e-5)


def test_with_the_fitted_pipeline_kept_it_predicts_alike() -> None:
    pipe = piped(StandardScaler()).fit(X, Y)
    before = pipe.predict_proba(X)
    with pytest.warns(UserWarning, match="give it to to_estimator"):
        checkpoint = Checkpoint.from_estimator(pipe)
    pipe[-1].set_params(warm_start=True).fit(pipe[:-1].transform(X), Y)
    np.testing.assert_allclose(checkpoint.to_estimator(pipe).predict_proba(X), before, rtol=1e-6)
