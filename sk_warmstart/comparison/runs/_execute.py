"""Execution of replicates, in parallel where that is asked for, and what of them is complete."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from scipy.sparse import issparse
from sklearn.utils.parallel import Parallel, delayed

from ...training import PackedBackend
from .._rows import bytes_of, count, take
from ._outcome import Outcome
from ._replicate import run_replicates
from ._task import Task
from .fits._data import fit_steps_before

_BYTES_AT_A_TIME = 2**30  # bytes of the rows of replicates that run in step, in all jobs together
_ROWS_TO_MEASURE = 1_000  # that show how large prepared rows are


def run_all(task: Task, replicates: Sequence[tuple[int, int, Any]], n_jobs: int | None) -> list[Outcome]:
    """Run replicates, as :func:`run_replicates` takes them; after Ctrl-C, return the outcomes of those begun."""
    jobs = 1 if isinstance(get_active_backend()[0], PackedBackend) else n_jobs  # its places are no processors
    size = _at_a_time(task, len(replicates), jobs)
    groups = [replicates[first : first + size] for first in range(0, len(replicates), size)]
    common_seed = replicates[0][1]
    done: list[list[Outcome]] = []
    try:
        # With more than one job this thread receives Ctrl-C, and those that run are given up.
        for outcomes in Parallel(n_jobs=jobs, return_as="generator")(
            delayed(run_replicates)(task, group, common_seed) for group in groups
        ):
            done.append(outcomes)
            if not all(outcome.probed for outcome in outcomes):
                break
    except KeyboardInterrupt:
        pass
    return [outcome for outcomes in done for outcome in outcomes]


def _at_a_time(task: Task, n: int, n_jobs: int | None) -> int:
    """Return how many replicates run in step: all, but each job has some, and their rows fit into memory.

    A replicate holds the prepared rows of a phase, and each fit of the phase holds them once more.
    """
    if not task.packed or n < 2:
        return 1
    jobs = min(effective_n_jobs(n_jobs), n)
    copies = 2 + sum(len(arm.options) for arm in task.arms)
    affordable = _BYTES_AT_A_TIME // jobs // max(1, copies * _prepared_bytes(task))
    return max(1, min(-(-n // jobs), affordable))


def _prepared_bytes(task: Task) -> int:
    """Return the size of all rows, or if that is more, what the steps before the last one make of them, "
    "roughly."""
    raw, n = bytes_of(task.X), count(task.X)
    some = np.arange(0, n, -(-n // _ROWS_TO_MEASURE))
    try:
        _, prepared = fit_steps_before(task, take(task.X, some), take(task.y, some), some, {})
        dense = 4 * int(np.prod(prepared.shape)) if issparse(prepared) else 0  # where it is scored
        return max(raw, max(bytes_of(prepared), dense) * n // len(some))
    except Exception:  # of steps that need all rows: the size of the raw ones has to do
        return raw


def complete_part(outcomes: Sequence[Outcome], n: int, arms: Sequence[str]) -> tuple[list[Outcome], str | None]:
    """Leave out what an interrupt cut short of n replicates, and say what is missing; None if nothing is.

    Complete replicates are kept; if there are none, the phases that all of them finished. A KeyboardInterrupt
    says that nothing is complete.
    """
    whole = [outcome for outcome in outcomes if outcome.complete]
    if len(whole) == n and all(outcome.probed for outcome in whole):
        return whole, None
    if len(whole) == n:
        return whole, f"interrupted: all {n} replicates are complete, the further runs of n_probes are not"
    if whole:
        return whole, f"interrupted: {len(whole)} of {n} replicates are complete, and the tables hold these only"
    place = ["repeat", "stream", "phase"]
    rows = pd.DataFrame([row for outcome in outcomes for row in outcome.results])
    if not len(rows):
        raise KeyboardInterrupt
    finished = rows.groupby(place)["arm"].nunique() == rows["arm"].nunique()
    by_phase = finished[finished].reset_index().groupby(["stream", "phase"])["repeat"].nunique()
    common = {key for key, count in by_phase.items() if count == len(outcomes)}
    missing = set(arms) - set(rows["arm"])
    if not common or missing:
        raise KeyboardInterrupt
    cut = []
    for outcome in outcomes:
        part = copy.copy(outcome)
        part.results = _within(outcome.results, common)
        part.curves = _within(outcome.curves, common)
        part.row_scores = [row for row in outcome.row_scores if (row.stream, row.phase) in common]
        cut.append(part)
    return cut, (
        f"interrupted: {len(common)} {'phase is' if len(common) == 1 else 'phases are'} complete in "
        f"{'each' if len(outcomes) > 1 else 'the one'} of {len(outcomes)} of {n} replicates, and the tables hold "
        "these only"
    )


def _within(rows: list[dict[str, Any]], phases: set[Any]) -> list[dict[str, Any]]:
    return [row for row in rows if (row["stream"], row["phase"]) in phases]
