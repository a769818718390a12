"""Made-up learners on tables drawn from a population, over the library's own plans of phases."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sk_warmstart.comparison._row_scores import RowScores
from sk_warmstart.comparison.phases._phase import Phase, Replicate
from sk_warmstart.comparison.phases._plan import plan_phases

COLUMNS = 4  # of each view
SEPARATION = 0.5
GAIN = 0.5
# Which columns each arm sees: "again" what cold sees, "other" columns of the same law, "better" such with a gain.
VIEWS = {"cold": 0, "again": 0, "other": 1, "better": 2}
ARMS = [arm for arm in VIEWS if arm != "cold"]
_SEEN = list(VIEWS.values())


class Table(NamedTuple):
    """Rows with three views of columns, (n, 3, COLUMNS); their classes; and the groups they belong to, if any."""

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None


def draw_table(seed: int, n: int, n_classes: int, n_groups: int = 0) -> Table:
    """Draw a table; rows of a group are moved by the same, another move in each view."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    centres = rng.normal(size=(n_classes, 1, COLUMNS)) * SEPARATION * np.array([1, 1, 1 + GAIN])[:, None]
    X = centres[y] + rng.normal(size=(n, 3, COLUMNS))
    if not n_groups:
        return Table(X, y, None)
    groups = rng.integers(n_groups, size=n)
    return Table(X + rng.normal(size=(n_groups, 3, COLUMNS))[groups] * 0.5, y, groups)


def row_scores(table: Table, phases: Any, noise: float, n_replicates: int, seed: int) -> list[RowScores]:
    """Train nearest centroids with seed noise over the phases, and return the scores of their test rows."""
    scores = []
    for number in range(n_replicates):
        rng = np.random.default_rng([seed, number])
        plan = plan_phases(phases, table.X, table.y, table.y, rng, table.groups, Replicate(number, seed))
        for stream, its in enumerate(plan.streams):
            for place, phase in enumerate(its[1:], start=2):
                right = _right(table, phase, noise, rng).astype(np.float64)
                scores += [
                    RowScores(number, stream, place, arm, phase.test.astype(np.int64), values, bounded=True)
                    for arm, values in zip(VIEWS, right, strict=True)
                ]
    return scores


def _right(table: Table, phase: Phase, noise: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell for each arm and test row whether the nearest centroid is that of the row's class."""
    n_classes = int(table.y.max()) + 1
    member = np.eye(n_classes)[table.y[phase.train]]
    counts = member.sum(axis=0)
    sums = member.T @ table.X[phase.train].reshape(len(phase.train), -1)
    centres = (sums / np.maximum(counts, 1)[:, None]).reshape(n_classes, 3, COLUMNS)
    centres[counts == 0] = 1e3  # far from everything
    own = centres[:, _SEEN].swapaxes(0, 1) + noise * rng.normal(size=(len(VIEWS), n_classes, COLUMNS))
    rows = table.X[phase.test][:, _SEEN].swapaxes(0, 1)
    distance = (own**2).sum(axis=2)[:, None] - 2 * rows @ own.swapaxes(1, 2)
    return distance.argmin(axis=2) == table.y[phase.test]
