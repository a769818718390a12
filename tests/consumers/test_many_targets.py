"""Meta-estimators that make many problems out of one."""

from __future__ import annotations

import functools
from typing import Any

import helpers
import numpy as np
import pytest
from helpers import iris
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain

X, y = iris()
names = np.array(["setosa", "versicolor", "virginica"])[y]
labels = np.column_stack([y == 0, y == 2]).astype(int)
targets = X @ np.array([[1.0, 0.0], [-1.0, 0.5], [0.0, 0.5], [0.5, 0.0]])
classifier = functools.partial(helpers.net, max_epochs=25, module__hidden_layer_sizes=(16,))
regressor = functools.partial(helpers.regressor, max_epochs=25, module__hidden_layer_sizes=(16,))


@pytest.mark.parametrize(("meta", "n_nets"), [(OneVsRestClassifier, 3), (OneVsOneClassifier, 3)])
def test_labels_against_each_other(meta: Any, n_nets: int) -> None:
    fitted = meta(classifier()).fit(X, names)
    assert len(fitted.estimators_) == n_nets
    assert fitted.score(X, names) > 0.85


def test_one_against_the_rest_is_as_many_single_fits() -> None:
    fitted = OneVsRestClassifier(classifier()).fit(X, y)
    alone = np.column_stack([classifier().fit(X, y == label).predict_proba(X)[:, 1] for label in range(3)])
    assert np.allclose(fitted.predict_proba(X), alone / alone.sum(1, keepdims=True))


@pytest.mark.parametrize("meta", [OneVsRestClassifier, OneVsOneClassifier])
def test_partial_fits_reach_every_member(meta: Any) -> None:
    fitted = meta(classifier())
    for first in range(25):
        order = np.random.default_rng(first).permutation(len(X))[:100]
        fitted.partial_fit(X[order], y[order], classes=[0, 1, 2])  # one against one: numbers only, in scikit-learn
    assert fitted.score(X, y) > 0.85
    assert [len(member.history) for member in fitted.estimators_] == [25] * 3


def test_codes_of_several_labels() -> None:
    fitted = OutputCodeClassifier(classifier(), code_size=2, random_state=0).fit(X, names)
    assert len(fitted.estimators_) == 6
    assert fitted.score(X, names) > 0.8


def test_several_labels_are_single_fits() -> None:
    fitted = MultiOutputClassifier(classifier()).fit(X, labels)
    for column, member in enumerate(fitted.estimators_):
        assert np.array_equal(member.predict_proba(X), classifier().fit(X, labels[:, column]).predict_proba(X))


def test_partial_fits_of_several_labels_go_on() -> None:
    fitted = MultiOutputClassifier(classifier())
    single = classifier()
    for _ in range(3):
        fitted.partial_fit(X, labels, classes=[np.array([0, 1])] * 2)
        single.partial_fit(X, labels[:, 1], classes=[0, 1])
    assert np.array_equal(fitted.estimators_[1].predict_proba(X), single.predict_proba(X))


def test_several_numbers_at_once_or_one_by_one() -> None:
    by_one = MultiOutputRegressor(regressor()).fit(X, targets)
    assert np.array_equal(by_one.predict(X)[:, 1], regressor().fit(X, targets[:, 1]).predict(X))
    at_once = regressor().fit(X, targets)
    assert at_once.predict(X).shape == by_one.predict(X).shape == targets.shape
    assert min(at_once.score(X, targets), by_one.score(X, targets)) > 0.8


def test_partial_fits_of_several_numbers() -> None:
    fitted = MultiOutputRegressor(regressor())
    before = None
    for _ in range(25):
        fitted.partial_fit(X, targets)
        before = fitted.score(X, targets) if before is None else before
    assert fitted.score(X, targets) > max(before or 0, 0.8)


def test_a_chain_feeds_labels_forward() -> None:
    chain = ClassifierChain(classifier(), order=[1, 0]).fit(X, labels)
    assert [member.n_features_in_ for member in chain.estimators_] == [4, 5]
    second = classifier().fit(np.column_stack([X, labels[:, 1]]), labels[:, 0])
    assert np.array_equal(
        chain.estimators_[1].predict_proba(np.column_stack([X, labels[:, 1]])),
        second.predict_proba(np.column_stack([X, labels[:, 1]])),
    )


def test_a_chain_of_numbers() -> None:
    chain = RegressorChain(regressor()).fit(X, targets)
    assert [member.n_features_in_ for member in chain.estimators_] == [4, 5]
    assert chain.score(X, targets) > 0.8
