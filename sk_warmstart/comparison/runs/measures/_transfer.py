"""Scores of an arm on the test rows of all phases, and predictions that flipped since the phase before."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.base import is_classifier

from ....state import LeakageWarning
from ....statistics import negative_flip_rate, positive_flip_rate, retained_accuracy
from ...phases._phase import Index
from .._answers import Answers
from ._conditions import thinned


@dataclass(frozen=True)
class PreviousPredictions:
    """What an arm predicted of all test rows of the phase before."""

    test: Index
    predictions: NDArray


def score_on_all_phases(
    answers: Answers, tests: dict[int, Index], now: int, place: dict[str, Any]
) -> list[dict[str, Any]]:
    """Score an arm on the test rows of this phase and of others: rows of transfer, as in ``Measured``."""
    transfer: list[dict[str, Any]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # rows that were trained on are scored on purpose
        for phase, index in tests.items():
            score = answers.score(index) if phase <= now else _score_ahead(answers, index)
            transfer.append({**place, "on_phase": phase, "score": score})
    return transfer


def flips_since(
    answers: Answers, test: Index, before: PreviousPredictions | None, place: dict[str, Any]
) -> tuple[list[dict[str, Any]], PreviousPredictions | None]:
    """Count what a classifier predicts otherwise than after the phase before, on all test rows of that phase.

    Returns rows of flips, and the predictions of this phase's test rows for the next; of a regressor none.
    """
    if not is_classifier(answers.estimator):
        return [], None
    flips: list[dict[str, Any]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)
        if before is not None:
            after, y = answers.predict(before.test), answers.targets(before.test)
            retained = retained_accuracy(y, before.predictions, after)
            flips.append({**place, **flips_between(y, before.predictions, after), "retained": retained})
        return flips, PreviousPredictions(test, answers.predict(test))


def flips_between(y: NDArray, before: NDArray, after: NDArray) -> dict[str, float]:
    """Return the rates of predictions that went from right to wrong, and from wrong to right."""
    return {
        "negative_flips": negative_flip_rate(y, before, after),
        "positive_flips": positive_flip_rate(y, before, after),
    }


def _score_ahead(answers: Answers, rows: Index) -> float:
    """Score on rows of a later phase, of many some; NaN where the steps in front cannot take their values yet."""
    try:
        return answers.score(thinned(rows))
    except ValueError:
        return float("nan")
