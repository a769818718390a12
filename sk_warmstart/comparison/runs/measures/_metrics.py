"""What rows add to the metrics of scikit-learn, in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from ...._compat._scorers import Observation
from ....statistics._label_scores import averaged_score, balanced_accuracy, matthews_correlation
from ....statistics._pseudo_values import (
    LeaveOneOut,
    auc_without,
    average_precision_without,
    brier_losses,
    confusion_without,
    explained_variance_without,
    log_losses,
    mean_values,
    pseudo_values,
    r2_without,
    rmse_without,
)

_CLOSE = 1e-5  # relative; probabilities may have 32 bits
Floats = NDArray[np.float64]
Weights = Floats | None


class Values(NamedTuple):
    """What each row adds to a score, and whether that lies within 0 and 1."""

    values: Floats
    bounded: bool = False


def closed_form(seen: Observation, score: float) -> Values | None:
    """Return what rows add to a score, where its function is known and gives just this score."""
    kwargs = {name: value for name, value in seen.kwargs.items() if value is not None}
    weights = kwargs.pop("sample_weight", None)
    weights = None if weights is None else np.asarray(weights, dtype=np.float64)
    raw = seen.sign * score
    values = None
    if seen.function in _MEANS:
        values = _of_mean(_MEANS[seen.function], seen, kwargs, weights, raw)
    elif seen.function in _OF_ALL_ROWS:
        values = _of_leave_one_out(_OF_ALL_ROWS[seen.function], seen, kwargs, weights, raw)
    if values is None:
        return None
    bounded = weights is None and seen.sign == 1 and seen.function is metrics.accuracy_score
    return Values(seen.sign * values, bounded)


def _of_mean(
    form: Callable[..., Floats | None], seen: Observation, kwargs: dict[str, Any], weights: Weights, score: float
) -> Floats | None:
    losses = form(seen.y, seen.predicted, kwargs)
    if losses is None or not _agree(float(np.average(losses, weights=weights)), score):
        return None
    return mean_values(score, losses, weights)


def _of_leave_one_out(
    form: Callable[..., LeaveOneOut | None],
    seen: Observation,
    kwargs: dict[str, Any],
    weights: Weights,
    score: float,
) -> Floats | None:
    found = form(seen.y, seen.predicted, kwargs, weights)
    if found is None or not _agree(found.score, score):
        return None
    return pseudo_values(found.score, found.without) + (score - found.score)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE * max(abs(one), abs(other)) + 1e-12


# ---------------------------------------------------------------- means over rows


def _right(y: Any, predicted: Any, kwargs: Mapping[str, Any]) -> Floats | None:
    right = np.asarray(y) == np.asarray(predicted)
    return right.astype(np.float64) if right.ndim == 1 else None


def _wrong(y: Any, predicted: Any, kwargs: Mapping[str, Any]) -> Floats | None:
    right = _right(y, predicted, kwargs)
    return None if right is None else 1 - right


def _by_output(function: Callable[..., Any]) -> Callable[..., Floats | None]:
    """Losses of rows by the metric itself: each row is handed over as an output of its own."""

    def losses(y: Any, predicted: Any, kwargs: Mapping[str, Any]) -> Floats | None:
        true, guess = np.asarray(y, dtype=np.float64), np.asarray(predicted)
        other = {name: value for name, value in kwargs.items() if name != "multioutput"}
        flat = function(true.reshape(1, -1), guess.reshape(1, -1), multioutput="raw_values", **other)
        return np.asarray(flat, dtype=np.float64).reshape(len(true), -1).mean(axis=1)

    return losses


def _of_probabilities(
    function: Callable[..., Floats],
) -> Callable[[Any, Any, Mapping[str, Any]], Floats | None]:
    def losses(y: Any, predicted: Any, kwargs: Mapping[str, Any]) -> Floats | None:
        labels, true = _labels(y, kwargs), np.asarray(y)
        if np.ndim(predicted) == 2 and len(labels) != np.shape(predicted)[1]:
            return None
        codes = np.searchsorted(labels, true)
        if np.ndim(predicted) == 1 and "pos_label" in kwargs:
            codes = (true == kwargs["pos_label"]).astype(np.intp)
        each = function(codes, predicted)
        halved = kwargs.get("scale_by_half", "auto")
        whole = function is brier_losses and (halved is False or (halved == "auto" and len(labels) > 2))
        return 2 * each if whole else each

    return losses


def _labels(y: Any, kwargs: Mapping[str, Any]) -> NDArray[Any]:
    return np.unique(np.asarray(kwargs.get("labels", y)))


_MEANS: dict[Callable[..., Any], Callable[..., Floats | None]] = {
    metrics.accuracy_score: _right,
    metrics.zero_one_loss: _wrong,
    metrics.log_loss: _of_probabilities(log_losses),
    metrics.brier_score_loss: _of_probabilities(brier_losses),
    **{
        function: _by_output(function)
        for function in (
            metrics.mean_squared_error,
            metrics.mean_absolute_error,
            metrics.mean_absolute_percentage_error,
            metrics.mean_squared_log_error,
            metrics.mean_pinball_loss,
        )
    },
}


# ---------------------------------------------------------------- functions of all rows


def _of_numbers(function: Callable[..., LeaveOneOut]) -> Callable[..., LeaveOneOut]:
    return lambda y, predicted, kwargs, weights: function(y, predicted, weights)


def _root_of_logs(y: Any, predicted: Any, kwargs: Mapping[str, Any], weights: Weights) -> LeaveOneOut:
    true, guess = (np.log1p(np.asarray(values, dtype=np.float64)) for values in (y, predicted))
    return rmse_without(true, guess, weights)


def _auc(y: Any, predicted: Any, kwargs: Mapping[str, Any], weights: Weights) -> LeaveOneOut | None:
    average = kwargs.get("average", "macro")
    if "max_fpr" in kwargs or kwargs.get("multi_class") == "ovo" or average not in ("macro", "weighted"):
        return None
    if average == "weighted" and weights is not None:
        return None
    labels = _labels(y, kwargs)
    if np.ndim(predicted) == 1 and len(labels) == 2:
        return auc_without(np.asarray(y) == labels[1], predicted, weights)
    return _over_classes(partial(auc_without, weights=weights), y, predicted, labels, average)


def _average_precision(y: Any, predicted: Any, kwargs: Mapping[str, Any], weights: Weights) -> LeaveOneOut | None:
    average = kwargs.get("average", "macro")
    if weights is not None or average not in ("macro", "weighted"):
        return None
    if np.ndim(predicted) == 1:
        return average_precision_without(np.asarray(y) == kwargs.get("pos_label", 1), predicted)
    return _over_classes(average_precision_without, y, predicted, _labels(y, kwargs), average)


def _over_classes(
    function: Callable[..., LeaveOneOut], y: Any, predicted: Any, labels: NDArray[Any], average: str
) -> LeaveOneOut | None:
    """Average each class against the rest, or weigh by how often the classes are true."""
    true = np.asarray(y)
    if np.ndim(predicted) != 2 or np.shape(predicted)[1] != len(labels) or true.ndim != 1:
        return None
    is_class = true[:, None] == labels
    if not is_class.any(axis=0).all():
        return None
    parts = [function(is_class[:, k], np.asarray(predicted)[:, k]) for k in range(len(labels))]
    scores, without = np.array([part.score for part in parts]), np.column_stack([part.without for part in parts])
    if average == "macro":
        return LeaveOneOut(float(scores.mean()), without.mean(axis=1))
    counts, n = is_class.sum(axis=0), len(true)
    shares = (counts - is_class) / max(1, n - 1)
    return LeaveOneOut(float(scores @ counts / n), (shares * without).sum(axis=1))


def _averaged(kind: str) -> Callable[..., LeaveOneOut | None]:
    def found(y: Any, predicted: Any, kwargs: Mapping[str, Any], weights: Weights) -> LeaveOneOut | None:
        average, zero = kwargs.get("average", "binary"), kwargs.get("zero_division", "warn")
        more = set(kwargs) - {"average", "zero_division", "pos_label", "beta"}
        if more or average not in ("binary", "macro", "micro", "weighted") or zero != "warn":
            return None
        labels = np.unique(np.concatenate([np.asarray(y), np.asarray(predicted)]))
        positive = np.flatnonzero(labels == kwargs.get("pos_label", 1))
        if average == "binary" and not len(positive):
            return None
        place = int(positive[0]) if average == "binary" else 0
        beta = float(kwargs.get("beta", 1.0))
        score = partial(averaged_score, kind=kind, average=average, beta=beta, positive=place)
        return _of_labels(score)(y, predicted, {}, weights)

    return found


def _of_labels(function: Callable[[Floats], Floats]) -> Callable[..., LeaveOneOut | None]:
    def found(y: Any, predicted: Any, kwargs: Mapping[str, Any], weights: Weights) -> LeaveOneOut | None:
        true, guess = np.asarray(y), np.asarray(predicted)
        if weights is not None or true.ndim != 1 or guess.ndim != 1 or set(kwargs) - {"adjusted"}:
            return None
        if kwargs.get("adjusted"):
            return None
        _, codes = np.unique(np.concatenate([true, guess]), return_inverse=True)
        return confusion_without(codes[: len(true)], codes[len(true) :], function)

    return found


_OF_ALL_ROWS: dict[Callable[..., Any], Callable[..., LeaveOneOut | None]] = {
    metrics.r2_score: _of_numbers(r2_without),
    metrics.explained_variance_score: _of_numbers(explained_variance_without),
    metrics.root_mean_squared_error: _of_numbers(rmse_without),
    metrics.root_mean_squared_log_error: _root_of_logs,
    metrics.roc_auc_score: _auc,
    metrics.average_precision_score: _average_precision,
    metrics.f1_score: _averaged("f"),
    metrics.fbeta_score: _averaged("f"),
    metrics.precision_score: _averaged("precision"),
    metrics.recall_score: _averaged("recall"),
    metrics.jaccard_score: _averaged("jaccard"),
    metrics.balanced_accuracy_score: _of_labels(balanced_accuracy),
    metrics.matthews_corrcoef: _of_labels(matthews_correlation),
}
