"""Replicates: each has its own splits, base fit, fresh draws and data orders, shared by all arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...training import run_together
from ..phases._phase import Replicate
from ..phases._plan import plan_phases
from ._estimators import last_step
from ._outcome import Outcome
from ._stream import Stream
from ._task import Task
from .fits._fit import Fit
from .fits._memory import PeakMemory, return_freed
from .fits._utilisation import ProcessClock, gpu_utilisation
from .interruption._interrupt import Interrupts, watch_interrupts
from .interruption._warn_once import warn_once


def run_replicates(task: Task, replicates: Sequence[tuple[int, int, Any]], common_seed: int) -> list[Outcome]:
    """Run all arms over all phases of some replicates, in step: what they fit at a time makes up one pack.

    A replicate is its number, the seed of everything random in it, and a callback context for its progress, or
    None; ``common_seed`` is of what all replicates have in common, those of other jobs included. After Ctrl-C the
    outcomes hold what was complete by then.
    """
    outcomes = [Outcome() for _ in replicates]
    courses = [
        _replicate(task, *each, common_seed, outcome) for each, outcome in zip(replicates, outcomes, strict=True)
    ]
    with watch_interrupts() as interrupts, warn_once():
        try:
            while fits := [fit for course in courses for fit in next(course, ())]:
                _run(task, fits, interrupts)
        except KeyboardInterrupt:
            pass
    return outcomes


def _run(task: Task, fits: list[Fit], interrupts: Interrupts) -> None:
    """Run fits, but for those that the journal has."""
    left = [fit for fit in fits if not _restore(task, fit)]
    groups = [left] if task.packed else [[fit] for fit in left]
    on_gpu = str(getattr(last_step(task.estimator), "device", "cpu")).startswith("cuda")
    for group in groups:
        memory = PeakMemory(on_gpu) if len(group) == 1 else None  # a pack's is no single fit's
        clock = ProcessClock()
        run_together([fit.run for fit in group])
        _share_out(clock.seconds, group)
        interrupts.check()
        if len(group) > 1:
            return_freed()
        if memory is not None:
            group[0].memory = memory.peak
            group[0].gpu_utilisation = gpu_utilisation() if on_gpu else float("nan")
        if task.journal is not None and all(fit.cause is None or fit.key[3] for fit in group):
            task.journal.save({fit.key: fit.result for fit in group})


def _share_out(process_seconds: float, group: list[Fit]) -> None:
    """Give each fit its share of the processor time, by its seconds."""
    seconds = sum(fit.seconds for fit in group)
    for fit in group:
        fit.process_seconds = process_seconds * (fit.seconds / seconds if seconds > 0 else 1 / len(group))


def _restore(task: Task, fit: Fit) -> bool:
    """Take a fit's result from the journal, if it is there."""
    return task.journal is not None and fit.restore(task.journal.load(fit.key))


def _replicate(
    task: Task, repeat: int, seed: int, context: Any, common_seed: int, outcome: Outcome
) -> Iterator[list[Fit]]:
    """Yield the fits of one replicate, those of a phase at a time."""
    if context is not None:
        context.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    rng = np.random.default_rng(seed)
    place = Replicate(repeat, common_seed)
    plan = plan_phases(task.phases, task.X, task.y, task.labels, rng, task.groups, place)
    outcome.test_to_train, outcome.fixed, outcome.folds = plan.test_to_train, plan.fixed, plan.folds
    first: Stream | None = None
    for number, phases in enumerate(plan.streams):
        stream = Stream(task, phases, number, repeat, rng, outcome)
        for fits in stream.run():
            with _phase_callbacks(context, task):
                yield fits
        outcome.held_out = phases[-1].test
        first = first or stream
    if repeat:
        outcome.final = {}
    outcome.complete = True
    if first is not None:
        yield from first.run_probes()
    outcome.probed = True
    if context is not None:
        context.call_on_fit_task_end(estimator=task.estimator, X=task.X, y=task.y)


@contextmanager
def _phase_callbacks(context: Any, task: Task) -> Iterator[None]:
    """Call scikit-learn's callbacks around the fits of a phase."""
    if context is None:
        yield
        return
    phase = context.subcontext(task_name="phase")
    phase.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    yield
    phase.call_on_fit_task_end(estimator=task.estimator, X=task.X, y=task.y)
