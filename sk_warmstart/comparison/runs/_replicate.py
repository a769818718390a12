"""Replicates: each has its own splits, base fit, fresh draws and data orders, shared by all arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from ...estimators import WarmStartMixin
from ...training import run_together
from .._names import INCUMBENT, REFERENCE
from ..phases._plan import Index, Phase, new_test_rows, plan_phases
from ._arms import Arm, last_step
from ._copies import copied
from ._fit import Data, Fit, first_estimator, in_words, make_fit, prepare
from ._interrupt import Interrupts, interrupts
from ._measures import Known, by_class, cost_of_keeping, flips_between, look_back, under_noise
from ._memory import PeakMemory
from ._record import returned, told, untrained
from ._task import Judge, Outcome, Task
from ._warn_once import told_once


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
        The rows of the results and curves of each. After Ctrl-C, those of what was complete by then.
    """
    outcomes = [Outcome() for _ in replicates]
    courses = [_course(task, *each, outcome) for each, outcome in zip(replicates, outcomes, strict=True)]
    with interrupts() as seen, told_once():
        try:
            while fits := [fit for course in courses for fit in next(course, ())]:
                _run(task, fits, seen)
        except KeyboardInterrupt:
            pass
    return outcomes


def _run(task: Task, fits: list[Fit], seen: Interrupts) -> None:
    """Run fits, but for those that the journal has."""
    left = fits if task.journal is None else [fit for fit in fits if not task.journal.restore(fit)]
    together = [left] if task.packed else [[fit] for fit in left]
    on_gpu = str(getattr(last_step(task.estimator), "device", "cpu")).startswith("cuda")
    for group in together:
        memory = PeakMemory(on_gpu)
        run_together([fit.run for fit in group])
        seen.check()
        for fit in group:
            fit.memory = memory.peak / len(group)
        if task.journal is not None and all(fit.cause is None or fit.key[3] for fit in group):
            task.journal.keep(group)


def _course(task: Task, repeat: int, seed: int, context: Any, outcome: Outcome) -> Iterator[list[Fit]]:
    """One replicate: gives what is to be fitted next, and goes on once it was."""
    if context is not None:
        context.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    rng = np.random.default_rng(seed)
    plan = plan_phases(task.phases, task.X, task.y, task.labels, rng, task.groups)
    outcome.test_to_train, outcome.fixed = plan.test_to_train, plan.fixed
    for number, phases in enumerate(plan.streams):
        for fits in _Stream(task, phases, number, repeat, rng, outcome).run():
            with _told_to(context, task):
                yield fits
        outcome.held = phases[-1].test
    if repeat:
        outcome.final = {}
    outcome.complete = True
    if context is not None:
        context.call_on_fit_task_end(estimator=task.estimator, X=task.X, y=task.y)


@contextmanager
def _told_to(context: Any, task: Task) -> Iterator[None]:
    """Tell callbacks of a phase while it is fitted."""
    if context is None:
        yield
        return
    phase = context.subcontext(task_name="phase")
    phase.call_on_fit_task_begin(estimator=task.estimator, X=task.X, y=task.y)
    yield
    phase.call_on_fit_task_end(estimator=task.estimator, X=task.X, y=task.y)


