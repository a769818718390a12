"""Settings of a comparison: the comparator's parameters as a value, and what a report lists of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from .._compat._scorers import name_of_scorer, names_like
from .._compat._sklearn import changed_params
from ..estimators import WarmStartMixin
from ._names import KIND_OF_ROWS
from ._rows import count, kind_in_words, width
from .runs._estimators import last_step, predicts
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
        return self._own_score if self.scoring is None else name_of_scorer(self.scoring)

    @property
    def _own_score(self) -> str:
        if not predicts(self.estimator):
            return "minus the loss"
        return "accuracy" if is_classifier(last_step(self.estimator)) else "R2"

    @property
    def validation_score(self) -> str:
        """What the score on validation rows is called."""
        return f"validation {self._own_score if self._watched is None else name_of_scorer(self._watched)}"

    @property
    def _watched(self) -> Any:
        """The scorer that the nets themselves validate by, where it is none of their own."""
        net = last_step(self.estimator)
        return net.scoring if isinstance(net, WarmStartMixin) and net.scoring != "loss" else None

    @property
    def scored_as_validated(self) -> bool:
        """Whether the validation score is the score."""
        own = {"accuracy": "accuracy", "R2": "r2"}.get(self._own_score)
        return (self.scoring or own) == (self._watched or own)

    @property
    def is_bounded(self) -> bool:
        """Whether the score is known to be at most 1, and its differences to have that unit."""
        if self.scoring is None or isinstance(self.scoring, str):
            return predicts(self.estimator) if self.scoring is None else is_bounded(self.scoring)
        return any(map(is_bounded, names_like(self.scoring)))


def is_bounded(scorer: str) -> bool:
    """Whether a scorer of scikit-learn's, by name, gives at most 1 and its differences that unit."""
    return scorer == "neg_brier_score" or not scorer.startswith(("neg_", "max_error", "positive_likelihood"))


def describe(
    settings: Settings, task: Task, n_repeats: int, test_to_train: float, rope: float, chosen_rope: str
) -> dict[str, Any]:
    """Return what was compared, by name, of the replicates that are complete."""
    steps = settings.estimator.steps[:-1] if isinstance(settings.estimator, Pipeline) else []
    described = {
        "estimator": _in_words(last_step(settings.estimator)),
        "steps in front": ", ".join(type(step).__name__ for _, step in steps) or "none",
        "arms": ", ".join(arm.name for arm in task.arms),
        "phases": _short(task.phases),
        "replicates": n_repeats,
        "rows": count(task.X),
        "columns": width(task.X),
        "score": settings.score_name,
        "ROPE": rope,
        "ROPE from": chosen_rope,
        "confidence": settings.confidence,
        "test rows by training rows": round(test_to_train, 4),
        "random_state": repr(settings.random_state),
    }
    optional = {"incumbent": settings.incumbent, "tune": settings.tune, "target": settings.target}
    kind = kind_in_words(task.X)
    described |= {} if kind is None else {KIND_OF_ROWS: kind}
    return described | {name: _short(value) for name, value in optional.items() if value is not None}


def _in_words(estimator: Any) -> str:
    """Return an estimator's class, and what is not at its default."""
    changed = ", ".join(f"{name}={_short(value)}" for name, value in changed_params(estimator).items())
    return f"{type(estimator).__name__}({changed})"


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:300]
