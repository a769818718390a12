"""Replicates: each has its own splits, base fit, fresh draws and data orders, shared by all arms."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ..estimators import WarmStartMixin
from ..state import sample_ids, validation_mask
from ..training import Stopwatch, run_together
from ._arms import REFERENCE, Arm, last_step
from ._measures import Known, Measured, cost_of_keeping, look_back, under_noise
from ._phases import Index, Phase, new_test_rows, plan_phases
from ._pipeline import PreparedPipeline
from ._trajectory import Trajectory

Scorer = Callable[[Any, Any, Any], float]


@dataclass(frozen=True)
class Task:
    """What all replicates have in common.

    Parameters
    ----------
    estimator : estimator
        The user's, untouched.
    arms : list of Arm
        The arms, the cold one first.
    phases : object
        What the user passed.
    X, y : array-like
        The data.
    labels : ndarray or None
        Classes, for a classifier.
    scorer : callable
        scikit-learn's ``scorer(estimator, X, y)``.
    packed : bool, default=True
        Whether fits train together.
    groups : array-like, default=None
        Rows that belong together.
    """

    estimator: Any
    arms: list[Arm]
    phases: Any
    X: Any
    y: Any
    labels: NDArray | None
    scorer: Scorer
    packed: bool = True
    groups: Any = None


@dataclass
class Outcome:
    """What one replicate gives.

    Parameters
    ----------
    results : list of dict
        One row for each arm and phase.
    curves : list of dict
        One row for each arm, phase and epoch.
    measured : Measured
        What was measured beside.
    final : dict of str to estimator
        Each arm's last state; kept for the first replicate only.
    test_to_train : float
        Test rows by training rows; 0 where the splits are fixed.
    fixed : bool
        Whether the splits are the same in every replicate.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    final: dict[str, Any] = field(default_factory=dict)
    test_to_train: float = 0.0
    fixed: bool = False


@dataclass(frozen=True)
class _Data:
    """A phase's rows, preprocessed once for all arms."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    X_val: Any = None
    y_val: Any = None
    ids: Any = None
    before: Any = None


def run_replicates(task: Task, replicates: Sequence[tuple[int, int, Any]]) -> list[Outcome]:
    """Run all arms over all phases of some replicates, in step: what they fit at a time makes up one pack.

    Parameters
    ----------
    task : Task
        What is compared.
    replicates : sequence of (int, int, sklearn.callback.CallbackContext)
        Number of each replicate, the seed of everything random in it, and where its progress is told; None
        tells none.

    Returns
    -------
    list of Outcome
        The rows of the results and curves of each.
    """
    outcomes = [Outcome() for _ in replicates]
    courses = [_course(task, *each, outcome) for each, outcome in zip(replicates, outcomes, strict=True)]
    while True:
        fits = [fit for course in courses for fit in next(course, ())]
        if not fits:
            return outcomes
        if task.packed:
            run_together([fit.run for fit in fits])
        else:
            for fit in fits:
                fit.run()


@dataclass
class _Fit:
    """One fit of one arm, and what it took."""

    net: Any
    data: _Data
    packed: bool
    seconds: float = 0.0
    error: Exception | None = None

    def run(self) -> None:
        """Fit; what goes wrong is this arm's own and does not end the comparison."""
        watch = Stopwatch(self.packed)
        try:
            self._run()
        except Exception as error:
            self.error = error
        self.seconds = watch.seconds

    def _run(self) -> None:
        data = self.data
        # Rows are told by their numbers: what a scaler in front does to them does not matter.
        known = {} if data.ids is None else {"sample_id": data.ids}
        if data.X_val is not None:
            known.update(X_val=data.X_val, y_val=data.y_val)
        if data.before is None:
            self.net.fit(data.X, data.y, **known)
        else:
            PreparedPipeline([*data.before.steps, ("last", self.net)]).fit_last(data.X, data.y, **known)


def _course(task: Task, repeat: int, seed: int, context: Any, outcome: Outcome) -> Iterator[list[_Fit]]:
    """One replicate: gives what is to be fitted next, and goes on once it was."""
    if context is not None:
        context.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    rng = np.random.default_rng(seed)
    plan = plan_phases(task.phases, task.X, task.y, task.labels, rng, task.groups)
    outcome.test_to_train, outcome.fixed = plan.test_to_train, plan.fixed
    for number, stream in enumerate(plan.streams):
        yield from _stream(task, stream, number, repeat, rng, outcome)
    if repeat:
        outcome.final = {}
    if context is not None:
        context.call_on_fit_task_end(estimator=task.estimator, X=task.X, y=task.y)


