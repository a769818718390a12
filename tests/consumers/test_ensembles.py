"""Ensembles of scikit-learn: each clones its members, and weighs or samples their rows."""

from __future__ import annotations

import functools

import helpers
import numpy as np
import pytest
from helpers import iris
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier

X, y = iris()
target = X @ np.array([1.0, -2.0, 0.5, 0.0])
classifier = functools.partial(helpers.net, max_epochs=20, module__hidden_layer_sizes=(16,))
regressor = functools.partial(helpers.regressor, max_epochs=20, module__hidden_layer_sizes=(16,))


def test_members_of_a_bag_differ_in_rows_columns_and_seeds() -> None:
    bag = BaggingClassifier(classifier(), n_estimators=4, max_samples=0.6, max_features=3, random_state=0).fit(
        X, y
    )
    members = [
        member.predict_proba(X[:, columns])
        for member, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
    ]
    assert all(member.n_features_in_ == 3 for member in bag.estimators_)
    assert len({member.random_state for member in bag.estimators_}) == 4
    assert np.allclose(bag.predict_proba(X), np.mean(members, axis=0))
    assert bag.score(X, y) > 0.85


def test_a_bag_that_grows_keeps_the_members_it_has() -> None:
    bag = BaggingClassifier(classifier(), n_estimators=2, warm_start=True, random_state=0).fit(X, y)
    before = [member.predict_proba(X) for member in bag.estimators_]
    bag.set_params(n_estimators=3).fit(X, y)
    assert len(bag.estimators_) == 3
    for member, old in zip(bag.estimators_, before, strict=False):
        assert np.array_equal(member.predict_proba(X), old)


def test_a_bag_of_regressors_averages_one_column() -> None:
    bag = BaggingRegressor(regressor(), n_estimators=3, random_state=0).fit(X, target)
    assert np.allclose(bag.predict(X), np.mean([member.predict(X) for member in bag.estimators_], axis=0))
    assert bag.score(X, target) > 0.8


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_votes_count_beside_other_estimators(voting: str) -> None:
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    members = [
        ("net", classifier()),
        ("tree", DecisionTreeClassifier(max_depth=2)),
        ("line", LogisticRegression()),
    ]
    vote = VotingClassifier(members, voting=voting).fit(X, names)
    assert vote.score(X, names) > 0.9
    if voting == "soft":
        expected = np.mean([member.predict_proba(X) for member in vote.estimators_], axis=0)
        assert np.allclose(vote.predict_proba(X), expected)
    else:
        assert np.array_equal(vote.named_estimators_["net"].predict(X), classifier().fit(X, y).predict(X))


def test_an_averaging_regressor() -> None:
    vote = VotingRegressor([("net", regressor()), ("line", Ridge())]).fit(X, target)
    assert np.allclose(
        vote.predict(X), (regressor().fit(X, target).predict(X) + Ridge().fit(X, target).predict(X)) / 2
    )


def test_stacked_on_probabilities_of_rows_not_trained_on() -> None:
    stack = StackingClassifier([("net", classifier()), ("tree", DecisionTreeClassifier(max_depth=1))], cv=3)
    stack.fit(X, y)
    assert stack.transform(X).shape == (len(X), 6)
    assert np.array_equal(stack.transform(X)[:, :3], classifier().fit(X, y).predict_proba(X))
    assert stack.score(X, y) > 0.9


def test_stacked_on_a_network_that_is_kept() -> None:
    frozen = FrozenEstimator(regressor().fit(X, target))
    stack = StackingRegressor([("net", frozen)], final_estimator=Ridge(), cv="prefit").fit(X, target)
    assert np.array_equal(stack.transform(X)[:, 0], frozen.predict(X))


def test_boosting_hands_its_weights_on() -> None:
    boost = AdaBoostClassifier(classifier(max_epochs=4), n_estimators=3, random_state=0).fit(X, y)
    first = classifier(max_epochs=4, random_state=boost.estimators_[0].random_state).fit(X, y)
    assert np.array_equal(boost.estimators_[0].predict_proba(X), first.predict_proba(X))
    wrong = first.predict(X) != y
    assert 0 < wrong.mean() < 0.67
    error, n_classes = wrong.mean(), 3
    weight = np.where(wrong, (1 - error) / error * (n_classes - 1), 1.0)
    second = classifier(max_epochs=4, random_state=boost.estimators_[1].random_state)
    second.fit(X, y, sample_weight=weight / weight.sum())
    assert np.allclose(boost.estimators_[1].predict_proba(X), second.predict_proba(X), atol=1e-6)


def test_a_boosted_regressor_learns() -> None:
    boost = AdaBoostRegressor(regressor(), n_estimators=3, random_state=0).fit(X, target)
    assert boost.score(X, target) > 0.8


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_mends_a_network_that_is_too_sure(method: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5))
    labels = (rows[:, 0] + 1.5 * rng.normal(size=400) > 0).astype(int)
    train, held_out, test = np.split(np.arange(400), [60, 230])
    sure = classifier(max_epochs=150).fit(rows[train], labels[train])
    calibrated = CalibratedClassifierCV(FrozenEstimator(sure), method=method).fit(rows[held_out], labels[held_out])
    before, after = (log_loss(labels[test], each.predict_proba(rows[test])) for each in (sure, calibrated))
    assert after < before


def test_calibration_by_folds_averages_clones() -> None:
    calibrated = CalibratedClassifierCV(classifier(), cv=3).fit(X, y)
    assert len(calibrated.calibrated_classifiers_) == 3
    assert calibrated.score(X, y) > 0.85
    assert np.allclose(calibrated.predict_proba(X).sum(1), 1)
