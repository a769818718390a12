"""Scores and predictions on rows of the user's, as the steps of one phase prepare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._compat._sklearn import check_method_params
from .._rows import bytes_of, numbered, take
from ..phases._phase import Index
from ._estimators import Estimator

Scorer = Callable[..., float]
_CACHED = 2**24  # bytes of rows that are prepared once for all arms


def cut_params(X: Any, params: Mapping[str, Any], rows: Index) -> dict[str, Any]:
    """Cut arguments that have a value for each row of X to some rows."""
    return check_method_params(numbered(X), dict(params), rows) if params else {}


def as_score(score: Any) -> float:
    """Return what a scorer gave as a number, or say that it is none."""
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"scoring must give a number, and gave {score!r}") from None


@dataclass(frozen=True)
class PhaseScorer:
    """Scores estimators on rows, which the fitted steps before the last one prepare; without any, as they are."""

    X: Any
    y: Any
    scorer: Scorer
    params: Mapping[str, Any] = field(default_factory=dict)
    before: Any = None
    _prepared: dict[bytes, Any] = field(default_factory=dict, repr=False)
    _targets: dict[bytes, Any] = field(default_factory=dict, repr=False)

    def rows(self, index: Index) -> Any:
        """Return rows as the last step takes them."""
        if self.before is None:
            return take(self.X, index)
        key = index.tobytes()
        if key not in self._prepared:
            X = self.before.transform(take(self.X, index))
            if bytes_of(X) > _CACHED:
                return X
            self._prepared[key] = X  # all arms are scored on the same rows
        return self._prepared[key]

    def targets(self, index: Index) -> NDArray:
        """Return the true targets of rows."""
        return np.asarray(self.given_targets(index))

    def given_targets(self, index: Index) -> Any:
        """Return the true targets of rows in the user's type."""
        key = index.tobytes()
        if key not in self._targets:
            self._targets[key] = take(self.y, index)  # all arms, and each arm often, are scored on the same rows
        return self._targets[key]

    def params_of(self, index: Index) -> dict[str, Any]:
        """Return the scorer's further arguments for rows."""
        return cut_params(self.X, self.params, index)

    def score(self, estimator: Estimator, index: Index) -> float:
        """Score an estimator on rows."""
        params = self.params_of(index)
        return as_score(self.scorer(estimator, self.rows(index), self.given_targets(index), **params))

    def predict(self, estimator: Estimator, index: Index) -> NDArray:
        """Predict rows."""
        return self.flat(estimator.predict(self.rows(index)))

    def flat(self, predicted: Any) -> NDArray:
        """Return predictions with as many dimensions as the targets: CatBoost puts several classes in a column."""
        predicted = np.asarray(predicted)
        return predicted[:, 0] if predicted.ndim == 2 and np.ndim(self.y) == 1 else predicted
