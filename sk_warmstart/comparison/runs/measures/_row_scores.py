"""What each test row adds to the score of a fitted arm."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, r2_score

from ...._compat._scorers import Observation, observed_scorer
from ....estimators import WarmStartMixin, warn_where_leaking
from ....statistics._pseudo_values import block_values, label_counts_without, pseudo_values
from ..._rows import take
from ...phases._phase import Index
from .._answers import Answers
from .._estimators import Estimator, has_standard_score
from .._scorer import as_score, cut_params
from ._metrics import Values, closed_form

_MOST_PAIRS = 20  # distinct pairs of true and predicted labels that are left out one by one
_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@dataclass(frozen=True)
class Scored:
    """A score and what each row adds to it (None where that cannot be told); the others as in ``RowScores``."""

    score: float
    values: NDArray[np.float64] | None = None
    bounded: bool = False
    blocks: bool = False


def score_by_row(answers: Answers, index: Index, blocks: NDArray[np.int64]) -> Scored:
    """Score an estimator on rows as the scorer does, and find what each row adds.

    It predicts once, or twice where the scorer is a function of the estimator. ``blocks`` of the rows serve
    where nothing else does. Rows that trained a donor are warned of.
    """
    scorer, estimator = answers.scorer, answers.estimator
    X, y, params = scorer.rows(index), scorer.given_targets(index), scorer.params_of(index)
    seen: list[Observation] = []
    if answers.metric is not None:
        if isinstance(estimator, WarmStartMixin):
            warn_where_leaking(estimator, X, params.get("sample_id"))
        score, metric = answers.score(index), answers.metric
        kwargs = {**metric.kwargs, **answers.metric_params(index)}
        seen = [Observation(metric.function, metric.sign, "predict", y, answers.predict(index), kwargs)]
    else:
        observed = observed_scorer(scorer.scorer, seen)
        score = as_score((observed or scorer.scorer)(estimator, X, y, **params))
    if not np.isfinite(score) or not len(index):
        return Scored(score)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when all rows were scored
        if seen:
            found = _closed_form(seen[-1], score) or _by_label(seen[-1], score)
            if found is not None:
                return Scored(score, found.values, found.bounded)
            score_of = _of_observation(seen[-1])
        else:
            score_of = _of_estimator(scorer.scorer, estimator, X, y, params)
        return Scored(score, block_values(score, blocks, score_of), blocks=True)


def _closed_form(seen: Observation, score: float) -> Values | None:
    try:
        return closed_form(seen, score)
    except (TypeError, ValueError):  # targets or arguments that only the metric itself understands
        return None


def _by_label(seen: Observation, score: float) -> Values | None:
    """Leave out each distinct pair of labels, by the metric itself."""
    if seen.response != "predict" or any(np.ndim(value) for value in seen.kwargs.values()):
        return None
    true, guess = np.asarray(seen.y), np.asarray(seen.predicted)
    if true.ndim != 1 or guess.ndim != 1 or true.dtype.kind == "f":
        return None

    def score_of(y: Any, predicted: Any) -> float:
        return seen.sign * float(seen.function(y, predicted, **seen.kwargs))

    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        try:
            score_of(true, guess)
        except UndefinedMetricWarning:  # with all rows already: it is what it is without one
            warnings.simplefilter("ignore", UndefinedMetricWarning)
        except Exception:
            return None
        found = label_counts_without(true, guess, score_of, _MOST_PAIRS)
    if found is None or not np.isfinite(found.without).any():
        return None
    return Values(pseudo_values(score, found.without))


def _of_observation(seen: Observation) -> Callable[[NDArray[np.intp]], float]:
    def score_of(places: NDArray[np.intp]) -> float:
        kwargs = cut_params(seen.y, seen.kwargs, places)
        y, predicted = take(seen.y, places), np.asarray(seen.predicted)[places]
        return seen.sign * float(seen.function(y, predicted, **kwargs))

    return score_of


def _of_estimator(
    scorer: Callable[..., float], estimator: Estimator, X: Any, y: Any, params: Mapping[str, Any]
) -> Callable[[NDArray[np.intp]], float]:
    answers: dict[str, NDArray] = {}

    def score_of(places: NDArray[np.intp]) -> float:
        part = take(X, places)
        kept = Kept(estimator, X, part, places, answers)
        return float(scorer(kept, part, take(y, places), **cut_params(X, params, places)))

    return score_of


class Kept:
    """A fitted estimator that predicts all rows once, and hands out the predictions of some of them."""

    def __init__(
        self, estimator: Estimator, rows: Any, part: Any, places: NDArray[np.intp], answers: dict[str, NDArray]
    ):
        self._estimator, self._rows, self._part = estimator, rows, part
        self._places, self._answers = places, answers

    @property
    def __class__(self) -> Any:  # so that isinstance says what it says of the estimator
        return type(self._estimator)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise TypeError("the class of an estimator that is being scored cannot be set")

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._estimator, name)
        if name in _METHODS:
            return lambda X, *args, **kwargs: self._answer(name, X, args, kwargs)
        if name == "score" and has_standard_score(self._estimator):
            return self._score
        return value

    def _answer(self, method: str, X: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = getattr(self._estimator, method)
        if X is not self._part or args or kwargs:
            return function(X, *args, **kwargs)
        if method not in self._answers:
            self._answers[method] = np.asarray(function(self._rows))
        return self._answers[method][self._places]

    def _score(self, X: Any, y: Any, sample_weight: Any = None, **other: Any) -> float:
        function = accuracy_score if is_classifier(self._estimator) else r2_score
        return float(function(y, self._answer("predict", X, (), {}), sample_weight=sample_weight))
