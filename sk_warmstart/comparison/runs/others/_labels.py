"""Labels and columns that an ensemble of another library can and cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ._copies import library_of


def check_labels(estimator: Any, y: Any) -> None:
    """Raise a ValueError where XGBoost would not take these labels."""
    if library_of(estimator) != "xgboost" or not is_classifier(estimator):
        return
    labels = np.unique(np.asarray(y))
    if not np.array_equal(labels, np.arange(len(labels))):
        raise ValueError(
            f"{type(estimator).__name__} takes the labels 0, 1, ..., n_classes - 1, all of them in each phase, "
            f"and these rows have {_few(labels)}: encode y by a LabelEncoder, and let each phase have every class"
        )


def check_same_task(estimator: Any, X: Any, y: Any) -> None:
    """Raise a ValueError where new rounds would not be about the classes or the columns of the old ones."""
    name, shape = type(estimator).__name__, np.shape(X)
    # CatBoost forgets the number where it continued, and keeps the names.
    columns = getattr(estimator, "n_features_in_", 0) or len(getattr(estimator, "feature_names_", None) or ())
    if columns and len(shape) == 2 and shape[1] != columns:
        raise ValueError(f"{name} was fitted on {columns} columns, and these rows have {shape[1]}: start cold")
    if not is_classifier(estimator) or np.ndim(y) != 1 or isinstance(estimator.classes_, list):
        return
    old, new = set(np.asarray(estimator.classes_).tolist()), set(np.unique(np.asarray(y)).tolist())
    for these, words in ((new - old, "these rows have the new"), (old - new, "these rows lack the")):
        if these:
            kind = "class" if len(these) == 1 else "classes"
            raise ValueError(
                f"{name} cannot add rounds: {words} {kind} {_few(sorted(these, key=str))}, and its trees number "
                "the classes of their own rows. Start cold, or let each phase have every class"
            )


def _few(labels: Any) -> str:
    text = ", ".join(repr(label) for label in np.asarray(labels).tolist()[:5])
    return text if len(labels) <= 5 else f"{text}, ..."
