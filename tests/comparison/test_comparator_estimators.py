"""Estimators, pipelines, data and kinds of phases that a comparison takes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparators import KEYS, X, Y, comparator, net
from scipy.sparse import csr_array
from sklearn.base import is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_warmstart import WarmStartRegressor
from sk_warmstart.comparison import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from sk_warmstart.comparison.runs._estimators import copy_fitted


@pytest.mark.parametrize(
    "phases",
    [
        DataIncremental(3),
        ClassIncremental(2),
        RollingWindow(60, step=30),
        RollingWindow(60, step=30, expanding=True),
        OldAndNew(60),
        OldAndNew(60, n_phases=3, keep_old=False),
        TimeSeriesSplit(3),
        KFold(2),
        [(range(60), range(60, 90)), (range(90), range(90, 150))],
    ],
    ids=lambda phases: type(phases).__name__,
)
def test_a_pipeline_whose_columns_grow_works_in_every_kind_of_phases(phases: Any) -> None:
    rng = np.random.default_rng(0)
    place = np.array([f"town {i // 10 if i < 100 else rng.integers(15)}" for i in range(150)])
    order = rng.permutation(150)
    frame = pd.DataFrame(X, columns=list("abcd")).iloc[order].reset_index(drop=True).assign(place=place)
    encode = ColumnTransformer(
        [("n", StandardScaler(), list("abcd")), ("p", OneHotEncoder(handle_unknown="ignore"), ["place"])]
    )
    pipeline = make_pipeline(encode, net(schema="adapt"))
    result = comparator(pipeline, phases=phases, n_repeats=1, refit="warm").fit(frame, Y[order])
    assert (result.results_["error"] == "").all()
    assert result.predict(frame).shape == (150,)


def test_groups_reach_the_phases() -> None:
    months = np.repeat(np.arange(6), 25)
    order = np.random.default_rng(0).permutation(150)
    result = comparator(phases=RollingWindow(2, step=1)).fit(X[order], Y[order], groups=months)
    assert result.results_.groupby("phase")["n_train"].unique().map(list).to_dict() == {2: [50], 3: [50]}
    assert result.fixed_splits_


def test_a_pipelines_other_steps_are_fitted_anew_in_each_phase() -> None:
    scaler, seen = StandardScaler(), []

    class Watched(StandardScaler):
        def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
            seen.append(len(X))
            return super().fit_transform(X, y, **params)

    result = comparator(make_pipeline(Watched(), net()), n_repeats=1, refit="warm").fit(X * [1, 10, 100, 1000], Y)
    assert seen == [37, 75, 112, 150]
    assert not hasattr(result.estimator.steps[0][1], "mean_")
    best = result.best_estimator_
    assert [name for name, _ in best.steps] == ["watched", "warmstartclassifier"]
    scaler.fit(X * [1, 10, 100, 1000])
    assert best.steps[0][1].mean_ == pytest.approx(scaler.mean_)
    expected = best.steps[-1][1].predict(scaler.transform(X * [1, 10, 100, 1000]))
    assert np.array_equal(result.predict(X * [1, 10, 100, 1000]), expected)


def test_regression() -> None:
    rows, target = make_regression(80, 4, noise=1.0, random_state=0)
    target = target / target.std()
    estimator = WarmStartRegressor(max_epochs=3, module__hidden_layer_sizes=(8,))
    result = comparator(estimator, refit="warm").fit(rows, target)
    assert is_regressor(result)
    assert result.scorer_name_ == "R2"
    assert "warm is" in result.summary_[0]
    assert "R2" in result.summary_[0]
    assert result.predict(rows).shape == (80,)
    assert not hasattr(result, "classes_")
    assert not hasattr(result, "predict_proba")


def test_other_estimators_with_warm_start_and_epochs() -> None:
    estimator = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=4, random_state=3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = comparator(estimator, refit="warm").fit(X, Y)
    curves = result.curves_
    assert (curves.groupby([*KEYS, "arm"])["epoch"].agg(list).map(lambda e: e == [1, 2, 3, 4])).all()
    first = curves[curves["epoch"] == 1].groupby("arm")["train_loss"].mean()
    assert first["warm"] < first["cold"]
    assert result.gain_.loc["warm", "speedup"] == pytest.approx(1)  # without validation all epochs count
    assert result.best_estimator_[-1].warm_start
    assert result.score(X, Y) > 1 / 3


@pytest.mark.parametrize("convert", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_other_estimators_without_epochs(convert: Any) -> None:
    estimator = SGDClassifier(max_iter=50, tol=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = comparator(estimator, refit="cold").fit(convert(X), Y)
    assert result.curves_.empty
    assert {"epoch", "valid_score"} <= set(result.curves_.columns)
    assert np.isfinite(result.gain_.loc["warm", ["gain", "speedup"]].to_numpy(dtype=float)).all()
    assert not result.results_["reached"].any()
    assert np.array_equal(result.best_estimator_.classes_, [0, 1, 2])
    assert result.best_estimator_.warm_start is False


def test_texts_of_labels_and_data_frames() -> None:
    table = pd.DataFrame(X, columns=list("abcd"))
    labels = pd.Series(np.array(["setosa", "versicolor", "virginica"])[Y])
    result = comparator(refit="warm").fit(table, labels)
    assert result.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert set(result.predict(table)) <= set(result.classes_)
    assert result.best_estimator_.feature_names_in_.tolist() == list("abcd")


def test_a_class_whose_known_rows_all_validate_is_known_all_the_same() -> None:
    labels = np.r_[np.zeros(40, int), np.ones(4, int), np.full(40, 2)]
    rows = np.random.default_rng(0).normal(size=(84, 3)) + labels[:, None]
    estimator = net(max_epochs=1, validation_fraction=0.5)
    result = comparator(estimator, phases=DataIncremental(2), n_repeats=6, refit="warm").fit(rows, labels)
    assert result.classes_.tolist() == [0, 1, 2]
    assert result.best_estimator_.get_params()["classes"] is None


def test_scoring() -> None:
    result = comparator(scoring="neg_log_loss", refit="warm").fit(X, Y)
    assert (result.results_["score"] < 0).all()
    assert result.scorer_name_ == "neg_log_loss"
    assert result.score(X, Y) < 0


def test_a_stream_through_time() -> None:
    order = np.random.default_rng(0).permutation(len(X))
    result = comparator(phases=TimeSeriesSplit(3)).fit(X[order], Y[order])
    assert result.fixed_splits_
    assert result.test_to_train_ == 0
    assert sorted(result.results_["phase"].unique()) == [2, 3]
    assert (result.results_["stream"] == 0).all()


def test_each_fold_is_a_stream() -> None:
    result = comparator(phases=KFold(3, shuffle=True)).fit(X, Y)
    assert not result.fixed_splits_
    assert result.test_to_train_ == pytest.approx(0.5)
    assert sorted(result.results_["stream"].unique()) == [0, 1, 2]
    assert (result.results_["phase"] == 2).all()
    assert len(result.results_) == 2 * 3 * 2


def test_a_copy_of_a_fitted_net_shares_nothing_that_training_changes() -> None:
    fitted = net(max_epochs=2).fit(X, Y)
    copied = copy_fitted(fitted)
    assert copied.history == fitted.history
    assert type(copied.history) is type(fitted.history)
    copied.history[0]["batches"][0]["train_loss"] = copied.history[0]["train_loss"] = -1.0
    assert fitted.history[0]["train_loss"] != -1.0
    assert fitted.history[0]["batches"][0]["train_loss"] != -1.0
    before = fitted.predict_proba(X)
    copied.partial_fit(X, Y)
    assert len(copied.history) > len(fitted.history)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
