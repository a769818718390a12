"""scikit-learn's callbacks see a fit and its epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier, WarmStartComparator, WarmStartRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(int)


def net(**params: Any) -> WarmStartClassifier:
    defaults = {"max_epochs": 3, "lr": 0.01, "random_state": 0, "module__hidden_layer_sizes": (8,)}
    return WarmStartClassifier(**{**defaults, **params})


class Told:
    """A callback that writes down what it is told, and may ask to stop."""

    def __init__(self, stop_at: int | None = None):
        self.stop_at = stop_at
        self.log: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.log.append("setup")

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None) -> None:
        self.log.append(("begin", context.task_name, context.task_id, X is not None))

    def on_fit_task_end(self, estimator: Any, context: Any, *, y: Any = None) -> bool:
        self.log.append(("end", context.task_name, context.task_id, y is not None))
        return context.task_name == "epoch" and context.task_id == self.stop_at

    def teardown(self, estimator: Any, context: Any) -> None:
        self.log.append("teardown")


def logs(monitor: ScoringMonitor, task: str = "epoch") -> pd.DataFrame:
    table = monitor.get_logs().data_as_pandas
    return table[table["task_name"] == task]


def test_the_fit_and_each_epoch_are_told_of_in_order() -> None:
    told = Told()
    net(max_epochs=2).set_callbacks(told).fit(X, Y)
    epochs = [(when, "epoch", i, True) for i in range(2) for when in ("begin", "end")]
    assert told.log == ["setup", ("begin", "fit", 0, True), *epochs, ("end", "fit", 0, True), "teardown"]


def test_a_callback_changes_nothing_of_what_is_learned() -> None:
    plain = net().fit(X, Y)
    watched = net().set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, Y)
    assert np.array_equal(plain.predict_proba(X), watched.predict_proba(X))


@pytest.mark.parametrize("make", [net, lambda: net(early_stopping=True, module__dropout=0.3)])
def test_the_scores_of_an_epoch_are_those_of_a_fit_that_ends_there(make: Any) -> None:
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    make().set_callbacks(monitor).fit(X, Y)
    scores = logs(monitor)["neg_log_loss"]
    partly = ScoringMonitor(scoring=["neg_log_loss"])
    for epoch, score in enumerate(scores, start=1):
        make().set_params(max_epochs=epoch).set_callbacks(partly).fit(X, Y)
        assert logs(partly)["neg_log_loss"].iloc[-1] == score
    assert scores.nunique() == 3


def test_rows_are_scored_with_their_weights() -> None:
    weight = RNG.uniform(size=len(Y))
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = net().set_callbacks(monitor).fit(X, Y, sample_weight=weight)
    assert logs(monitor, "fit")["accuracy"].iloc[0] == fitted.score(X, Y, sample_weight=weight)


def test_a_regressor_is_scored_by_a_name() -> None:
    monitor = ScoringMonitor(scoring="r2")
    fitted = WarmStartRegressor(max_epochs=2, random_state=0).set_callbacks(monitor).fit(X, X[:, 0])
    assert logs(monitor)["r2"].iloc[-1] == fitted.score(X, X[:, 0])


def test_a_callback_may_stop_training() -> None:
    stopped = net(max_epochs=9).set_callbacks(Told(stop_at=1)).fit(X, Y)
    assert stopped.n_iter_ == 2
    assert np.array_equal(stopped.predict_proba(X), net(max_epochs=2).fit(X, Y).predict_proba(X))


def test_a_warm_fit_scores_its_own_rows_without_a_leak() -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = net(warm_start=True).fit(X[:60], Y[:60])
    fitted.set_callbacks(monitor).fit(X, Y)  # a LeakageWarning would be an error here
    assert len(logs(monitor)) == 3


def test_a_fit_that_fails_tears_down_and_leaves_what_was_fitted() -> None:
    told = Told()
    fitted = net(warm_start=True).fit(X, Y).set_callbacks(told)
    before = fitted.predict_proba(X)
    for bad in (X[:, :2], np.where(X > 2, np.nan, X)):
        with pytest.raises(ValueError, match=r"features|NaN"):
            fitted.fit(bad, Y)
        assert told.log[-1] == "teardown"
    assert np.array_equal(fitted.predict_proba(X), before)
    fitted.fit(X, Y)
    assert told.log[-2:] == [("end", "fit", 0, True), "teardown"]


def test_without_callbacks_nothing_is_kept() -> None:
    fitted = net().set_callbacks(Told()).fit(X, Y).set_callbacks()
    assert not [name for name in vars(fitted) if "callback" in name and name.startswith("_")]
    assert "run_" not in vars(fitted)


def test_clones_share_the_callbacks() -> None:
    told = Told()
    clone(net().set_callbacks(told)).fit(X, Y)
    assert told.log[-1] == "teardown"


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    net().set_callbacks(ProgressBar()).fit(X, Y)
    assert "WarmStartClassifier - fit" in capsys.readouterr().out


def test_in_a_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    make_pipeline(StandardScaler(), net().set_callbacks(monitor)).set_callbacks(ProgressBar()).fit(X, Y)
    assert len(logs(monitor)) == 3
    assert "WarmStartClassifier - fit #1" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("backend", ["loky", "threading", "packed"])
def test_in_a_grid_search(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(net().set_callbacks(monitor), {"lr": [0.001, 0.01]}, cv=2).set_callbacks(ProgressBar())
    with parallel_config(backend, n_jobs=2):
        search.fit(X, Y)
    assert len(logs(monitor)) == 3 * (2 * 2 + 1)  # the refit too
    assert "GridSearchCV - fit" in capsys.readouterr().out


@pytest.mark.parametrize("packed", [True, False])
def test_in_a_comparison(packed: bool) -> None:
    inner, outer = ScoringMonitor(scoring="accuracy"), ScoringMonitor(scoring="accuracy")
    comparator = WarmStartComparator(
        net().set_callbacks(inner), ("cold", "warm"), n_repeats=2, n_probes=0, packed=packed, random_state=0
    ).set_callbacks(outer)
    comparator.fit(X, Y)
    runs = inner.get_logs("all")
    assert len(runs) == 2 * 1 + len(comparator.results_) + 1  # what all start from, the arms, the refit
    assert all(len(run.data) == 4 for run in runs)
    assert outer.get_logs().data_as_pandas["accuracy"].tolist() == [comparator.score(X, Y)]
