"""Summary of an arm's fit: one row of results, and one row an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....estimators import WarmStartMixin
from ..._rows import count
from .._estimators import Estimator
from ..others._rounds import rounds_of
from ._fit import Fit

_NAN = float("nan")
NOT_A_NUMBER = "score is NaN"
_COLUMNS = [
    "train_loss",
    "valid_loss",
    "valid_score",
    "test_score",
    "gradient_norm",
    "distance_from_start",
    "distance_from_init",
]
CURVE_COLUMNS = ["repeat", "phase", "arm", "stream", "epoch", "samples", *_COLUMNS]


def record_of(fit: Fit, others: Sequence[Fit]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of results (all but the scores) and the epochs of the fit that an arm continues from.

    ``others`` were tried too: an arm that is tuned pays for all.
    """
    paid = sum(round((_epochs(other) + _epochs_of_start(other.estimator)) * _rows(other)) for other in others)
    epochs, n_rows = _epochs(fit), _rows(fit)
    row = {
        "start_score": _NAN,
        "epochs": epochs,
        "samples": paid + round((epochs + _epochs_of_start(fit.estimator)) * n_rows),
        "seconds": fit.seconds + sum(other.seconds for other in others),
        "process_seconds": fit.process_seconds + sum(other.process_seconds for other in others),
        "memory": max([fit.memory, *(other.memory for other in others)]),
        "final_valid_score": final_valid_score(fit.estimator),
        "chosen": fit.option.words,
        "error": "",
    }
    if not math.isnan(fit.gpu_utilisation):
        row["gpu_utilisation"] = fit.gpu_utilisation
    curve = _curve(fit, n_rows)
    return row, [{**point, "samples": paid + point["samples"]} for point in curve]


def fails_where(score: float, cold: float) -> bool:
    """Tell whether a score is no number where cold's is one."""
    return math.isnan(score) and not math.isnan(cold)


def final_valid_score(estimator: Estimator) -> float:
    """Return the validation score of the epoch that a fit returned; NaN where there is none."""
    return (
        float(estimator.lineage_.scores.get("valid_score", _NAN))
        if isinstance(estimator, WarmStartMixin)
        else _NAN
    )


def record_without_training(score: float) -> dict[str, Any]:
    """Return the row of an arm that is not trained."""
    return {
        "score": score,
        "start_score": _NAN,
        "epochs": 0,
        "samples": 0,
        "seconds": 0.0,
        "process_seconds": 0.0,
        "memory": _NAN,
        "final_valid_score": _NAN,
        "chosen": "",
        "error": "",
    }


def _rows(fit: Fit) -> int:
    return count(fit.data.X)


def _epochs(fit: Fit) -> int:
    """Return how often a fit went through its rows; a round of an ensemble goes through them once."""
    estimator = fit.estimator
    n_rounds = rounds_of(estimator)
    if n_rounds:
        # A function of the user's may have begun anew.
        return n_rounds - fit.rounds_before if n_rounds > fit.rounds_before else n_rounds
    passes = getattr(estimator, "n_iter_", None)
    if passes is not None:
        return int(np.sum(passes))  # some linear models have a number for each class
    # What keeps no count was fitted in one pass.
    return len(_losses_of_another_library(fit)) or int(not isinstance(estimator, WarmStartMixin))


def _curve(fit: Fit, n_rows: int) -> list[dict[str, Any]]:
    estimator = fit.estimator
    if not isinstance(estimator, WarmStartMixin):
        return [
            {"epoch": i, "samples": i * n_rows, "train_loss": loss, **dict.fromkeys(_COLUMNS[1:], _NAN)}
            for i, loss in enumerate(_losses_of_another_library(fit), start=1)
        ]
    start, trajectory = estimator.start_, dict(estimator.callbacks_)["trajectory"]
    validated, cost = start.get("evaluated_on") == "validation", _epochs_of_start(estimator)
    rows = [
        {
            "epoch": 0,
            "samples": round(cost * n_rows),
            "train_loss": _NAN,
            "valid_loss": start.loss if validated else _NAN,
            "valid_score": start.score if validated else _NAN,
            "test_score": _NAN,
            "gradient_norm": _NAN,
            "distance_from_start": 0.0,
            "distance_from_init": trajectory.start_distance_,
        }
    ]
    epochs = estimator.history[-estimator.n_iter_ :] if estimator.n_iter_ else []
    for number, epoch in enumerate(epochs, start=1):
        row = {"epoch": number, "samples": round((number + cost) * n_rows)}
        rows.append({**row, **{name: float(epoch.get(name, _NAN)) for name in _COLUMNS}})
    return rows


def _losses_of_another_library(fit: Fit) -> list[float]:
    """Return the training losses of the last fit, as far as an estimator of another library records them."""
    estimator = fit.estimator
    if rounds_of(estimator):
        by_round = getattr(estimator, "train_score_", ())  # of gradient boosting: one for each round, old ones too
        kept = len(by_round) == rounds_of(estimator)
        return [float(loss) for loss in by_round[fit.rounds_before :]] if kept else []
    losses = list(getattr(estimator, "loss_curve_", None) or [])
    if losses:
        return [float(loss) for loss in losses[-int(getattr(estimator, "n_iter_", 0)) or None :]]
    history = getattr(estimator, "history", None)
    if not history or not hasattr(estimator, "max_epochs"):
        return []
    # skorch's history continues over warm fits, none of which is longer than this.
    return [float(epoch.get("train_loss", _NAN)) for epoch in history[-int(estimator.max_epochs) :]]


def _epochs_of_start(estimator: Estimator) -> float:
    """Return the epochs' worth of training that making the start took."""
    return float(estimator.start_.get("epochs", 0)) if isinstance(estimator, WarmStartMixin) else 0.0
