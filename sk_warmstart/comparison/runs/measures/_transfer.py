"""Scores of an arm on the test rows of all phases, and predictions that flipped since the phase before."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ....state import LeakageWarning
from ....statistics import negative_flip_rate, positive_flip_rate, retained_accuracy
from ...phases._phase import Index
from .._estimators import Estimator
from .._scorer import PhaseScorer
from ._row_scores import Scored


@dataclass(frozen=True)
class PreviousPredictions:
    """What an arm predicted of all test rows of the phase before."""

    test: Index
    predictions: NDArray


def score_on_all_phases(
    estimator: Estimator,
    scorer: PhaseScorer,
    tests: dict[int, Index],
    now: int,
    place: dict[str, Any],
    scored: tuple[Index, Scored] | None = None,
) -> list[dict[str, Any]]:
    """Score an arm on the test rows of this phase and of others: rows of transfer, as in ``Measured``.

    ``scored`` are rows that were scored already.
    """
    transfer: list[dict[str, Any]] = []
    scores: dict[bytes, float] = {}  # phases may share their test rows
    if scored is not None:
        scores[scored[0].tobytes()] = scored[1].score
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # rows that were trained on are scored on purpose
        for phase, index in tests.items():
            key = index.tobytes()
            if key not in scores:
                scores[key] = (
                    scorer.score(estimator, index) if phase <= now else _score_ahead(estimator, scorer, index)
                )
            transfer.append({**place, "on_phase": phase, "score": scores[key]})
    return transfer


def flips_since(
    estimator: Estimator,
    scorer: PhaseScorer,
    test: Index,
    before: PreviousPredictions | None,
    place: dict[str, Any],
    scored: tuple[Index, Scored] | None = None,
) -> tuple[list[dict[str, Any]], PreviousPredictions | None]:
    """Count what a classifier predicts otherwise than after the phase before, on all test rows of that phase.

    Returns rows of flips, and the predictions of this phase's test rows for the next; of a regressor none.
    """
    if not is_classifier(estimator):
        return [], None
    flips: list[dict[str, Any]] = []

    def predict(rows: Index) -> NDArray:
        if scored is None or scored[1].predictions is None or not np.array_equal(rows, scored[0]):
            return scorer.predict(estimator, rows)
        return scored[1].predictions

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)
        if before is not None:
            after, y = predict(before.test), scorer.targets(before.test)
            retained = retained_accuracy(y, before.predictions, after)
            flips.append({**place, **flips_between(y, before.predictions, after), "retained": retained})
        return flips, PreviousPredictions(test, predict(test))


def flips_between(y: NDArray, before: NDArray, after: NDArray) -> dict[str, float]:
    """Return the rates of predictions that went from right to wrong, and from wrong to right."""
    return {
        "negative_flips": negative_flip_rate(y, before, after),
        "positive_flips": positive_flip_rate(y, before, after),
    }


def _score_ahead(estimator: Estimator, scorer: PhaseScorer, rows: Index) -> float:
    """Score on rows of a later phase; NaN where the steps before the last one cannot take their values yet."""
    try:
        return scorer.score(estimator, rows)
    except ValueError:
        return float("nan")
