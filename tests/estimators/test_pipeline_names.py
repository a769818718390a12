"""Names of columns inside a Pipeline, and scorers, as scikit-learn's frames show them in the version at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_warmstart import WarmStartClassifier
from sk_warmstart.estimators.input import _pipeline_names
from sk_warmstart.estimators.input._pipeline_names import inside_pipeline, is_scoring, names_from_pipeline

frame = pd.DataFrame({"city": ["a", "b", "c"] * 10, "kind": ["x", "y"] * 15})
Y = np.arange(30) % 2
NAMES = ("city_a", "city_b", "city_c", "kind_x", "kind_y")


class MyPipeline(Pipeline):
    """A user's own, whose methods stand in another file."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        return super().fit(X, y, **params)


class Spy(WarmStartClassifier):
    """Notes what can be seen from inside its methods."""

    seen: list[Any] = []

    def predict(self, X: Any) -> Any:
        self.seen.append(is_scoring())
        return super().predict(X)


def net(**params: Any) -> Any:
    return WarmStartClassifier(max_epochs=1, random_state=0, **params)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("cls", [Pipeline, MyPipeline])
def test_the_last_step_learns_the_names(cls: Any, method: str) -> None:
    pipe = cls([("encode", OneHotEncoder(sparse_output=False)), ("net", net())])
    pipe.fit(frame, Y)
    assert pipe[-1].learned_.schema.columns == NAMES, f"scikit-learn {sklearn.__version__} hides its Pipeline"
    if method == "partial_fit":
        with inside_pipeline(pipe):
            pipe[-1].partial_fit(pipe[:-1].transform(frame), Y)
        assert pipe[-1].learned_.schema.columns == NAMES


def test_nested_pipelines_give_the_names_of_the_nearest() -> None:
    inner = make_pipeline(StandardScaler(), net())
    make_pipeline(OneHotEncoder(sparse_output=False).set_output(transform="pandas"), inner).fit(frame, Y)
    assert inner[-1].learned_.schema.columns == NAMES


def test_files_names_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    source = "def call(estimator, X, y):\n    return estimator.fit(X, y)\n"
    space: dict[str, Any] = {}
    exec(compile(source, str(tmp_path / "pipeline.py"), "exec"), space)
    fitted = space["call"](net(), np.eye(30), Y)
    assert fitted.learned_.schema.columns is None


def test_a_pipeline_prepared_elsewhere_counts_for_its_last_step_only() -> None:
    pipe = make_pipeline(OneHotEncoder(sparse_output=False), net())
    pipe[:-1].fit(frame)
    other = net()
    with inside_pipeline(pipe):
        assert names_from_pipeline(pipe[-1]) == NAMES
        assert names_from_pipeline(other) is None
        pipe[-1].fit(pipe[:-1].transform(frame), Y)
    assert names_from_pipeline(pipe[-1]) is None
    assert pipe[-1].learned_.schema.columns == NAMES


def test_a_scorer_is_seen_and_a_prediction_is_none() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    spy = Spy(max_epochs=1, random_state=0).fit(X, Y)
    Spy.seen = []
    spy.predict(X)
    spy.score(X, Y)
    assert Spy.seen == [False, False]
    get_scorer("balanced_accuracy")(spy, X, Y)
    cross_val_score(Spy(max_epochs=1, random_state=0), X, Y, cv=2, scoring="f1")
    assert Spy.seen == [False, False, True, True, True]
    assert _pipeline_names._SCORERS == "sklearn.metrics._scorer"
