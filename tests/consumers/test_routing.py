"""Metadata routing: weights and identities find their way through scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from helpers import net
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_iris(return_X_y=True)
weight = np.random.default_rng(0).uniform(0.1, 5, len(X))


@pytest.fixture(autouse=True)
def routing() -> Iterator[None]:
    with config_context(enable_metadata_routing=True):
        yield


def test_weights_reach_the_network_through_a_pipeline() -> None:
    pipe = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False), net().set_fit_request(sample_weight=True)
    )
    pipe.fit(X, y, sample_weight=weight)
    scaled = pipe[0].transform(X)
    assert np.array_equal(
        pipe[-1].predict_proba(scaled), net().fit(scaled, y, sample_weight=weight).predict_proba(scaled)
    )
    assert not np.allclose(pipe[-1].predict_proba(scaled), net().fit(scaled, y).predict_proba(scaled))


def test_weights_reach_fits_and_scores_of_a_search() -> None:
    estimator = net().set_fit_request(sample_weight=True)
    scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(estimator, {"lr": [0.01]}, cv=folds, scoring=scorer).fit(X, y, sample_weight=weight)
    expected = []
    for train, test in folds.split(X):
        fitted = net().fit(X[train], y[train], sample_weight=weight[train])
        expected.append(accuracy_score(y[test], fitted.predict(X[test]), sample_weight=weight[test]))
    assert np.isclose(search.best_score_, np.mean(expected))
    assert np.array_equal(search.predict_proba(X), net().fit(X, y, sample_weight=weight).predict_proba(X))


def test_what_nobody_asked_for_is_refused() -> None:
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        GridSearchCV(net(), {"lr": [0.01]}, cv=2).fit(X, y, sample_weight=weight)
    with pytest.raises(TypeError, match="unexpected argument"):
        net().fit(X, y, unheard_of=1)


def test_a_name_of_its_own_for_the_weights() -> None:
    found = cross_validate(
        net().set_fit_request(sample_weight="importance"),
        X,
        y,
        cv=KFold(2, shuffle=True, random_state=0),
        params={"importance": weight},
        return_estimator=True,
    )
    train, _ = next(iter(KFold(2, shuffle=True, random_state=0).split(X)))
    alone = net().fit(X[train], y[train], sample_weight=weight[train])
    assert np.array_equal(found["estimator"][0].predict_proba(X), alone.predict_proba(X))


def test_identities_decide_what_validates_in_every_fold() -> None:
    ids = np.arange(len(X)) % 30  # five rows of each belong together
    found = cross_validate(
        make_pipeline(StandardScaler(), net(early_stopping=True, validation_fraction=0.3)),
        X,
        y,
        cv=KFold(3, shuffle=True, random_state=0),
        params={"sample_id": ids},
        return_estimator=True,
        return_indices=True,
    )
    for pipe, train in zip(found["estimator"], found["indices"]["train"], strict=True):
        scaled = pipe[0].transform(X[train])
        alone = net(early_stopping=True, validation_fraction=0.3).fit(scaled, y[train], sample_id=ids[train])
        assert np.array_equal(pipe[-1].predict_proba(scaled), alone.predict_proba(scaled))


def test_a_bag_draws_rows_by_their_weights() -> None:
    chosen = np.where(y == 2, 0.0, 1.0)
    bag = BaggingClassifier(net(), n_estimators=2, max_samples=60, random_state=0).fit(X, y, sample_weight=chosen)
    for member, drawn in zip(bag.estimators_, bag.estimators_samples_, strict=True):
        alone = net(random_state=member.random_state).fit(X[drawn], y[drawn])
        assert member.classes_.tolist() == [0, 1]
        assert np.array_equal(member.predict_proba(X), alone.predict_proba(X))