@dataclass
class _Stream:
    """One stream of a replicate: every phase starts from the one before."""

    task: Task
    phases: list[Phase]
    number: int
    repeat: int
    rng: np.random.Generator
    outcome: Outcome

    def run(self) -> Iterator[list[Fit]]:
        """Give the fits of each phase, and tell what they came to."""
        task, phases = self.task, self.phases
        if not phases:
            return
        base, data = first_estimator(task, self.rng), prepare(task, phases[0], self.repeat)
        self._untrained(base, data)
        first = Fit(base, data, self._key(1, 0, 0), task.packed)
        yield [first]
        if first.cause is not None:
            raise first.cause  # no arm has anything to start from
        self.current = {arm.name: copied(first.net) for arm in task.arms}
        self.known: dict[str, Known | None] = {}
        for arm in task.arms:
            self.known[arm.name] = self._look_back(arm.name, first.net, data.judge, 1)
        if task.incumbent is not None:
            self.known[INCUMBENT] = self._look_back(INCUMBENT, task.incumbent, Judge(task), 1)
        for phase in range(2, len(phases) + 1):
            data = prepare(task, phases[phase - 1], self.repeat)
            seed = int(self.rng.integers(2**31))  # one for all arms: they differ in their start only
            fits = [
                (arm, self._fits(arm, number, phase, seed, data))
                for number, arm in enumerate(task.arms, start=1)
                if arm.name in self.current
            ]
            yield [fit for _, tried in fits for fit in tried]
            for arm, tried in fits:
                self._tell(arm, tried, phase, seed)
            if task.incumbent is not None:
                self._tell_incumbent(data, phase, seed)
        self.outcome.final = self.current

    def _fits(self, arm: Arm, number: int, phase: int, seed: int, data: Data) -> list[Fit]:
        before, previous = self.phases[phase - 2].train, self.current[arm.name]
        # The first option takes the state over, the others a copy of it.
        states = [previous, *(copied(previous) for _ in arm.options[1:])]
        return [
            make_fit(self.task, state, arm, option, seed, data, self._key(phase, number, i), before)
            for i, (option, state) in enumerate(zip(arm.options, states, strict=True))
        ]

    def _tell(self, arm: Arm, tried: list[Fit], phase: int, seed: int) -> None:
        place, sizes = self._place(phase, arm.name), self._sizes(phase, len(tried[0].data.rows))
        try:
            fit = _chosen(arm, tried)
            row, curve = told(fit, [other for other in tried if other is not fit])
            self.current[arm.name] = fit.net
            judge = fit.data.judge
            row["score"] = judge.score(fit.net, self.phases[phase - 1].test)
            self.known[arm.name] = self._look_back(arm.name, fit.net, judge, phase)
            self._at_the_end(arm.name, fit.net, judge, phase, seed)
        except Exception as error:  # of the fit, or of the score
            if arm.name == REFERENCE:
                raise
            seconds, words = sum(other.seconds for other in tried), tried[0].error or in_words(error)
            row, curve = {"seconds": seconds, "error": words}, []
            del self.current[arm.name]  # nothing follows from a fit that failed
        self.outcome.curves += [{**place, **point} for point in curve]
        self.outcome.results.append({**place, **sizes, **row})

    def _tell_incumbent(self, data: Data, phase: int, seed: int) -> None:
        judge = Judge(self.task)
        row = untrained(judge.score(self.task.incumbent, self.phases[phase - 1].test))
        place, sizes = self._place(phase, INCUMBENT), self._sizes(phase, len(data.rows))
        self.outcome.results.append({**place, **sizes, **row})
        self.known[INCUMBENT] = self._look_back(INCUMBENT, self.task.incumbent, judge, phase)
        self._at_the_end(INCUMBENT, copied(self.task.incumbent), judge, phase, seed)
        if phase == len(self.phases) and is_classifier(self.task.estimator):
            test = self.phases[-1].test
            stays = judge.predict(self.task.incumbent, test)
            for name, net in self.current.items():
                now = self._judges[name].predict(net, test)
                flips = flips_between(judge.y(test), stays, now)
                self.outcome.measured.challenges.append({**self._place(phase, name), **flips})

    def _look_back(self, name: str, net: Any, judge: Judge, phase: int) -> Known | None:
        """Measure what an arm knows of each phase so far, and of the next."""
        tests = dict(enumerate(self._judged[: phase + 1], start=1))
        place = self._place(phase, name)
        transfer, flips, now = look_back(net, judge, tests, phase, self.known.get(name), place)
        self.outcome.measured.transfer += transfer
        self.outcome.measured.flips += flips
        self._judges[name] = judge
        return now

    def _at_the_end(self, name: str, net: Any, judge: Judge, phase: int, seed: int) -> None:
        if phase < len(self.phases):
            return
        place, measured, test = self._place(phase, name), self.outcome.measured, self.phases[-1].test
        measured.noise += under_noise(net, judge, test, seed, place)
        measured.classes += by_class(net, judge, test, place)
        if self.repeat == 0:  # a state takes the same room in every replicate
            measured.checkpoints += cost_of_keeping(net, place)

    def _untrained(self, base: Any, data: Data) -> None:
        """What the start of the base knows of each phase, before any training."""
        if not isinstance(base, WarmStartMixin):
            return
        net = clone(base).set_params(callbacks=None).set_callbacks().fit(data.X, data.y, **data.params, epochs=0)
        tests = dict(enumerate(self._judged, start=1))
        transfer, _, _ = look_back(net, data.judge, tests, 0, None, self._place(0, ""))
        self.outcome.measured.transfer += transfer

    def __post_init__(self) -> None:
        new = new_test_rows(self.phases)
        # What each phase brings to be judged by: new test rows, or all where some bring none.
        self._judged: list[Index] = new if all(map(len, new)) else [phase.test for phase in self.phases]
        self._judges: dict[str, Judge] = {}
        self.known = {}

    def _key(self, phase: int, arm: int, option: int) -> tuple[int, ...]:
        return (self.repeat, self.number, phase, arm, option)

    def _place(self, phase: int, arm: str) -> dict[str, Any]:
        return {"repeat": self.repeat, "phase": phase, "arm": arm, "stream": self.number}

    def _sizes(self, phase: int, n_fit: int) -> dict[str, int]:
        known = self.phases[phase - 1]
        return {"n_train": len(known.train), "n_fit": n_fit, "n_test": len(known.test)}


def _chosen(arm: Arm, tried: list[Fit]) -> Fit:
    """The option with the best validation score, of those that did not fail."""
    went_well = [fit for fit in tried if not fit.error]
    if not went_well:
        raise RuntimeError(tried[0].error)
    if len(arm.options) == 1:
        return went_well[0]
    scores = [returned(fit.net) for fit in went_well]
    if np.isnan(scores).all():
        raise ValueError(
            f"tune needs validation rows to choose the parameters of {arm.name!r} by: more rows, or a larger "
            "validation_fraction"
        )
    return went_well[int(np.nanargmax(scores))]
