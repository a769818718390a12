"""Test rows that have trained what an arm starts from, or the incumbent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ...._warning import warn_caller
from ....estimators import WarmStartMixin, known_share, share_of_donor
from ....policies import resolve_policy
from ....state import Checkpoint, LeakageWarning
from ....state._sources import layers_of
from ..._rows import take
from ...phases._phase import Index, Replicate
from ...phases._plan import plan_phases
from .._estimators import last_step
from .._task import Task

_PLANS = 4  # of replicates, which between them test most of the rows that ever test


def warn_of_known_rows(task: Task) -> tuple[str, ...]:
    """Warn of donors and of an incumbent that were trained on rows which test; return the sentences."""
    leaks = tuple(_leaks(task))
    for leak in leaks:
        warn_caller(leak, LeakageWarning)
    return leaks


def _leaks(task: Task) -> Iterator[str]:
    sources = list(_donors_of(task))
    if not sources and not isinstance(last_step(task.incumbent), WarmStartMixin):
        return
    X = take(task.X, _rows_that_test(task))
    told: dict[int, float] = {}
    for who, source in sources:
        share = told[id(source)] if id(source) in told else _share(task, source, X)
        if share and id(source) not in told:
            yield (
                f"{who} starts from a donor that was trained on {share:.0%} of the rows that test, and its scores "
                "are too good: take a donor that has not seen them, or compare on later rows"
            )
        told[id(source)] = share
    share = _share_of_incumbent(task.incumbent, X)
    if share:
        yield (
            f"the incumbent was trained on {share:.0%} of the rows that test, which flatter it: compare on later "
            "rows"
        )


def _donors_of(task: Task) -> Iterator[tuple[str, Any]]:
    """Return the donors that the user names, each with who starts from it; they stay alive in the task."""
    own = getattr(last_step(task.estimator), "warm_start_from", None)
    if own is not None:
        yield "the estimator", own
    for arm in task.arms:
        for option in arm.options if not arm.cold else ():
            given = option.params.get("warm_start_from")
            policy = option.params.get("init_policy")
            brought = () if policy is None else resolve_policy(policy).donors()
            for source in (given, *brought):
                if source is not None:
                    yield f"the arm {arm.name!r}", source


def _rows_that_test(task: Task) -> Index:
    """Return the rows that test in the first replicates."""
    tests = [
        phase.test
        for number in range(min(task.n_repeats, _PLANS))
        for stream in plan_phases(
            *(task.phases, task.X, task.y, task.labels, np.random.default_rng(number), task.groups),
            replicate=Replicate(number, 0),
        ).streams
        for phase in stream[1:] or stream
    ]
    return np.unique(np.concatenate(tests))


def _share(task: Task, source: Any, X: Any) -> float:
    """Return the share of rows that trained a donor; what it is not known of, or that is none, has none."""
    alone = isinstance(source, str | os.PathLike | Checkpoint) or not any(
        isinstance(layer, Pipeline) for layer in layers_of(source)
    )
    if alone and isinstance(task.estimator, Pipeline) and len(task.estimator) > 1:
        return 0.0  # steps fitted in each phase change what the rows look like
    try:
        return share_of_donor(source, X)
    except (TypeError, ValueError, OSError):  # told of the fit that starts from it
        return 0.0


def _share_of_incumbent(incumbent: Any, X: Any) -> float:
    """Return the share of rows that trained the incumbent."""
    net = last_step(incumbent)
    if not isinstance(net, WarmStartMixin):
        return 0.0
    if isinstance(incumbent, Pipeline) and len(incumbent) > 1:
        try:
            X = incumbent[:-1].transform(X)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the incumbent does not take these rows: {error}") from error
    return known_share(net, X)
