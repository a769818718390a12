"""Searches, curves and importances of scikit-learn, over estimators whose start is a parameter."""

from __future__ import annotations

import functools
from typing import Any

import helpers
import numpy as np
import pytest
from helpers import iris
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import recall_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)

X, y = iris()
CV = StratifiedKFold(3, shuffle=True, random_state=0)


net = functools.partial(helpers.net, max_epochs=15, module__hidden_layer_sizes=(16,))


@pytest.fixture(scope="module")
def donor() -> Any:
    rng = np.random.default_rng(0)
    noisy = X + rng.normal(scale=0.1, size=X.shape)
    return FrozenEstimator(net(max_epochs=40).fit(noisy, y))


def test_a_grid_over_starts_finds_the_donor_where_there_is_no_time_to_train(donor: Any) -> None:
    search = GridSearchCV(net(max_epochs=0, warm_start_from=donor), {"init_policy": ["cold", "warm"]}, cv=CV).fit(
        X, y
    )
    assert search.best_params_ == {"init_policy": "warm"}
    cold, warm = search.cv_results_["mean_test_score"]
    assert warm > 0.9 > cold + 0.1
    assert np.array_equal(search.predict(X), donor.predict(X))


def test_a_random_search_over_parameters_of_policy_module_and_optimiser(donor: Any) -> None:
    space = {
        "init_policy__shrink": np.linspace(0.1, 0.9, 9),
        "module__activation": ["relu", "tanh"],
        "optimizer__weight_decay": [0.0, 0.1],
    }
    estimator = net(init_policy="shrink_perturb")
    search = RandomizedSearchCV(estimator, space, n_iter=3, cv=2, random_state=0).fit(X, y)
    assert {name: search.best_estimator_.get_params()[name] for name in space} == search.best_params_
    again = clone(estimator).set_params(**search.best_params_).fit(X, y)
    assert np.array_equal(search.predict_proba(X), again.predict_proba(X))


def test_halving_spends_epochs_as_its_resource() -> None:
    search = HalvingGridSearchCV(
        net(), {"lr": [1e-6, 1e-5, 1e-4, 0.02]}, resource="max_epochs", min_resources=4, max_resources=16, cv=CV
    ).fit(X, y)
    assert search.n_resources_ == [4, 12]
    assert search.best_params_["lr"] == 0.02
    assert search.best_estimator_.n_iter_ == 12


def test_cross_validate_returns_estimators_that_know_their_rows_only(donor: Any) -> None:
    before = donor.predict_proba(X)
    found = cross_validate(
        net(warm_start_from=donor, max_epochs=2), X, y, cv=CV, return_estimator=True, return_indices=True
    )
    for fitted, train, test, score in zip(
        found["estimator"], found["indices"]["train"], found["indices"]["test"], found["test_score"], strict=True
    ):
        alone = net(warm_start_from=donor, max_epochs=2).fit(X[train], y[train])
        assert np.array_equal(fitted.predict_proba(X[test]), alone.predict_proba(X[test]))
        assert score == alone.score(X[test], y[test])
    assert np.array_equal(donor.predict_proba(X), before)


def test_cross_val_predict_gives_probabilities_in_the_order_of_the_labels() -> None:
    names = np.array(["c", "a", "b"])[y]
    proba = cross_val_predict(net(), X, names, cv=CV, method="predict_proba")
    assert np.mean(np.array(["a", "b", "c"])[proba.argmax(1)] == names) > 0.8


def test_an_incremental_learning_curve_is_a_row_of_partial_fits() -> None:
    sizes, _, scores = learning_curve(
        net(),
        X,
        y,
        cv=CV,
        train_sizes=[20, 50, 100],
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
    )
    train, test = next(iter(CV.split(X, y)))
    order = np.random.RandomState(0).permutation(train)
    by_hand, expected, first = net(), [], 0
    for last in sizes:
        by_hand.partial_fit(X[order[first:last]], y[order[first:last]], classes=np.unique(y))
        expected.append(by_hand.score(X[test], y[test]))
        first = last
    assert scores[:, 0].tolist() == expected


def test_a_tuned_threshold_finds_more_of_the_rare_class() -> None:
    rng = np.random.default_rng(1)
    rare = rng.random(300) < 0.1
    rows = rng.normal(size=(300, 3)) + rare[:, None]
    expected = net().fit(rows, rare)
    tuned = TunedThresholdClassifierCV(net(), scoring="balanced_accuracy", cv=3, random_state=0).fit(rows, rare)
    assert tuned.best_threshold_ < 0.5
    assert recall_score(rare, tuned.predict(rows)) > recall_score(rare, expected.predict(rows))


def importance(fitted: Any) -> Any:
    return permutation_importance(fitted, X[:, : fitted.n_features_in_], y, n_repeats=3, random_state=0)


def test_permutation_importance_finds_the_petals() -> None:
    means = importance(net(max_epochs=30).fit(X, y)).importances_mean
    assert set(np.argsort(means)[-2:]) == {2, 3}


def test_recursive_elimination_drops_columns_of_noise() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([X[:, 2:], rng.normal(size=(len(X), 2))])

    def getter(fitted: Any) -> Any:
        # A column of weights that is small on average matters little.
        return fitted.module_.hidden[0].weight.detach().abs().mean(0).numpy()

    selector = RFE(net(max_epochs=60), n_features_to_select=2, importance_getter=getter).fit(rows, y)
    assert selector.support_.tolist() == [True, True, False, False]
    assert selector.estimator_.n_features_in_ == 2
