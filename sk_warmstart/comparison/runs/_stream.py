"""One stream of phases in a replicate: every phase starts from the one before, for all arms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from ...estimators import WarmStartMixin
from .._names import INCUMBENT, REFERENCE
from .._row_scores import RowScores, blocks_of
from ..phases._phase import Index, Phase, new_test_rows
from ._answers import Answers
from ._estimators import copy_fitted
from ._outcome import FinalState, Outcome, digest_of_rows
from ._task import Task
from .arms._arm import Arm, Option
from .fits._data import PhaseData, prepare
from .fits._fit import Fit, error_in_words, first_estimator, make_fit
from .fits._record import NOT_A_NUMBER, fails_where, final_valid_score, record_of, record_without_training
from .interruption._journal import Key
from .measures._checkpoint import cost_of_checkpoint
from .measures._conditions import conditions_of_phase
from .measures._dummy import dummy_score
from .measures._noise import score_under_noise
from .measures._partial import forget_weights, score_kept_epochs
from .measures._parts import Parts, parts_of, score_on_parts
from .measures._recall import recall_by_class
from .measures._row_scores import Scored, score_by_row
from .measures._transfer import PreviousPredictions, flips_between, flips_since, score_on_all_phases
from .probes._run import run_probes
from .probes._start import ProbeStart


@dataclass
class Stream:
    """The phases of one stream, and the state that each arm has after the last one that was recorded."""

    task: Task
    phases: list[Phase]
    number: int
    repeat: int
    rng: np.random.Generator
    outcome: Outcome
    _states: dict[str, FinalState] = field(default_factory=dict)
    _baseline: Any = None
    _data: dict[str, PhaseData] = field(default_factory=dict)
    _before_last: dict[str, Any] = field(default_factory=dict)
    _last_seed: int = 0
    _predictions: dict[str, PreviousPredictions | None] = field(default_factory=dict)
    _parts: dict[int, Parts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        new = new_test_rows(self.phases)
        # The test rows that each phase adds. Where some add none, a change of score is growth and no forgetting.
        self._tests: list[Index] = new if all(map(len, new)) else []

    def run(self) -> Iterator[list[Fit]]:
        """Yield the fits of each phase, and record them once they were run."""
        task, phases = self.task, self.phases
        if not phases:
            return
        base, data = first_estimator(task, self.rng), self._prepare(1, Option())
        if self._tests:
            self._score_untrained(base, data)
        first = Fit(base, data, self._key(1, 0, 0), task.packed)
        yield [first]
        if first.cause is not None:
            raise first.cause  # no arm has anything to start from
        forget_weights(first.estimator)
        self._states = {
            arm.name: FinalState(copy_fitted(first.estimator), rows=phases[0].train) for arm in task.arms
        }
        if any(arm.from_baseline for arm in task.arms):
            self._baseline = copy_fitted(first.estimator)
        answers = Answers(first.estimator, data.scorer)
        for arm in task.arms:
            self._score_on_all_phases(arm.name, answers, 1)
        if task.incumbent is not None:
            with contextlib.suppress(Exception):  # it is told in the phases that follow
                self._score_on_all_phases(INCUMBENT, Answers(task.incumbent, task.phase_scorer()), 1)
        for phase in range(2, len(phases) + 1):
            common = self._prepare(phase, Option())
            self.outcome.measured.conditions.append(
                conditions_of_phase(task.X, phases, phase, self._place(phase, ""))
            )
            seed = int(self.rng.integers(2**31))  # one for all arms: they differ in their start only
            self._remember_starts(phase, seed)
            fits = [
                (arm, self._fits(arm, number, phase, seed, common))
                for number, arm in enumerate(task.arms, start=1)
                if arm.name in self._states
            ]
            yield [fit for _, tried in fits for fit in tried]
            cold = float("nan")
            for arm, tried in fits:  # cold first
                score = self._record(arm, tried, phase, seed, cold)
                cold = score if arm.name == REFERENCE else cold
            if task.incumbent is not None:
                self._record_incumbent(common, phase, seed, cold)
            score = dummy_score(task.estimator, common.scorer, *self._rows(phase))
            place = {"repeat": self.repeat, "stream": self.number, "phase": phase}
            self.outcome.measured.dummy.append({**place, "score": score})
        self.outcome.final = {
            arm.name: replace(state, estimator=self._start_of(arm), rows=phases[0].train)
            if arm.from_baseline
            else state
            for arm in task.arms
            if (state := self._states.get(arm.name)) is not None
        }

    def run_probes(self) -> Iterator[list[Fit]]:
        """Yield further fits of the last phase, from what it started from, and measure what they come to."""
        phase, starts = len(self.phases), list[ProbeStart]()
        for number, arm in enumerate(self.task.arms, start=1):
            if arm.name not in self._states or arm.name not in self._before_last:
                continue
            option, data = self._states[arm.name].option, self._data[arm.name]
            start, key = self._before_last[arm.name], self._key(phase, number, 0)
            starts.append(ProbeStart(arm, option, start, data, self._trained_before(arm, phase), key))
        if starts:
            place = {"repeat": self.repeat, "stream": self.number, "phase": phase}
            test, measured = self.phases[-1].test, self.outcome.measured
            yield from run_probes(self.task, starts, self._last_seed, test, place, measured)

    def _remember_starts(self, phase: int, seed: int) -> None:
        """Copy what the last phase starts from, where it is to be fitted more often."""
        if phase < len(self.phases) or self.repeat or self.number or not self.task.n_probes:
            return
        arms = [arm for arm in self.task.arms if arm.name in self._states]
        self._before_last = {arm.name: copy_fitted(self._start_of(arm)) for arm in arms}
        self._last_seed = seed

    def _start_of(self, arm: Arm) -> Any:
        """Return what an arm's next fit starts from and takes over."""
        return copy_fitted(self._baseline) if arm.from_baseline else self._states[arm.name].estimator

    def _trained_before(self, arm: Arm, phase: int) -> Index:
        """Return the rows that trained what an arm's fit starts from."""
        return self.phases[0 if arm.from_baseline else phase - 2].train

    def _prepare(self, phase: int, option: Option) -> PhaseData:
        return prepare(self.task, self.phases[phase - 1], self.repeat, option.steps)

    def _fits(self, arm: Arm, number: int, phase: int, seed: int, common: PhaseData) -> list[Fit]:
        """Set up all options of an arm, on the common rows unless they change the steps before the last one."""
        trained, previous = self._trained_before(arm, phase), self._start_of(arm)
        # The first option takes the state over, the others a copy of it.
        states = [previous, *(copy_fitted(previous) for _ in arm.options[1:])]
        fits = []
        for i, (option, state) in enumerate(zip(arm.options, states, strict=True)):
            data, cause = common, None
            if option.steps:
                try:
                    data = self._prepare(phase, option)
                except Exception as error:  # of this arm's steps: the others go on
                    cause = error
            key = self._key(phase, number, i)
            fit = make_fit(self.task, state, arm, option, seed, data=data, key=key, trained=trained)
            fits.append(fit if cause is None else fit.failed(cause))
        return fits

    def _record(self, arm: Arm, tried: list[Fit], phase: int, seed: int, cold: float) -> float:
        """Record the best option of an arm, and return its score; one that failed has no further phases.

        A score that is no number where cold's is one has failed too.
        """
        score, error = float("nan"), ""
        place, sizes = self._place(phase, arm.name), self._sizes(phase, len(tried[0].data.rows))
        try:
            fit = _best(arm, tried)
            row, curve = record_of(fit, [other for other in tried if other is not fit])
            self._states[arm.name] = FinalState(fit.estimator, fit.option, self.phases[phase - 1].train)
            self._data[arm.name] = fit.data
            answers = Answers(fit.estimator, fit.data.scorer)
            scored = self._score(answers, phase)
            score = row["score"] = scored.score
            if fails_where(score, cold):
                error = NOT_A_NUMBER
                raise ValueError(error)
            partial = score_kept_epochs(answers, self.phases[phase - 1].test)
            row["start_score"] = partial.get(0, np.nan)
            curve = [{**point, "test_score": partial.get(point["epoch"], np.nan)} for point in curve]
            self._score_on_all_phases(arm.name, answers, phase)
            self._measure_at_the_end(arm.name, answers, phase, seed)
            self._keep_rows(arm.name, scored, phase)
        except Exception as cause:  # of the fit, or of the score
            if arm.name == REFERENCE:
                raise
            seconds = sum(other.seconds for other in tried)
            row = {"seconds": seconds, "error": error or tried[0].error or error_in_words(cause)}
            curve = []
            del self._states[arm.name]
        self.outcome.curves += [{**place, **point} for point in curve]
        self.outcome.results.append({**place, **sizes, **row})
        return score

    def _score(self, answers: Answers, phase: int) -> Scored:
        test = self.phases[phase - 1].test
        return score_by_row(answers, test, blocks_of(test, self.task.clusters))

    def _keep_rows(self, name: str, scored: Scored, phase: int) -> None:
        """Keep what each test row adds to the score of a run."""
        if scored.values is not None:
            test = self.phases[phase - 1].test.astype(np.int64, copy=False)
            rows = RowScores(
                *(self.repeat, self.number, phase, name, test), scored.values, scored.bounded, scored.blocks
            )
            self.outcome.row_scores.append(rows)

    def _record_incumbent(self, common: PhaseData, phase: int, seed: int, cold: float) -> None:
        """Record the model in use; where it cannot be scored that is told, as of an arm."""
        row = record_without_training(float("nan"))
        try:
            # Noise is put on its weights at the end: on those of a copy.
            last, incumbent = phase == len(self.phases), self.task.incumbent
            answers = Answers(copy_fitted(incumbent) if last else incumbent, self.task.phase_scorer())
            scored = self._score(answers, phase)
            row["score"] = scored.score
            if fails_where(scored.score, cold):
                row["error"] = NOT_A_NUMBER
            self._score_on_all_phases(INCUMBENT, answers, phase)
            self._measure_at_the_end(INCUMBENT, answers, phase, seed)
            if last and is_classifier(self.task.estimator):
                self._count_flips(answers, phase)
            self._keep_rows(INCUMBENT, scored, phase)
        except Exception as cause:
            row = {**record_without_training(float("nan")), "error": error_in_words(cause)}
        place, sizes = self._place(phase, INCUMBENT), self._sizes(phase, len(common.rows))
        self.outcome.results.append({**place, **sizes, **row})

    def _count_flips(self, incumbent: Answers, phase: int) -> None:
        """Count what each arm predicts otherwise than the model in use."""
        test = self.phases[-1].test
        for name in self._states:
            now = self._predictions[name]
            assert now is not None  # of a classifier
            flips = flips_between(incumbent.targets(test), incumbent.predict(test), now.predictions)
            self.outcome.measured.challenges.append({**self._place(phase, name), **flips})

    def _score_on_all_phases(self, name: str, answers: Answers, phase: int) -> None:
        """Score an arm on old and new rows apart, and count the predictions that this phase flipped."""
        measured, place = self.outcome.measured, self._place(phase, name)
        tests, test = dict(enumerate(self._tests[: phase + 1], start=1)), self.phases[phase - 1].test
        measured.transfer += score_on_all_phases(answers, tests, phase, place)
        if phase > 1:
            if phase not in self._parts:
                self._parts = {phase: parts_of(self.phases, phase)}  # the same for all arms
            measured.parts.append(score_on_parts(answers, self._parts[phase], place))
        flips, predictions = flips_since(answers, test, self._predictions.get(name), place)
        measured.flips += flips
        self._predictions[name] = predictions

    def _measure_at_the_end(self, name: str, answers: Answers, phase: int, seed: int) -> None:
        if phase < len(self.phases):
            return
        place, measured, test = self._place(phase, name), self.outcome.measured, self.phases[-1].test
        measured.noise += score_under_noise(answers, test, seed, place, self.task.n_repeats)
        measured.classes += recall_by_class(answers, test, place)
        if self.repeat == 0:  # a state takes the same room in every replicate
            measured.checkpoints += cost_of_checkpoint(answers.estimator, place)

    def _score_untrained(self, base: Any, data: PhaseData) -> None:
        """Score the start of the base on the test rows of each phase, before any training."""
        if not isinstance(base, WarmStartMixin):
            return
        net = clone(base).set_params(callbacks=None, max_epochs=0).set_callbacks()
        net.fit(data.X, data.y, **data.params)
        tests = dict(enumerate(self._tests, start=1))
        answers, place = Answers(net, data.scorer), self._place(0, "")
        self.outcome.measured.transfer += score_on_all_phases(answers, tests, 0, place)

    def _key(self, phase: int, arm: int, option: int) -> Key:
        return (self.repeat, self.number, phase, arm, option)

    def _place(self, phase: int, arm: str) -> dict[str, Any]:
        return {"repeat": self.repeat, "phase": phase, "arm": arm, "stream": self.number}

    def _sizes(self, phase: int, n_fit: int) -> dict[str, Any]:
        train, test = self._rows(phase)
        sizes = {"n_train": len(train), "n_fit": n_fit, "n_test": len(test)}
        return {**sizes, "test_set": digest_of_rows(test)}

    def _rows(self, phase: int) -> tuple[Index, Index]:
        return self.phases[phase - 1].train, self.phases[phase - 1].test


def _best(arm: Arm, tried: list[Fit]) -> Fit:
    """Return the option with the best validation score, of those that did not fail."""
    succeeded = [fit for fit in tried if not fit.error]
    if not succeeded:
        raise RuntimeError(tried[0].error)
    if len(arm.options) == 1:
        return succeeded[0]
    scores = [final_valid_score(fit.estimator) for fit in succeeded]
    if np.isnan(scores).all():
        raise ValueError(
            f"tune needs validation rows to choose the parameters of {arm.name!r} by: more rows, or a larger "
            "validation_fraction"
        )
    return succeeded[int(np.nanargmax(scores))]
