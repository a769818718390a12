"""Recall of each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ...phases._phase import Index
from .._answers import Answers


def recall_by_class(answers: Answers, rows: Index, place: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a class; none where targets are numbers or several."""
    y = answers.targets(rows)
    if not is_classifier(answers.estimator) or y.ndim != 1:
        return []
    right = answers.predict(rows) == y
    return [{**place, "class": label, "recall": float(right[y == label].mean())} for label in np.unique(y)]
