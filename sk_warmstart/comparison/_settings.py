"""Settings of a comparison: the comparator's parameters as a value, and what a report lists of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from .._compat._sklearn import changed_params
from .runs._estimators import last_step
from .runs._task import Task


@dataclass(frozen=True)
class Settings:
    """Parameters of a comparator, as the user gave them."""

    estimator: Any
    policies: Any
    phases: Any
    n_repeats: Any
    scoring: Any
    target: Any
    rope: Any
    confidence: Any
    refit: Any
    n_jobs: Any
    packed: Any
    incumbent: Any
    tune: Any
    resume: Any
    n_probes: Any
    random_state: Any

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """Pick them from parameters by name."""
        return cls(**{field.name: params[field.name] for field in fields(cls)})

    @property
    def score_name(self) -> str:
        """What a score is called."""
        if isinstance(self.scoring, str):
            return self.scoring
        if self.scoring is not None:
            function = getattr(self.scoring, "_score_func", self.scoring)  # of make_scorer
            return str(getattr(function, "__name__", "score"))
        return "accuracy" if is_classifier(last_step(self.estimator)) else "R2"


def describe(settings: Settings, task: Task, n_repeats: int, test_to_train: float) -> dict[str, Any]:
    """Return what was compared, by name, of the replicates that are complete."""
    shape = np.shape(task.X)
    steps = settings.estimator.steps[:-1] if isinstance(settings.estimator, Pipeline) else []
    described = {
        "estimator": _in_words(last_step(settings.estimator)),
        "steps in front": ", ".join(type(step).__name__ for _, step in steps) or "none",
        "arms": ", ".join(arm.name for arm in task.arms),
        "phases": _short(task.phases),
        "replicates": n_repeats,
        "rows": shape[0],
        "columns": shape[1] if len(shape) > 1 else 1,
        "score": settings.score_name,
        "ROPE": settings.rope,
        "confidence": settings.confidence,
        "test rows by training rows": round(test_to_train, 4),
        "random_state": repr(settings.random_state),
    }
    optional = {"incumbent": settings.incumbent, "tune": settings.tune, "target": settings.target}
    return described | {name: _short(value) for name, value in optional.items() if value is not None}


def _in_words(estimator: Any) -> str:
    """Return an estimator's class, and what is not at its default."""
    changed = ", ".join(f"{name}={_short(value)}" for name, value in changed_params(estimator).items())
    return f"{type(estimator).__name__}({changed})"


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:300]
