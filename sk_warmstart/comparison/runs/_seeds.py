"""Seeds of the replicates."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._rows import hashable
from ._task import Task
from .interruption._journal import digests
from .interruption._sources import sources_of

_PARTS = ("estimator", "arms", "phases", "y", "groups", "incumbent", "packed")


def draw_seeds(
    task: Task, n_repeats: int, random_state: Any, scoring: Any, versions: Mapping[str, str]
) -> list[int]:
    """Draw a seed for each replicate; a comparison that is resumed has those that it was begun with."""
    master = check_random_state(random_state)
    seeds = master.randint(np.iinfo(np.int32).max, size=n_repeats).tolist()
    if task.journal is None:
        return seeds
    about = digests(
        **{name: getattr(task, name) for name in _PARTS},
        X=hashable(task.X),
        parameters=(task.fit_params, task.before_params, task.score_params),
        scoring=scoring,
        n_repeats=n_repeats,
        random_state=random_state if isinstance(random_state, Integral) else None,
        versions=versions,
    )
    about |= sources_of(task.estimator, task.arms, task.phases, task.incumbent, scoring)
    return task.journal.begin(about, seeds)
