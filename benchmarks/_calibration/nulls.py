"""Equal learners called different: the same one again, and another as good over all tables of this kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit

from sk_warmstart import DataIncremental
from sk_warmstart.comparison import ClassIncremental, OldAndNew, RollingWindow
from sk_warmstart.comparison.findings._rows import RowTable
from sk_warmstart.statistics import rope_verdict

from .made_up import ARMS, draw_table, row_scores
from .tally import CONFIDENCE, DIFFERENT, ROPE, over_tables, rate

# Name: phases, rows, classes.
PHASES: dict[str, tuple[Any, int, int]] = {
    "DataIncremental(5)": (DataIncremental(5), 400, 2),
    "DataIncremental(2)": (DataIncremental(2), 400, 2),
    "DataIncremental(5, test_size=0.1)": (DataIncremental(5, test_size=0.1), 400, 2),
    "DataIncremental(5, test_size=0.5)": (DataIncremental(5, test_size=0.5), 400, 2),
    "ClassIncremental(3)": (ClassIncremental(3), 400, 6),
    "OldAndNew(300), 400 rows": (OldAndNew(300), 400, 2),
    "OldAndNew(800), 1,000 rows": (OldAndNew(800), 1_000, 2),
    "KFold(5, shuffle=True)": (KFold(5, shuffle=True), 400, 2),
    "KFold(10, shuffle=True)": (KFold(10, shuffle=True), 400, 2),
    "StratifiedKFold(5, shuffle=True)": (StratifiedKFold(5, shuffle=True), 400, 2),
    "ShuffleSplit(5, test_size=0.2)": (ShuffleSplit(5, test_size=0.2), 400, 2),
    "KFold(5), fixed": (KFold(5), 400, 2),
    "TimeSeriesSplit(5)": (TimeSeriesSplit(5), 400, 2),
    "RollingWindow(60)": (RollingWindow(60), 400, 2),
}
NOISES = (0.1, 0.3, 0.5)  # of the seeds
GROUPS = (5, 6, 8, 12, 20, 40)
# Learners without any seed noise: replicates of a fixed stream are the same.
DETERMINISTIC = {
    "TimeSeriesSplit(3), 240 rows, no noise": (TimeSeriesSplit(3), 240, 2),
    "KFold(5, shuffle=True), 240 rows, no noise": (KFold(5, shuffle=True), 240, 2),
    "DataIncremental(3), 240 rows, no noise": (DataIncremental(3), 240, 2),
}


def null(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Every kind of phases and noise, and deterministic learners."""
    cases = {
        f"{name}, noise {noise}": (*setting, 0, noise, n_replicates)
        for noise in NOISES
        for name, setting in PHASES.items()
    }
    cases |= {name: (*setting, 0, 0.0, n_replicates) for name, setting in DETERMINISTIC.items()}
    return _count(cases, n, n_jobs)


def groups(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Few and many groups, of which each has an effect of its own."""
    cases = {
        f"{n_groups} groups, DataIncremental(3), noise {noise}": (
            DataIncremental(3),
            400,
            2,
            n_groups,
            noise,
            n_replicates,
        )
        for noise in (0.1, 0.5)
        for n_groups in GROUPS
    }
    return _count(cases, n, n_jobs)


def verdicts(
    phases: Any, n_rows: int, n_classes: int, n_groups: int, noise: float, n_replicates: int, seed: int
) -> dict[tuple[str, float], str]:
    """Return the verdict on each arm at each ROPE on one table."""
    table = draw_table(seed, n_rows, n_classes, n_groups)
    scores = RowTable(row_scores(table, phases, noise, n_replicates, seed), table.groups)
    found = {}
    for arm in ARMS:
        posterior = scores.posterior(arm)
        found |= {(arm, rope): rope_verdict(posterior, rope, CONFIDENCE) for rope in (0.0, ROPE)}
    return found


def _count(cases: dict[str, tuple[Any, ...]], n: int, n_jobs: int) -> list[dict[str, Any]]:
    rows = []
    for case, found in zip(cases, over_tables(n_jobs, verdicts, list(cases.values()), n), strict=True):
        for arm, name in (("again", "A/A"), ("other", "as good in the population")):
            for rope, most in ((0.0, 0.06), (ROPE, 0.03)):
                wrong = np.isin([each[arm, rope] for each in found], DIFFERENT)
                rows.append(rate(case, f"{name}: called different, ROPE {rope:g}", wrong, most=most))
        better = [each["better", 0.0] == "beneficial" for each in found]
        rows.append(rate(case, "a better one: found, ROPE 0", better))
    return rows
