"""Refit of an arm on all rows, unless the incumbent is as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ...estimators import WarmStartMixin
from .._rows import take
from ..phases._phase import Index
from ._estimators import copy_fitted, fit_last_step, last_step
from ._outcome import FinalState, Outcome
from ._task import Task
from .arms._arm import Arm
from .fits._data import PhaseData, fit_steps_before, hold_out
from .fits._fit import error_in_words, make_fit
from .interruption._interrupt import watch_interrupts
from .others._copies import fresh_copy, seed_of
from .others._labels import check_labels


@dataclass(frozen=True)
class Refitted:
    """``best_estimator_``: the refitted arm or the incumbent, and both scores on rows that were held out.

    Without one, ``error`` says what went wrong, and ``interrupted`` whether that was Ctrl-C.
    """

    estimator: Any
    kept: bool = False
    scores: dict[str, float] | None = None
    error: str | None = None
    interrupted: bool = False


def try_refit(task: Task, outcome: Outcome, name: str, wins: bool, error: str = "") -> Refitted:
    """Refit an arm by name; what goes wrong is told, so that the comparison is kept.

    ``error`` is that of the comparison, where the arm has no final state.
    """
    if name not in outcome.final:
        return Refitted(None, error=f"it failed{error}")
    arm = next(arm for arm in task.arms if arm.name == name)
    with watch_interrupts() as interrupts:
        try:
            refitted = refit(task, outcome, arm, wins)
            interrupts.check()
        except KeyboardInterrupt:
            return Refitted(None, error="it was interrupted", interrupted=True)
        except Exception as cause:
            return Refitted(None, error=error_in_words(cause))
    return refitted


def refit(task: Task, outcome: Outcome, arm: Arm, wins: bool) -> Refitted:
    """Fit an arm on all rows, from its state in the first replicate.

    With an incumbent, the last test rows of that replicate are left out, and the arm must have won the comparison
    (``wins``) and score at least as well on them too.
    """
    everything = np.arange(len(task.y))
    if task.incumbent is None:
        return Refitted(_fit(task, outcome.final[arm.name], arm, everything))
    if not wins:
        return Refitted(copy_fitted(task.incumbent), kept=True)
    assert outcome.held_out is not None
    challenger = _fit(task, outcome.final[arm.name], arm, np.setdiff1d(everything, outcome.held_out))
    scorer = task.phase_scorer()
    scores = {
        "challenger": scorer.score(challenger, outcome.held_out),
        "incumbent": scorer.score(task.incumbent, outcome.held_out),
    }
    if scores["challenger"] < scores["incumbent"]:
        return Refitted(copy_fitted(task.incumbent), kept=True, scores=scores)
    return Refitted(challenger, scores=scores)


def _fit(task: Task, state: FinalState, arm: Arm, rows: Index) -> Any:
    net = last_step(task.estimator)
    X, y = take(task.X, rows), take(task.y, rows)
    params = task.params_of(task.fit_params, rows)
    before, X = fit_steps_before(task, X, y, rows, state.option.steps)
    data = PhaseData(X, y, task.phase_scorer(before), params, rows)
    if isinstance(net, WarmStartMixin):
        # The first replicate identified rows by their numbers: what trained in it must not validate now.
        data.params["sample_id"] = rows
        fitted = _fit_net(net, state, data, before, len(task.y))
    else:
        fitted = _fit_another_librarys(task, state, arm, data)
    if not isinstance(task.estimator, Pipeline):
        return fitted
    return Pipeline([*([] if before is None else before.steps), (task.estimator.steps[-1][0], fitted)])


def _fit_net(user: Any, state: FinalState, data: PhaseData, before: Any, n_rows: int) -> Any:
    """Fit what the arm has learned, without the comparison's settings; on all rows, if its callbacks allow it."""
    net, params = state.estimator, state.option.params
    # What starts from the baseline has never been given the arm's parameters.
    given = {"callbacks": user.callbacks, "train_split": user.train_split, **params}
    given |= {"random_state": user.random_state, "warm_start": params.get("warm_start_from") is None}
    net.set_params(**given)
    if is_classifier(net):
        net.set_params(classes=user.get_params().get("classes"))
    split = net.train_split
    net.set_params(train_split=None)
    held_out = hold_out(data, float(net.validation_fraction), 0, n_rows)  # as the first replicate did
    first = held_out if split else data
    try:
        fit_last_step(net, first.X, first.y, before, first.params)
    except Exception:
        if first is held_out or net.callbacks in (None, "disable"):
            raise
        # A callback may need the validation rows that the phases had.
        fit_last_step(net, held_out.X, held_out.y, before, held_out.params)
    return net.set_params(train_split=split)


def _fit_another_librarys(task: Task, state: FinalState, arm: Arm, data: PhaseData) -> Any:
    """Fit a copy of the user's, or continue from what the arm has learned on the rows that it has."""
    user, option = last_step(task.estimator), state.option
    if arm.cold:
        check_labels(user, data.y)
        return fresh_copy(user, **option.params).fit(data.X, data.y, **data.params)
    seed = seed_of(user, otherwise=seed_of(state.estimator, otherwise=0))
    fit = make_fit(task, state.estimator, arm, option, seed, data, (), state.rows)
    fit.run()
    if fit.cause is not None:
        raise fit.cause
    return fit.estimator
