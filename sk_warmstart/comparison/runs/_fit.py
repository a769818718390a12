"""One fit of one arm: what it trains on, how it is set up, and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from ...estimators import WarmStartMixin
from ...state import sample_ids
from ...state.rows._identity import validation_mask
from ...training import Stopwatch, child_seed
from ..phases._phase import Index, Phase
from ._arms import Arm, Option, last_step, starts_warm
from ._pipeline import PreparedPipeline
from ._task import Judge, Task
from ._trajectory import Trajectory


@dataclass(frozen=True)
class Data:
    """A phase's rows, preprocessed once for all arms.

    Parameters
    ----------
    X, y : array-like
        The rows that are trained on.
    judge : Judge
        Scores on other rows, preprocessed alike.
    params : dict
        Further arguments of ``fit``, those of validation among them.
    rows : ndarray of int
        Numbers of the rows that are trained on.
    """

    X: Any
    y: Any
    judge: Judge
    params: dict[str, Any]
    rows: Index

    def only(self, kept: NDArray[np.bool_]) -> Data:
        """Leave the other rows out."""
        places = np.flatnonzero(kept)
        params = _check_method_params(self.X, self.params, places)
        X, y = _safe_indexing(self.X, places), _safe_indexing(self.y, places)
        return Data(X, y, self.judge, params, self.rows[places])


@dataclass
class Fit:
    """One fit of one arm.

    Parameters
    ----------
    net : estimator
        What is fitted.
    data : Data
        On what.
    key : tuple of int
        Replicate, stream, phase, arm and option.
    packed : bool, default=False
        Whether others train beside it.
    only_new : bool, default=False
        Whether it goes on by ``partial_fit``, on these rows alone.
    option : Option
        What it tries.
    setup : dict
        Parameters of the estimator, which are set first.
    seconds, memory : float
        What it took; the memory in MB beyond what was in use before.
    error : str
        What went wrong, in words.
    """

    net: Any
    data: Data
    key: tuple[int, ...]
    packed: bool = False
    only_new: bool = False
    option: Option = field(default_factory=lambda: Option({}))
    setup: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    memory: float = float("nan")
    error: str = ""
    cause: Exception | None = None

    def run(self) -> None:
        """Fit; what goes wrong is this arm's own and does not end the comparison."""
        watch = Stopwatch(self.packed)
        try:
            self._run()
        except Exception as error:
            self.fail(error)
        self.seconds = watch.seconds

    def fail(self, error: Exception) -> None:
        """Note what went wrong."""
        self.cause, self.error = error, in_words(error)

    def _run(self) -> None:
        self.net.set_params(**self.setup)
        data = self.data
        if self.only_new:
            self.net.partial_fit(data.X, data.y, **data.params)
        elif data.judge.before is None:
            self.net.fit(data.X, data.y, **data.params)
        else:
            PreparedPipeline([*data.judge.before.steps, ("last", self.net)]).fit_last(
                data.X, data.y, **data.params
            )


def in_words(error: Exception) -> str:
    """Say an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def prepare(task: Task, phase: Phase, repeat: int) -> Data:
    """Preprocess by what is known at the phase, and set validation rows of ours aside.

    Parameters
    ----------
    task : Task
        The comparison.
    phase : Phase
        The phase.
    repeat : int
        Number of the replicate, each of which validates on others.

    Returns
    -------
    Data
        The rows of all arms.
    """
    X, y = _safe_indexing(task.X, phase.train), _safe_indexing(task.y, phase.train)
    before = None
    if isinstance(task.estimator, Pipeline) and len(task.estimator) > 1:
        before = clone(task.estimator[:-1])
        X = before.fit_transform(X, y, **task.params_of(task.before_params, phase.train))
    judge, net = Judge(task, before), last_step(task.estimator)
    params = task.params_of(task.fit_params, phase.train)
    if not isinstance(net, WarmStartMixin):
        return Data(X, y, judge, params, phase.train)
    # Rows are told by their numbers: what a scaler in front does to them does not matter.
    params["sample_id"] = phase.train
    data = Data(X, y, judge, params, phase.train)
    # And each replicate validates on others.
    ids = sample_ids(phase.train.astype(np.int64) + repeat * len(task.y))
    mask = validation_mask(ids, float(net.validation_fraction))
    if not 0 < mask.sum() < len(mask):
        return data
    held = data.only(mask)
    validation = {"X_val": held.X, "y_val": held.y}
    if "sample_weight" in held.params:
        validation["sample_weight_val"] = held.params["sample_weight"]
    kept = data.only(~mask)
    return Data(kept.X, kept.y, judge, {**kept.params, **validation}, kept.rows)


def first_estimator(task: Task, rng: np.random.Generator) -> Any:
    """Return what the base of all arms is fitted with."""
    base = clone(last_step(task.estimator))
    if isinstance(base, WarmStartMixin):
        own = [] if base.callbacks in (None, "disable") else base.callbacks
        base.set_params(callbacks=[*own, ("trajectory", Trajectory())])
        if is_classifier(base) and base.get_params().get("classes") is None:
            # Rows of a class may come late or all validate: its label is known from the beginning.
            base.set_params(classes=np.unique(np.asarray(task.y)))
    if "random_state" in base.get_params(deep=False):
        base.set_params(random_state=int(rng.integers(2**31)))
    return base


def make_fit(
    task: Task, previous: Any, arm: Arm, option: Option, seed: int, data: Data, key: tuple[int, ...], before: Index
) -> Fit:
    """Set up an arm's next fit.

    Parameters
    ----------
    task : Task
        The comparison.
    previous : estimator
        The arm's last state, which becomes the next one.
    arm, option : Arm, Option
        How it starts.
    seed : int
        Seed of the phase, the same for all arms; one with a ``random_state`` has draws of its own.
    data : Data
        The rows.
    key : tuple of int
        Which fit it is.
    before : ndarray of int
        Rows that the previous fit was trained on.

    Returns
    -------
    Fit
        The fit, not yet run.
    """
    if isinstance(previous, WarmStartMixin):
        params = dict(option.params)
        if "random_state" in params:
            seed = child_seed(seed, "arm", params["random_state"]) % 2**31
        params |= {"warm_start": True, "random_state": seed}
        return Fit(previous, data, key, task.packed, option=option, setup=params)
    net = clone(previous) if arm.cold else previous
    only_new, params = False, dict[str, Any]()
    if starts_warm(net):
        params["warm_start"] = not arm.cold
    elif not arm.cold:
        only_new, new = True, ~np.isin(data.rows, before)
        data = data.only(new) if new.any() else data
    if "random_state" in net.get_params(deep=False):
        params["random_state"] = seed
    return Fit(net, data, key, only_new=only_new, option=option, setup=params)
