"""Refit of an arm on all rows, unless the incumbent is as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ..._compat._sklearn import safe_indexing
from ...estimators import WarmStartMixin
from ..phases._phase import Index
from ._estimators import copy_fitted, fit_last_step, last_step
from ._outcome import FinalState, Outcome
from ._task import Task
from .arms._arm import Arm
from .fits._data import PhaseData, fit_steps_before
from .fits._fit import make_fit
from .others._copies import fresh_copy, seed_of
from .others._labels import check_labels


@dataclass(frozen=True)
class Refitted:
    """``best_estimator_``: the refitted arm or the incumbent, and both scores on rows that were held out."""

    estimator: Any
    kept: bool = False
    scores: dict[str, float] | None = None


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
    user, net, option = last_step(task.estimator), state.estimator, state.option
    if isinstance(net, WarmStartMixin):
        callbacks = option.params.get("callbacks", user.callbacks)
        # What starts from the baseline has never been given the arm's parameters.
        given = {**option.params, "callbacks": callbacks, "random_state": user.random_state}
        net.set_params(**given, warm_start=True)
        if is_classifier(net):
            net.set_params(classes=user.get_params().get("classes"))
    X, y = safe_indexing(task.X, rows), safe_indexing(task.y, rows)
    params = task.params_of(task.fit_params, rows)
    if isinstance(net, WarmStartMixin):
        # The first replicate identified rows by their numbers: what trained in it must not validate now.
        params["sample_id"] = rows
    before, X = fit_steps_before(task, X, y, rows, option.steps)
    if isinstance(net, WarmStartMixin):
        fit_last_step(net, X, y, before, params)
    else:
        data = PhaseData(X, y, task.phase_scorer(before), params, rows)
        net = _fit_another_librarys(task, state, arm, data)
    if not isinstance(task.estimator, Pipeline):
        return net
    return Pipeline([*([] if before is None else before.steps), (task.estimator.steps[-1][0], net)])


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
