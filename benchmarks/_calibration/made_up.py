"""Made-up learners on tables drawn from a population, over the library's own plans of phases."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sk_warmstart.comparison.phases._phase import Phase, Replicate
from sk_warmstart.comparison.phases._plan import plan_phases

COLUMNS = 4  # of each view
SEPARATION = 0.5
GAIN = 0.5
# Which columns each arm sees: "again" what cold sees, "other" columns of the same law, "better" such with a gain.
VIEWS = {"cold": 0, "again": 0, "other": 1, "better": 2}
_SEEN = list(VIEWS.values())


class Table(NamedTuple):
    """Rows with three views of columns, (n, 3, COLUMNS); their classes; and the groups they belong to, if any."""

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None


class RowGains(NamedTuple):
    """For each arm the differences from cold (n_replicates, n_rows), and the weights of the same shape."""

    differences: dict[str, NDArray[np.float64]]
    weights: NDArray[np.float64]
    n_test_sets: int


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


def row_gains(table: Table, phases: Any, noise: float, n_replicates: int, seed: int) -> RowGains:
    """Train nearest centroids with seed noise over the phases, and return what each test row adds to each gain."""
    n = len(table.y)
    weights, sums = np.zeros((n_replicates, n)), np.zeros((len(VIEWS), n_replicates, n))
    test_sets = set()
    for number in range(n_replicates):
        rng = np.random.default_rng([seed, number])
        plan = plan_phases(phases, table.X, table.y, table.y, rng, table.groups, Replicate(number, seed))
        for stream in plan.streams:
            for phase in stream[1:]:
                weight = 1 / (len(plan.streams) * (len(stream) - 1) * len(phase.test))
                weights[number, phase.test] += weight
                sums[:, number, phase.test] += weight * _right(table, phase, noise, rng)
        test_sets.add(plan.streams[0][-1].test.tobytes())
    differences = {arm: sums[place] - sums[0] for place, arm in enumerate(VIEWS) if place}
    return RowGains(differences, weights, len(test_sets))


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
