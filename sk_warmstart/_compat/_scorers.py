"""Private parts of scikit-learn's scorers."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer, _Scorer

__all__ = [
    "Observation",
    "function_of_predictions",
    "is_made_scorer",
    "is_own_score",
    "measures_numbers",
    "name_of_scorer",
    "names_like",
    "observed_scorer",
    "takes_weights",
]


class Observation(NamedTuple):
    """What a scorer handed to its function: targets, predictions and further arguments; and its sign."""

    function: Callable[..., Any]
    sign: int
    response: Any
    y: Any
    predicted: Any
    kwargs: dict[str, Any]


def is_own_score(scorer: Any) -> bool:
    """Tell whether a scorer calls the estimator's own ``score``."""
    return isinstance(scorer, _PassthroughScorer)


def is_made_scorer(scorer: Any) -> bool:
    """Tell whether a scorer is one of ``make_scorer``, which asks an estimator for predictions only."""
    return isinstance(scorer, _BaseScorer)


def takes_weights(scorer: Any) -> bool:
    """Tell whether the function of a scorer takes weights of the rows."""
    return bool(scorer._accept_sample_weight())


def measures_numbers(scorer: Any) -> bool:
    """Tell whether a scorer of scikit-learn's is for regressors; others are for labels."""
    return str(getattr(scorer._score_func, "__module__", "")).endswith("._regression")


def name_of_scorer(scoring: Any) -> str:
    """Return a scorer's name; one that is negated says so, as scikit-learn's do, for a gain is no larger error."""
    if isinstance(scoring, str):
        return scoring
    made = isinstance(scoring, _BaseScorer)
    function, sign = (scoring._score_func, scoring._sign) if made else (scoring, 1)
    return f"{'neg_' if sign < 0 else ''}{getattr(function, '__name__', 'score')}"


def names_like(scoring: Any) -> list[str]:
    """Return the names of scikit-learn's scorers that have the function and the sign of one of ``make_scorer``."""
    if not isinstance(scoring, _BaseScorer):
        return []
    kind = scoring._score_func, scoring._sign
    scorers = {name: get_scorer(name) for name in get_scorer_names()}
    return [name for name, each in scorers.items() if (each._score_func, each._sign) == kind]


def function_of_predictions(scorer: Any) -> tuple[Callable[..., Any], int, dict[str, Any]] | None:
    """Return a scorer's function of targets and predictions, its sign and its arguments; None of other scorers."""
    if type(scorer) is not _Scorer or scorer._response_method != "predict":
        return None
    return scorer._score_func, scorer._sign, dict(scorer._kwargs)


def observed_scorer(scorer: Any, seen: list[Observation]) -> Any:
    """Return a scorer that notes what it scored; None where it is none of ``make_scorer``."""
    if not isinstance(scorer, _BaseScorer):
        return None
    function, sign, response = scorer._score_func, scorer._sign, scorer._response_method

    @functools.wraps(function)  # whose signature scikit-learn looks at
    def note(y: Any, predicted: Any, **kwargs: Any) -> Any:
        seen.append(Observation(function, sign, response, y, predicted, kwargs))
        return function(y, predicted, **kwargs)

    spy = copy.copy(scorer)
    spy._score_func = note
    return spy
