"""One fit of one arm: its set-up, what it cost, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier

from ....estimators import WarmStartMixin
from ....training import Stopwatch, child_seed
from ...phases._phase import Index
from .._estimators import fit_last_step, last_step
from .._task import Task
from ..arms._arm import Arm, Option
from ..interruption._journal import Key
from ..others._continue import Rows, continue_fit, way_on
from ..others._copies import fresh_copy, seed_param
from ..others._labels import check_labels
from ..others._rounds import rounds_of
from ._data import PhaseData
from ._trajectory import Trajectory
from ._watch_only import WatchOnly

_KEPT = ("estimator", "seconds", "process_seconds", "memory", "gpu_utilisation", "error")
_KEPT_BYTES = 50e6  # of the weights of a fit's epochs


@dataclass
class Fit:
    """One fit of one arm: an estimator, the parameters that are set first, and the rows.

    ``key`` has replicate, stream, phase, arm and option. With ``packed`` others train at the same time. ``new``
    has which rows are new to an estimator of another library that continues, ``rounds_before`` the rounds that it
    has, ``seed`` its seed. ``memory`` is in MB beyond what was in use before, and NaN in a pack, as
    ``gpu_utilisation`` is; ``process_seconds`` of a pack are shared out by ``seconds``.
    """

    estimator: BaseEstimator
    data: PhaseData
    key: Key
    packed: bool = False
    new: NDArray[np.bool_] | None = None
    seed: int = 0
    rounds_before: int = 0
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
        if self.error:
            return
        watch = Stopwatch(self.packed)
        try:
            data = self.data
            if self.new is not None:
                rows = Rows(data.X, data.y, data.params, self.new)
                self.estimator = continue_fit(self.estimator, rows, self.seed, self.option.how)
            else:
                self.estimator.set_params(**self.setup)
                check_labels(self.estimator, data.y)
                fit_last_step(self.estimator, data.X, data.y, data.scorer.before, data.params)
        except Exception as error:
            self.failed(error)
        self.seconds = watch.seconds

    def failed(self, cause: Exception) -> Self:
        """Note an error; a fit that has one before it runs is not run."""
        self.cause, self.error = cause, error_in_words(cause)
        return self

    @property
    def result(self) -> dict[str, Any]:
        """What the journal keeps."""
        return {name: getattr(self, name) for name in _KEPT}

    def restore(self, result: Any) -> bool:
        """Take over a result of the journal; tell whether it was one."""
        if not isinstance(result, Mapping) or not result.keys() >= set(_KEPT):
            return False
        if type(result["estimator"]) is not type(self.estimator):
            return False
        for name in _KEPT:
            setattr(self, name, result[name])
        return True


def error_in_words(error: Exception) -> str:
    """Say an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def first_estimator(task: Task, rng: np.random.Generator) -> Any:
    """Return the unfitted estimator that is the base of all arms."""
    base = fresh_copy(last_step(task.estimator))
    if isinstance(base, WarmStartMixin):
        # The comparison holds rows out for all arms alike, in place of a split of the user's.
        base.set_params(callbacks=_with_ours(base.callbacks), train_split=None)
        if is_classifier(base) and base.get_params().get("classes") is None:
            # Rows of a class may come late or all validate: its label is given from the beginning.
            base.set_params(classes=np.unique(np.asarray(task.y)))
    seed = int(rng.integers(2**31))
    return base.set_params(**seed_param(base, seed))


def make_fit(
    task: Task, previous: Any, arm: Arm, option: Option, seed: int, data: PhaseData, key: Key, trained: Index
) -> Fit:
    """Set up an arm's next fit from its previous state, which was trained on some rows.

    The seed is the same for all arms; an arm with a ``random_state`` has draws of its own.
    """
    if isinstance(previous, WarmStartMixin):
        # A callback counts epochs and holds an anchor: each fit has its own, in whatever thread it runs.
        params = {
            name: clone(value, safe=False) if name.startswith("callbacks") else value
            for name, value in option.params.items()
        }
        if "random_state" in params:
            seed = child_seed(seed, "arm", params["random_state"]) % 2**31
        if "callbacks" in params:
            params["callbacks"] = _with_ours(params["callbacks"])
        own_donor = params.get("warm_start_from") is not None  # it starts each phase, not the phase before
        params |= {"warm_start": not own_donor, "random_state": seed, "train_split": None}
        return Fit(previous, data, key, task.packed, option=option, setup=params)
    if arm.cold:
        return Fit(
            clone(previous), data, key, option=option, setup={**option.params, **seed_param(previous, seed)}
        )
    new = ~np.isin(data.rows, trained)
    if option.how.function is None and way_on(previous) == "partial_fit" and new.any():
        data, new = data.only(new), new[new]
    return Fit(previous, data, key, option=option, new=new, seed=seed, rounds_before=rounds_of(previous))


def _with_ours(callbacks: Any) -> list[Any]:
    given = [] if callbacks in (None, "disable") else callbacks
    return [*given, ("trajectory", Trajectory(keep_bytes=_KEPT_BYTES)), ("watch_only", WatchOnly())]
