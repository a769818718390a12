"""Answers of a fitted estimator: predictions and scores of rows, each asked for once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score

from ..._compat._scorers import function_of_predictions, is_own_score
from ...estimators import prepare_rows
from ...state import NetState
from ...state._net_state import live_tensors
from ..phases._phase import Index
from ._estimators import Estimator, has_standard_score
from ._scorer import PhaseScorer, as_score

_SAME_KINDS = ("biuf", "U", "O")  # of labels that NumPy compares as scikit-learn does


class Metric(NamedTuple):
    """A function of targets and predictions that makes a score, and the sign that it is given."""

    function: Callable[..., Any]
    sign: int
    kwargs: Mapping[str, Any]

    def score(self, y: Any, predicted: NDArray, params: Mapping[str, Any]) -> float:
        """Score predictions."""
        kwargs = {**self.kwargs, **params}
        if self.function is accuracy_score and not kwargs and _are_plain_labels(np.asarray(y), predicted):
            return self.sign * float((np.asarray(y) == predicted).mean())
        return as_score(self.sign * self.function(y, predicted, **kwargs))


class Answers:
    """Predictions and scores of one fitted estimator on the user's rows, each row predicted once.

    ``metric`` makes the score of predictions; None where the scorer asks for more than these.
    """

    def __init__(self, estimator: Estimator, scorer: PhaseScorer) -> None:
        self.estimator, self.scorer = estimator, scorer
        self.metric = _metric_of(scorer, estimator)
        self._scores: dict[bytes, float] = {}
        self._predicted: NDArray | None = None
        self._has = np.zeros(len(scorer.y), dtype=np.bool_)

    def predict(self, index: Index) -> NDArray:
        """Predict rows."""
        missing = index[~self._has[index]]
        if len(missing):
            self._keep(missing, self.scorer.predict(self.estimator, missing))
        elif self._predicted is None:
            return self.scorer.predict(self.estimator, index)
        assert self._predicted is not None
        return self._predicted[index]

    def expect(self, parts: Sequence[Index]) -> None:
        """Predict all at once what scores of several parts will be made of, if they are."""
        if self.metric is not None and len(parts):
            with contextlib.suppress(ValueError):  # which the scorer says in words of its own
                wanted = np.zeros(len(self._has), dtype=np.bool_)
                wanted[np.concatenate(parts)] = True
                self.predict(np.flatnonzero(wanted))

    def score(self, index: Index) -> float:
        """Score the estimator on rows."""
        key = index.tobytes()
        if key not in self._scores:
            self._scores[key] = self._score(index)
        return self._scores[key]

    def scores_with(self, states: Iterable[NetState], index: Index) -> list[float]:
        """Score a net on rows with other weights; NaN where that cannot be. It is left as it was."""
        fitted: Any = self.estimator
        module = fitted.module_
        own, live = NetState.from_module(module), live_tensors(module)
        scores, score = list[float](), self._repeated_score(index)
        try:
            for state in states:
                same = all(tensor.equal(state[name]) for name, tensor in own.items())
                (own if same else state).copy_to(live)
                scores.append(_or_nan(self.score if same else score, index))
        finally:
            own.copy_to(live)
        return scores

    def _repeated_score(self, index: Index) -> Callable[[Index], float]:
        """Return a score that keeps nothing but the rows, prepared for predictions by several weights."""
        if self.metric is None:
            return lambda index: self.scorer.score(self.estimator, index)
        fitted: Any = self.estimator
        rows = prepare_rows(fitted, self.scorer.rows(index))
        return lambda index: self._judge(self.scorer.flat(fitted.predict(rows)), index)

    def targets(self, index: Index) -> NDArray:
        """Return the true targets of rows."""
        return self.scorer.targets(index)

    def _score(self, index: Index) -> float:
        if self.metric is not None:
            with contextlib.suppress(ValueError):  # which the scorer says in words of its own
                return self._judge(self.predict(index), index)
        return self.scorer.score(self.estimator, index)

    def _judge(self, predicted: NDArray, index: Index) -> float:
        assert self.metric is not None
        return self.metric.score(self.scorer.given_targets(index), predicted, self.metric_params(index))

    def metric_params(self, index: Index) -> dict[str, Any]:
        """Return the further arguments of the metric for rows."""
        params = self.scorer.params_of(index)
        if is_own_score(self.scorer.scorer):  # which takes others, but for no other score
            return {name: value for name, value in params.items() if name == "sample_weight"}
        return params

    def _keep(self, index: Index, predicted: NDArray) -> None:
        if self._predicted is None:
            self._predicted = np.empty((len(self._has), *predicted.shape[1:]), dtype=predicted.dtype)
        kind = np.promote_types(self._predicted.dtype, predicted.dtype)  # text may be wider in other rows
        self._predicted = self._predicted.astype(kind, copy=False)
        self._predicted[index], self._has[index] = predicted, True


def _metric_of(scorer: PhaseScorer, estimator: Estimator) -> Metric | None:
    if is_own_score(scorer.scorer):
        function = accuracy_score if is_classifier(estimator) else r2_score
        return Metric(function, 1, {}) if has_standard_score(estimator) else None
    found = function_of_predictions(scorer.scorer)
    return None if found is None else Metric(*found)


def _are_plain_labels(true: NDArray, predicted: NDArray) -> bool:
    """Tell whether labels are in a column, and of kinds that NumPy compares as scikit-learn does."""
    kinds = {true.dtype.kind, predicted.dtype.kind}
    return true.ndim == predicted.ndim == 1 and any(kinds <= set(same) for same in _SAME_KINDS)


def _or_nan(score: Callable[[Index], float], index: Index) -> float:
    """Score weights that may not have come to numbers, or that a scorer cannot judge."""
    try:
        return score(index)
    except ValueError:
        return float("nan")