def _stream(
    task: Task, stream: list[Phase], number: int, repeat: int, rng: np.random.Generator, outcome: Outcome
) -> Iterator[list[_Fit]]:
    base = clone(last_step(task.estimator))
    if isinstance(base, WarmStartMixin):
        own = [] if base.callbacks in (None, "disable") else base.callbacks
        base.set_params(callbacks=[*own, ("trajectory", Trajectory())])
        if is_classifier(base) and base.get_params().get("classes") is None:
            # Rows of a class may come late or all validate: its label is known from the beginning.
            base.set_params(classes=np.unique(np.asarray(task.y)))
    if stream:
        first = _Fit(_seeded(base, rng), _prepare(task, stream[0], repeat), task.packed)
        yield [first]
        if first.error is not None:
            raise first.error  # no arm has anything to start from
    current = {arm.name: copy.deepcopy(base) for arm in task.arms}
    judged = _judged(stream)
    tests: dict[int, Index] = {}
    known: dict[str, Known | None] = {}
    if stream:
        tests[1] = judged[0]
        for arm in task.arms:
            place = {"repeat": repeat, "phase": 1, "arm": arm.name, "stream": number}
            known[arm.name] = _look_back(task, first, tests, None, place, outcome)
    for phase_number, phase in enumerate(stream[1:], start=2):
        data = _prepare(task, phase, repeat)
        seed = int(rng.integers(2**31))  # one for all arms: they differ in their start only
        arms = [arm for arm in task.arms if arm.name in current]
        fits = [_Fit(_arranged(current[arm.name], arm, seed), data, task.packed) for arm in arms]
        yield fits
        for arm, fit in zip(arms, fits, strict=True):
            current[arm.name] = fit.net
            place = {"repeat": repeat, "phase": phase_number, "arm": arm.name, "stream": number}
            sizes = {"n_train": len(phase.train), "n_fit": _num_samples(data.X), "n_test": len(phase.test)}
            try:
                told, curve = _told(task, fit)
                tests[phase_number] = judged[phase_number - 1]
                known[arm.name] = _look_back(task, fit, tests, known[arm.name], place, outcome)
                if phase is stream[-1]:
                    _at_the_end(task, fit, seed, place, outcome)
            except Exception as error:  # of the fit, or of the score
                if arm.name == REFERENCE:
                    raise
                told, curve = {"seconds": fit.seconds, "error": _in_words(error)}, []
                del current[arm.name]  # nothing follows from a fit that failed
            outcome.curves += [{**place, **row} for row in curve]
            outcome.results.append({**place, **sizes, **told})
    outcome.final = current


def _judged(stream: list[Phase]) -> list[Index]:
    """What each phase brings to be judged by: test rows that are new in it, or all where some bring none."""
    new = new_test_rows(stream)
    return new if all(len(rows) for rows in new) else [phase.test for phase in stream]


def _look_back(
    task: Task,
    fit: _Fit,
    tests: dict[int, Index],
    before: Known | None,
    place: dict[str, Any],
    outcome: Outcome,
) -> Known | None:
    def rows(index: NDArray) -> tuple[Any, Any]:
        X = _safe_indexing(task.X, index)
        return X if fit.data.before is None else fit.data.before.transform(X), _safe_indexing(task.y, index)

    transfer, flips, now = look_back(fit.net, task.scorer, rows, tests, before, place)
    outcome.measured.transfer += transfer
    outcome.measured.flips += flips
    return now


def _at_the_end(task: Task, fit: _Fit, seed: int, place: dict[str, Any], outcome: Outcome) -> None:
    data = fit.data
    outcome.measured.noise += under_noise(fit.net, task.scorer, data.X_test, data.y_test, seed, place)
    if place["repeat"] == 0:  # a state takes the same room in every replicate
        outcome.measured.checkpoints += cost_of_keeping(fit.net, place)


