"""Score of guessing: the classes as often as they are, or the mean of the targets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from ...._compat._scorers import is_own_score
from ...phases._phase import Index
from .._estimators import has_standard_score, last_step, predicts
from .._scorer import PhaseScorer


def dummy_score(estimator: Any, scorer: PhaseScorer, train: Index, test: Index) -> float:
    """Score a guess from the training targets as the estimator is scored; NaN where it cannot be.

    Where there are no targets, that is a network that has learned nothing.
    """
    if not predicts(estimator):
        return _untrained_score(last_step(estimator), scorer, train, test)
    if is_own_score(scorer.scorer) and not has_standard_score(estimator):
        return float("nan")
    dummy = DummyClassifier(strategy="prior") if is_classifier(estimator) else DummyRegressor()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metrics that are not defined for a single class
            dummy.fit(np.zeros((len(train), 1)), scorer.targets(train))
            return scorer.score(dummy, test)
    except Exception:  # a scorer may ask for what only the user's estimator has
        return float("nan")


def _untrained_score(learner: Any, scorer: PhaseScorer, train: Index, test: Index) -> float:
    fresh = clone(learner).set_params(max_epochs=0, init_policy="cold", early_stopping=False)
    return scorer.score(fresh.fit(scorer.rows(train)), test)
