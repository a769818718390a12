"""From the comparison to an estimator: the best arm on all rows, unless the model in use is as good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline

from ..._compat._sklearn import safe_indexing
from ...estimators import WarmStartMixin
from ..phases._phase import Index
from ._arms import Arm, last_step
from ._copies import copied
from ._pipeline import PreparedPipeline
from ._task import Judge, Outcome, Task


@dataclass(frozen=True)
class Refitted:
    """What ``best_estimator_`` is.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator, or the incumbent.
    kept : bool
        Whether it is the incumbent.
    scores : dict of str to float
        Scores of challenger and incumbent on the rows that were held out to judge them; empty without either.
    """

    estimator: Any
    kept: bool = False
    scores: dict[str, float] | None = None


def refit(task: Task, outcome: Outcome, arm: Arm, wins: bool) -> Refitted:
    """Fit an arm from its state in the first replicate.

    Parameters
    ----------
    task : Task
        The comparison.
    outcome : Outcome
        Of the first replicate.
    arm : Arm
        Which arm.
    wins : bool
        Whether it is shown to be better than the incumbent; of no account where there is none.

    Returns
    -------
    Refitted
        The arm on all rows. Beside an incumbent the last test rows of the first replicate stay out, and the arm
        has to win on them too.
    """
    everything = np.arange(len(task.y))
    if task.incumbent is None:
        return Refitted(_fitted(task, outcome.final[arm.name], arm, everything))
    if not wins:
        return Refitted(copied(task.incumbent), kept=True)
    assert outcome.held is not None
    challenger = _fitted(task, outcome.final[arm.name], arm, np.setdiff1d(everything, outcome.held))
    judge = Judge(task)
    scores = {
        "challenger": judge.score(challenger, outcome.held),
        "incumbent": judge.score(task.incumbent, outcome.held),
    }
    if scores["challenger"] < scores["incumbent"]:
        return Refitted(copied(task.incumbent), kept=True, scores=scores)
    return Refitted(challenger, scores=scores)


def _fitted(task: Task, net: Any, arm: Arm, rows: Index) -> Any:
    user, estimator = last_step(task.estimator), task.estimator
    if isinstance(net, WarmStartMixin):
        net.set_params(warm_start=True, random_state=user.random_state, callbacks=user.callbacks)
        if is_classifier(net):
            net.set_params(classes=user.get_params().get("classes"))
    elif arm.cold or not hasattr(net, "warm_start"):
        net = clone(user)
    X, y = safe_indexing(task.X, rows), safe_indexing(task.y, rows)
    params = task.params_of(task.fit_params, rows)
    if isinstance(net, WarmStartMixin):
        # The first replicate told rows by their numbers: what trained in it must not validate now.
        params["sample_id"] = rows
    steps = list[tuple[str, Any]]()
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        before = clone(estimator[:-1])
        X = before.fit_transform(X, y, **task.params_of(task.before_params, rows))
        steps = before.steps
        PreparedPipeline([*steps, ("last", net)]).fit_last(X, y, **params)
    else:
        net.fit(X, y, **params)
    return Pipeline([*steps, (estimator.steps[-1][0], net)]) if isinstance(estimator, Pipeline) else net
