"""Answers of a fitted estimator: the scorer's scores, by predictions that are made once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.comparison.runs._answers import Answers
from sk_warmstart.comparison.runs._scorer import PhaseScorer
from sk_warmstart.state import NetState

X, Y = load_iris(return_X_y=True)
WORDS = np.array(["iris setosa", "versicolor", "virginica"])
TARGETS: dict[str, Any] = {"numbers": Y, "text": WORDS[Y], "objects": WORDS[Y].astype(object)}
HALVES = [np.arange(0, 150, 2), np.arange(0, 120), np.arange(150)]  # some rows are in several
COUNT = make_scorer(accuracy_score, normalize=False)


def net(**params: Any) -> Any:
    return WarmStartClassifier(max_epochs=5, random_state=0, **params)


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize(
    "scoring", [None, "accuracy", "f1_macro", "roc_auc_ovr", make_scorer(accuracy_score, normalize=False)]
)
def test_scores_are_the_scorers(targets: str, scoring: Any) -> None:
    y = TARGETS[targets]
    for estimator in (net(), LogisticRegression(max_iter=5_000)):
        scorer = PhaseScorer(X, y, sklearn.metrics.check_scoring(estimator.fit(X[::3], y[::3]), scoring))
        answers = Answers(estimator, scorer)
        assert [answers.score(rows) for rows in HALVES] == [scorer.score(estimator, rows) for rows in HALVES]
        for rows in HALVES:
            assert np.array_equal(answers.predict(rows), estimator.predict(X[rows]))


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_scores_of_regressors_are_the_scorers(scoring: str | None) -> None:
    rows, y = load_diabetes(return_X_y=True)
    for model in (WarmStartRegressor(max_epochs=3, random_state=0), Ridge()):
        model.fit(rows, y)
        scorer = PhaseScorer(rows, y, sklearn.metrics.check_scoring(model, scoring))
        some = np.arange(100)
        assert Answers(model, scorer).score(some) == scorer.score(model, some)


def test_each_row_is_predicted_once() -> None:
    class Counting(ClassifierMixin, BaseEstimator):
        seen = 0

        def fit(self, X: Any, y: Any) -> Any:
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            self.seen += len(X)
            return np.zeros(len(X), dtype=int)

    model = Counting().fit(X, Y)
    answers = Answers(model, PhaseScorer(X, Y, sklearn.metrics.check_scoring(model, None)))
    for rows in HALVES:
        assert answers.score(rows) == np.mean(Y[rows] == 0)
    answers.predict(HALVES[0])
    assert model.seen == len(Y)


def test_a_score_of_the_users_own_is_asked_for() -> None:
    class Own(WarmStartClassifier):
        def score(self, X: Any, y: Any, sample_weight: Any = None, sample_id: Any = None) -> float:
            return -1.0

    model = Own(max_epochs=1, random_state=0).fit(X, Y)
    answers = Answers(model, PhaseScorer(X, Y, sklearn.metrics.check_scoring(model, None)))
    assert answers.metric is None
    assert answers.score(HALVES[0]) == -1.0


@pytest.mark.parametrize("scoring", [None, "roc_auc_ovr"])
@pytest.mark.parametrize("params", [{}, {"optimizer__fused": False, "batch_size": 16}])
def test_scores_with_other_weights_are_those_of_nets_that_have_them(scoring: Any, params: dict[str, Any]) -> None:
    model, *others = (net(**params).set_params(random_state=seed).fit(X, WORDS[Y]) for seed in range(3))
    states = [NetState.from_module(each.module_) for each in (others[0], model, others[1])]
    states.append(states[0].map(lambda _, tensor: torch.full_like(tensor, torch.nan)))
    scorer = PhaseScorer(X, WORDS[Y], sklearn.metrics.check_scoring(model, scoring))
    found = Answers(model, scorer).scores_with(states, HALVES[1])
    expected = [scorer.score(each, HALVES[1]) for each in (others[0], model, others[1])]
    assert found[:3] == expected
    assert np.isnan(found[3]) == (scoring is not None)  # probabilities that are none
    assert NetState.from_module(model.module_).digest() == states[1].digest()
