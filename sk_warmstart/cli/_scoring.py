"""Scorings that suit a target."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer

from .._compat._scorers import measures_numbers

_USUAL = {
    "classification": (
        *("accuracy", "balanced_accuracy", "f1", "f1_macro", "roc_auc", "roc_auc_ovr", "average_precision"),
        "neg_log_loss",
    ),
    "regression": ("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
}


def check_scoring(name: str | None, y: NDArray, task: str) -> None:
    """Say before the work where a scoring does not suit the target, and which ones do."""
    if name is None:
        return
    try:
        scorer = get_scorer(name)
    except ValueError:  # which the comparator says
        return
    numbers = task == "regression"
    if measures_numbers(scorer) != numbers:
        fault = f"--scoring {name} is for {'labels' if numbers else 'numbers'}"
    else:
        found = _fault(scorer, y, task)
        if found is None:
            return
        fault = f"--scoring {name} cannot score this target ({found})"
    holds = "numbers" if numbers else f"{len(np.unique(y))} labels"
    suited = [usual for usual in _USUAL[task] if _fault(get_scorer(usual), y, task) is None]
    read_otherwise = "" if y.dtype.kind not in "iuf" else ", or say --task if the target is of the other kind"
    raise ValueError(f"{fault}, and the target holds {holds}: take {', '.join(suited)}{read_otherwise}")


def _fault(scorer: Any, y: NDArray, task: str) -> str | None:
    """Score a guess that ignores all columns, and return what goes wrong."""
    dummy = DummyClassifier(strategy="prior") if task == "classification" else DummyRegressor()
    X = np.zeros((len(y), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scores that such a guess does not have
        try:
            scorer(dummy.fit(X, y), X, y)
        except (ValueError, TypeError) as error:
            return str(error).rstrip(".")
    return None
