"""What a comparison was made with."""

from __future__ import annotations

import platform
from typing import Any

import joblib
import numpy as np
import sklearn
import skorch
import torch
from sklearn.pipeline import Pipeline

from .._compat._sklearn import changed_params
from .runs._arms import last_step
from .runs._task import Task


def settings(comparator: Any, task: Task, n_repeats: int) -> dict[str, Any]:
    """Return what a comparison was made with.

    Parameters
    ----------
    comparator : WarmStartComparator
        Its parameters.
    task : Task
        What was compared.
    n_repeats : int
        Replicates that are complete.

    Returns
    -------
    dict
        By name.
    """
    shape = np.shape(task.X)
    steps = comparator.estimator.steps[:-1] if isinstance(comparator.estimator, Pipeline) else []
    told = {
        "estimator": _in_words(last_step(comparator.estimator)),
        "steps in front": ", ".join(type(step).__name__ for _, step in steps) or "none",
        "arms": ", ".join(arm.name for arm in task.arms),
        "phases": _short(task.phases),
        "replicates": n_repeats,
        "rows": shape[0],
        "columns": shape[1] if len(shape) > 1 else 1,
        "score": comparator.scorer_name_,
        "ROPE": comparator.rope,
        "confidence": comparator.confidence,
        "test rows by training rows": round(comparator.test_to_train_, 4),
        "random_state": repr(comparator.random_state),
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    optional = {"incumbent": comparator.incumbent, "tune": comparator.tune, "target": comparator.target}
    return told | {name: _short(value) for name, value in optional.items() if value is not None}


def versions() -> dict[str, str]:
    """Return the versions that results may depend on."""
    modules = {"torch": torch, "scikit-learn": sklearn, "skorch": skorch, "joblib": joblib}
    return {"Python": platform.python_version(), **{name: str(m.__version__) for name, m in modules.items()}}


def _in_words(estimator: Any) -> str:
    """Its class, and what is not at its default."""
    changed = ", ".join(f"{name}={_short(value)}" for name, value in changed_params(estimator).items())
    return f"{type(estimator).__name__}({changed})"


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:300]
