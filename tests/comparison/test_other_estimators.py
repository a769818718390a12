"""Estimators of other libraries, and what they are handed beside X and y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, zero_one_loss
from sklearn.model_selection import GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.modules import MLP

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
W = np.linspace(0.1, 2, len(X))


def compared(estimator: Any, **params: Any) -> WarmStartComparator:
    settings: dict[str, Any] = {"phases": DataIncremental(3), "n_repeats": 2, "random_state": 0}
    return WarmStartComparator(estimator, ("cold", "warm"), **(settings | params))


class Notes(ClassifierMixin, BaseEstimator):
    """Notes what it is given; it goes on by partial_fit only."""

    calls: list[tuple[str, Any, Any]] = []

    def fit(self, X: Any, y: Any, sample_weight: Any = None, unit: str = "") -> Any:
        self.calls.append(("fit", X[:, 0].tolist(), (sample_weight, unit)))
        self.classes_ = np.unique(y)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, unit: str = "") -> Any:
        self.calls.append(("partial_fit", X[:, 0].tolist(), (sample_weight, unit)))
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[0])


def test_partial_fit_is_given_what_is_new() -> None:
    Notes.calls = []
    numbered = np.c_[np.arange(len(X)), X]
    compared(Notes(), n_repeats=1, refit=None).fit(numbered, Y)
    assert [call[0] for call in Notes.calls] == ["fit", "fit", "partial_fit", "fit", "partial_fit"]
    base, cold, warm, cold_again, warm_again = (call[1] for call in Notes.calls)
    assert not set(warm) & set(base)
    assert set(cold) == set(base) | set(warm)
    assert set(cold_again) == set(cold) | set(warm_again)


def test_weights_are_cut_like_the_rows_and_other_arguments_are_passed_on() -> None:
    Notes.calls = []
    numbered = np.c_[np.arange(len(X)), X]
    compared(Notes(), n_repeats=1).fit(numbered, Y, sample_weight=W, unit="g")
    for _, rows, (weights, unit) in Notes.calls:
        np.testing.assert_array_equal(weights, W[np.array(rows, dtype=int)])
        assert unit == "g"


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(),
        SGDClassifier(loss="log_loss", random_state=0),
        MLPClassifier((16,), max_iter=300, tol=1e-3, learning_rate_init=0.02, random_state=0),
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
    ],
    ids=["partial_fit only", "linear", "network", "pipeline"],
)
def test_scikit_learns_own_are_compared(estimator: Any) -> None:
    result = compared(estimator).fit(X, Y)
    assert list(result.gain_.index) == ["cold", "warm"]
    assert result.gain_["verdict"].iloc[1] in ("beneficial", "neutral", "detrimental", "undecided")
    assert result.score(X, Y) > 0.5
    assert result.results_["score"].notna().all()


def test_a_regressor_of_another_library() -> None:
    result = compared(MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, tol=0.1)).fit(X[:, :3], X[:, 3])
    assert result.scorer_name_ == "R2"
    assert result.stages_["classes"].empty


@pytest.mark.parametrize("split", [False, True])
def test_plain_skorch(split: bool) -> None:
    params = {} if split else {"train_split": None}
    net = NeuralNetClassifier(
        MLP, module__n_features=4, module__n_outputs=3, criterion=torch.nn.CrossEntropyLoss, max_epochs=5,
        verbose=0, **params
    )  # fmt: skip
    torch.manual_seed(0)
    result = compared(net).fit(X, Y.astype(np.int64))
    warm = result.curves_.query("arm == 'warm' and phase == 3 and repeat == 0")
    assert warm["epoch"].tolist() == [1, 2, 3, 4, 5]  # of this fit, though skorch's history goes on
    assert warm["train_loss"].notna().all()
    assert (result.results_["epochs"] == 5).all()
    # It begins where it stopped: the loss does not jump back.
    last = result.curves_.query("arm == 'warm' and phase == 2 and repeat == 0")["train_loss"].iloc[-1]
    cold = result.curves_.query("arm == 'cold' and phase == 3 and repeat == 0")["train_loss"].iloc[0]
    assert abs(warm["train_loss"].iloc[0] - last) < abs(cold - last)


# -- what goes where -------------------------------------------------------------------------------------


def test_our_weights_reach_training_and_validation_and_change_what_is_learnt() -> None:
    net = WarmStartClassifier(max_epochs=30, lr=0.01, module__hidden_layer_sizes=(8,))
    plain = compared(net).fit(X, Y)
    equal = compared(net).fit(X, Y, sample_weight=np.full(len(X), 3.0))
    weighted = compared(net).fit(X, Y, sample_weight=np.where(Y == 0, 1e-6, 1.0))
    np.testing.assert_allclose(plain.results_["score"], equal.results_["score"])
    recall = weighted.stages_["classes"]["recall"]
    assert recall.loc[("cold", 0)] < plain.stages_["classes"]["recall"].loc[("cold", 0)]
    # A class without weight says nothing of the validation score either.
    assert (weighted.results_["final_valid_score"] != plain.results_["final_valid_score"]).any()


def test_a_pipeline_takes_the_arguments_of_a_step() -> None:
    Notes.calls = []
    numbered = np.c_[np.arange(len(X)), X]
    pipeline = Pipeline([("same", "passthrough"), ("last", Notes())])
    compared(pipeline, n_repeats=1).fit(numbered, Y, last__sample_weight=W)
    for _, rows, (weights, _) in Notes.calls:
        np.testing.assert_array_equal(weights, W[np.array(rows, dtype=int)])
    scaled = make_pipeline(StandardScaler(), Notes())
    weighted = compared(scaled, n_repeats=1).fit(X, Y, standardscaler__sample_weight=np.where(Y == 0, 1.0, 0.0))
    assert weighted.best_estimator_[0].mean_[2] == pytest.approx(X[Y == 0, 2].mean(), rel=1e-5)
    with pytest.raises(ValueError, match="'sample_weight' goes to no step: write it as last__sample_weight"):
        compared(pipeline).fit(X, Y, sample_weight=W)


def test_metadata_routing_sends_weights_to_who_asks() -> None:
    Notes.calls = []
    numbered = np.c_[np.arange(len(X)), X]
    seen: list[int] = []

    def weighted(y: Any, predicted: Any, sample_weight: Any = None) -> float:
        seen.append(0 if sample_weight is None else len(sample_weight))
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(weighted).set_score_request(sample_weight=True)
        last = Notes().set_fit_request(sample_weight=True, unit=False)
        last.set_partial_fit_request(sample_weight=True, unit=False)
        estimator = make_pipeline(
            StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=True), last
        )
        compared(estimator, n_repeats=1, scoring=scorer).fit(numbered, Y, sample_weight=W)
        with pytest.raises(TypeError, match="unexpected argument"):
            compared(estimator, n_repeats=1).fit(numbered, Y, something=W)
    assert len(seen) > 4
    assert all(seen)
    for _, rows, (weights, _) in Notes.calls:
        np.testing.assert_array_equal(weights, W[np.array(rows, dtype=int)])


def test_groups_go_to_the_phases() -> None:
    groups = np.repeat(np.arange(30), 5)
    order = np.random.default_rng(0).permutation(len(X))
    result = compared(SGDClassifier(), phases=GroupKFold(3), n_repeats=1).fit(X[order], Y[order], groups=groups)
    assert (result.results_["n_test"] == 50).all()


@pytest.mark.parametrize("name", ["sample_id", "X_val", "sample_weight_val"])
def test_what_the_comparator_sees_to_itself_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"leave {name} out"):
        compared(WarmStartClassifier()).fit(X, Y, **{name: W})


@pytest.mark.parametrize(
    ("scorer", "name"),
    [
        (get_scorer("f1_macro"), "f1_score"),
        (get_scorer("neg_log_loss"), "neg_log_loss"),  # a gain of which is a smaller loss
        (make_scorer(zero_one_loss, greater_is_better=False), "neg_zero_one_loss"),
    ],
)
def test_a_scorer_object_has_a_name(scorer: Any, name: str) -> None:
    comparator = compared(SGDClassifier(loss="log_loss"), scoring=scorer, n_repeats=1).fit(X, Y)
    assert comparator.scorer_name_ == name
    assert f": {name} " in comparator.summary_[0]
