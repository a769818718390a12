"""Recall of each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ...phases._phase import Index
from .._estimators import Estimator
from .._scorer import PhaseScorer


def recall_by_class(
    estimator: Estimator, scorer: PhaseScorer, rows: Index, place: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return one row a class; none where targets are numbers or several."""
    y = scorer.targets(rows)
    if not is_classifier(estimator) or y.ndim != 1:
        return []
    right = scorer.predict(estimator, rows) == y
    return [{**place, "class": label, "recall": float(right[y == label].mean())} for label in np.unique(y)]
