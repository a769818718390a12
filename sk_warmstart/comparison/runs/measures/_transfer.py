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
from .._estimators import Estimator
from .._scorer import PhaseScorer
from ._row_scores import Scored


@dataclass(frozen=True)
class PreviousPredictions:
    """What an arm predicted of the test rows of the phase before."""

    test: Index
    predictions: NDArray


def score_on_all_phases(
    estimator: Estimator,
    scorer: PhaseScorer,
    tests: dict[int, Index],
    now: int,
    before: PreviousPredictions | None,
    place: dict[str, Any],
    scored: tuple[Index, Scored] | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], PreviousPredictions | None]:
    """Score a fitted arm on the test rows of this phase and of others, and count its flipped predictions.

    Returns rows of transfer and of flips, as in ``Measured``, and the predictions for the next phase; None where
    the arm is no classifier. ``scored`` are rows that were scored already.
    """
    transfer: list[dict[str, Any]] = []
    flips: list[dict[str, Any]] = []
    scores: dict[bytes, float] = {}  # phases may share their test rows
    labels: dict[bytes, NDArray] = {}
    if scored is not None:
        scores[scored[0].tobytes()] = scored[1].score
        if scored[1].predictions is not None:
            labels[scored[0].tobytes()] = scored[1].predictions

    def predict(rows: Index) -> NDArray:
        known = labels.get(rows.tobytes())
        return scorer.predict(estimator, rows) if known is None else known

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # rows that were trained on are scored on purpose
        for phase, index in tests.items():
            key = index.tobytes()
            if key not in scores:
                scores[key] = (
                    scorer.score(estimator, index) if phase <= now else _score_ahead(estimator, scorer, index)
                )
            transfer.append({**place, "on_phase": phase, "score": scores[key]})
    if now not in tests or not is_classifier(estimator):
        return transfer, flips, None
    if before is not None:
        after, y = predict(before.test), scorer.targets(before.test)
        retained = retained_accuracy(y, before.predictions, after)
        flips.append({**place, **flips_between(y, before.predictions, after), "retained": retained})
    return transfer, flips, PreviousPredictions(tests[now], predict(tests[now]))


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
