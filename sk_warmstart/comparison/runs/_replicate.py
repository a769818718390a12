"""Replicates: each has its own splits, base fit, fresh draws and data orders, shared by all arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...training import run_together
from ..phases._plan import plan_phases
from ._estimators import last_step
from ._outcome import Outcome
from ._stream import Stream
from ._task import Task
from .fits._fit import Fit
from .fits._memory import PeakMemory
from .interruption._interrupt import Interrupts, watch_interrupts
from .interruption._warn_once import warn_once


def run_replicates(task: Task, replicates: Sequence[tuple[int, int, Any]]) -> list[Outcome]:
    """Run all arms over all phases of some replicates, in step: what they fit at a time makes up one pack.

    A replicate is its number, the seed of everything random in it, and a callback context for its progress, or
    None. After Ctrl-C the outcomes hold what was complete by then.
    """
    outcomes = [Outcome() for _ in replicates]
    courses = [_replicate(task, *each, outcome) for each, outcome in zip(replicates, outcomes, strict=True)]
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
        run_together([fit.run for fit in group])
        interrupts.check()
        if memory is not None:
            group[0].memory = memory.peak
        if task.journal is not None and all(fit.cause is None or fit.key[3] for fit in group):
            task.journal.save({fit.key: fit.result for fit in group})


def _restore(task: Task, fit: Fit) -> bool:
    """Take a fit's result from the journal, if it is there."""
    result = None if task.journal is None else task.journal.load(fit.key)
    if result is not None:
        fit.restore(result)
    return result is not None


def _replicate(task: Task, repeat: int, seed: int, context: Any, outcome: Outcome) -> Iterator[list[Fit]]:
    """Yield the fits of one replicate, those of a phase at a time."""
    if context is not None:
        context.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    rng = np.random.default_rng(seed)
    plan = plan_phases(task.phases, task.X, task.y, task.labels, rng, task.groups)
    outcome.test_to_train, outcome.fixed = plan.test_to_train, plan.fixed
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
