"""One fit of one arm: its set-up, what it cost, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier

from ....estimators import WarmStartMixin
from ....training import Stopwatch, child_seed
from ...phases._phase import Index
from .._estimators import fit_last_step, last_step, starts_warm
from .._task import Task
from ..arms._arm import Arm, Option
from ..interruption._journal import Key
from ._data import PhaseData
from ._trajectory import Trajectory

_KEPT = ("estimator", "seconds", "process_seconds", "memory", "gpu_utilisation", "error")


@dataclass
class Fit:
    """One fit of one arm: an estimator, the parameters that are set first, and the rows.

    ``key`` has replicate, stream, phase, arm and option. With ``packed`` others train at the same time; with
    ``only_new`` it continues by ``partial_fit`` on new rows alone. ``memory`` is in MB beyond what was in use
    before, and NaN in a pack, as ``gpu_utilisation`` is; ``process_seconds`` of a pack are shared out by
    ``seconds``.
    """

    estimator: BaseEstimator
    data: PhaseData
    key: Key
    packed: bool = False
    only_new: bool = False
    option: Option = field(default_factory=Option)
    setup: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    process_seconds: float = float("nan")
    memory: float = float("nan")
    gpu_utilisation: float = float("nan")
    error: str = ""
    cause: Exception | None = None

    def run(self) -> None:
        """Fit; an error is noted as this arm's and does not end the comparison."""
        watch = Stopwatch(self.packed)
        try:
            self.estimator.set_params(**self.setup)
            if self.only_new:
                self.estimator.partial_fit(self.data.X, self.data.y, **self.data.params)
            else:
                fit_last_step(self.estimator, self.data.X, self.data.y, self.data.scorer.before, self.data.params)
        except Exception as error:
            self.cause, self.error = error, error_in_words(error)
        self.seconds = watch.seconds

    @property
    def result(self) -> dict[str, Any]:
        """What the journal keeps."""
        return {name: getattr(self, name) for name in _KEPT}

    def restore(self, result: Mapping[str, Any]) -> None:
        """Take over a result of the journal."""
        for name in _KEPT:
            setattr(self, name, result[name])


def error_in_words(error: Exception) -> str:
    """Say an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def first_estimator(task: Task, rng: np.random.Generator) -> Any:
    """Return the unfitted estimator that is the base of all arms."""
    base = clone(last_step(task.estimator))
    if isinstance(base, WarmStartMixin):
        base.set_params(callbacks=_with_trajectory(base.callbacks))
        if is_classifier(base) and base.get_params().get("classes") is None:
            # Rows of a class may come late or all validate: its label is given from the beginning.
            base.set_params(classes=np.unique(np.asarray(task.y)))
    if "random_state" in base.get_params(deep=False):
        base.set_params(random_state=int(rng.integers(2**31)))
    return base


def make_fit(
    task: Task, previous: Any, arm: Arm, option: Option, seed: int, data: PhaseData, key: Key, trained: Index
) -> Fit:
    """Set up an arm's next fit from its previous state, which was trained on some rows.

    The seed is the same for all arms; an arm with a ``random_state`` has draws of its own.
    """
    if isinstance(previous, WarmStartMixin):
        params = dict(option.params)
        if "random_state" in params:
            seed = child_seed(seed, "arm", params["random_state"]) % 2**31
        if "callbacks" in params:
            params["callbacks"] = _with_trajectory(params["callbacks"])
        params |= {"warm_start": True, "random_state": seed}
        return Fit(previous, data, key, task.packed, option=option, setup=params)
    net = clone(previous) if arm.cold else previous
    only_new, params = False, dict[str, Any]()
    if starts_warm(net):
        params["warm_start"] = not arm.cold
    elif not arm.cold:
        only_new, new = True, ~np.isin(data.rows, trained)
        data = data.only(new) if new.any() else data
    if "random_state" in net.get_params(deep=False):
        params["random_state"] = seed
    return Fit(net, data, key, only_new=only_new, option=option, setup=params)


def _with_trajectory(callbacks: Any) -> list[Any]:
    given = [] if callbacks in (None, "disable") else callbacks
    return [*given, ("trajectory", Trajectory())]