def _told(task: Task, fit: _Fit) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """What a fit came to, and its curve."""
    if fit.error is not None:
        raise fit.error
    net, data = fit.net, fit.data
    n_rows, epochs = _num_samples(data.X), int(getattr(net, "n_iter_", 0))
    told = {
        "score": float(task.scorer(net, data.X_test, data.y_test)),
        "start_score": _start_score(net),
        "epochs": epochs,
        "samples": round((epochs + _start_epochs(net)) * n_rows),
        "seconds": fit.seconds,
        "final_valid_score": _returned(net),
        "error": "",
    }
    return told, _curve(net, n_rows)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _prepare(task: Task, phase: Phase, repeat: int) -> _Data:
    """Preprocess by what is known at the phase, and set validation rows of ours aside."""
    X, y = _safe_indexing(task.X, phase.train), _safe_indexing(task.y, phase.train)
    X_test, y_test = _safe_indexing(task.X, phase.test), _safe_indexing(task.y, phase.test)
    before = None
    if isinstance(task.estimator, Pipeline) and len(task.estimator) > 1:
        before = clone(task.estimator[:-1])
        X, X_test = before.fit_transform(X, y), before.transform(X_test)
    net = last_step(task.estimator)
    mask = _validating(net, phase.train, len(task.y), repeat)
    if mask is None:
        ids = phase.train if isinstance(net, WarmStartMixin) else None
        return _Data(X, y, X_test, y_test, ids=ids, before=before)
    kept, held = np.flatnonzero(~mask), np.flatnonzero(mask)
    return _Data(
        _safe_indexing(X, kept),
        _safe_indexing(y, kept),
        X_test,
        y_test,
        _safe_indexing(X, held),
        _safe_indexing(y, held),
        phase.train[kept],
        before,
    )


def _validating(net: Any, rows: Index, n: int, repeat: int) -> NDArray[np.bool_] | None:
    """By the rows' own numbers: a scaler in front changes the content of a row, not its number."""
    if not isinstance(net, WarmStartMixin):
        return None
    mask = validation_mask(sample_ids(rows.astype(np.int64) + repeat * n), float(net.validation_fraction))
    return mask if 0 < mask.sum() < len(mask) else None


def _seeded(net: Any, rng: np.random.Generator) -> Any:
    if "random_state" in net.get_params():
        net.set_params(random_state=int(rng.integers(2**31)))
    return net


def _arranged(previous: Any, arm: Arm, seed: int) -> Any:
    """The arm's estimator before its next fit."""
    if isinstance(previous, WarmStartMixin):
        return previous.set_params(**arm.params, warm_start=True, random_state=seed)
    net = clone(previous) if arm.cold else previous
    net.set_params(warm_start=not arm.cold)
    return net.set_params(random_state=seed) if "random_state" in net.get_params() else net


_NAN = float("nan")


def _curve(net: Any, n_rows: int) -> list[dict[str, float]]:
    if not isinstance(net, WarmStartMixin):
        losses = list(getattr(net, "loss_curve_", None) or [])[-int(getattr(net, "n_iter_", 0)) or None :]
        return [
            {
                "epoch": i,
                "samples": i * n_rows,
                "train_loss": float(loss),
                **dict.fromkeys(_COLUMNS[1:], _NAN),
            }
            for i, loss in enumerate(losses, start=1)
        ]
    start, trajectory = net.start_, dict(net.callbacks_)["trajectory"]
    validated, cost = start.get("evaluated_on") == "validation", _start_epochs(net)
    rows = [
        {
            "epoch": 0,
            "samples": round(cost * n_rows),
            "train_loss": _NAN,
            "valid_loss": start.loss if validated else _NAN,
            "valid_score": start.score if validated else _NAN,
            "gradient_norm": _NAN,
            "distance_from_start": 0.0,
            "distance_from_init": trajectory.start_distance_,
        }
    ]
    epochs = net.history[-net.n_iter_ :] if net.n_iter_ else []
    for number, epoch in enumerate(epochs, start=1):
        row = {"epoch": number, "samples": round((number + cost) * n_rows)}
        rows.append({**row, **{name: float(epoch.get(name, _NAN)) for name in _COLUMNS}})
    return rows


_COLUMNS = [
    "train_loss",
    "valid_loss",
    "valid_score",
    "gradient_norm",
    "distance_from_start",
    "distance_from_init",
]


def _start_epochs(net: Any) -> float:
    """Epochs' worth of training that making the start took."""
    return float(net.start_.get("epochs", 0)) if isinstance(net, WarmStartMixin) else 0.0


def _start_score(net: Any) -> float:
    return float(net.start_.get("score", _NAN)) if isinstance(net, WarmStartMixin) else _NAN


def _returned(net: Any) -> float:
    """The validation score of the epoch that the fit returned."""
    return float(net.lineage_.scores.get("valid_score", _NAN)) if isinstance(net, WarmStartMixin) else _NAN
