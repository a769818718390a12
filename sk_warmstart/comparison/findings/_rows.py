"""Posteriors of gains from the scores of single test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...statistics._clustered import (
    GROUP_INFLATION,
    INFLATION,
    ROUNDING,
    ClusteredPosterior,
    phase_interaction,
    posterior_of,
)
from .._names import REFERENCE
from .._row_scores import RowScores, blocks_of


class RowTable:
    """Scores of the test rows of all runs, and what they say of one arm's gain over another.

    ``clusters`` are the group codes of all rows of the user, where rows of a group are no independent evidence.
    A run of one arm counts where the other's has row scores as well, and both are numbers.
    """

    def __init__(self, scores: Sequence[RowScores], clusters: NDArray[np.int64] | None = None) -> None:
        self._runs = {(run.arm, run.repeat, run.stream, run.phase): run for run in scores}
        self._clusters = clusters
        self.phases = tuple(sorted({run.phase for run in scores}))

    def posterior(self, arm: str, than: str = REFERENCE, phase: int | None = None) -> ClusteredPosterior | None:
        """Return that of the gain, averaged over the runs of each replicate, of one phase or of all.

        None where no run of the arm can be compared.
        """
        cells = self._cells(arm, than)
        if cells is not None and phase is not None:
            cells = cells.only(cells.phase == phase)
        return None if cells is None or not len(cells.phase) else _posterior(cells)

    def contrast(self, arm: str, phase: int, than: str = REFERENCE) -> ClusteredPosterior | None:
        """Return that of the gain in one phase less the mean gain over the phases of the same replicates."""
        cells = self._cells(arm, than)
        return None if cells is None or phase not in cells.phase else _contrast(cells, phase)

    def interaction(self, arm: str, than: str = REFERENCE) -> float:
        """Return the p-value of "the gain is the same in all phases"; NaN where no run can be compared."""
        cells = self._cells(arm, than)
        if cells is None:
            return float("nan")
        return phase_interaction([_contrast(cells, phase) for phase in np.unique(cells.phase).tolist()])

    def _cells(self, arm: str, than: str) -> _Cells | None:
        """What each test row of each run adds to the gain; None without a run of both arms."""
        pairs = []
        for (name, *_), mine in self._runs.items():
            other = self._runs.get((than, mine.repeat, mine.stream, mine.phase)) if name == arm else None
            if other is not None and np.isfinite(mine.values).all() and np.isfinite(other.values).all():
                if not np.array_equal(mine.rows, other.rows):
                    where = f"repeat {mine.repeat}, stream {mine.stream}, phase {mine.phase}"
                    raise ValueError(f"{arm} and {than} have scores of other rows in {where}")
                pairs.append((mine, other))
        if not pairs:
            return None
        lengths = [len(mine.rows) for mine, _ in pairs]
        rows = np.concatenate([mine.rows for mine, _ in pairs])
        values = [np.concatenate([pair[side].values for pair in pairs]) for side in (0, 1)]
        bounded = all(run.bounded for pair in pairs for run in pair)
        lowest, highest = min(v.min() for v in values), max(v.max() for v in values)
        return _Cells(
            differences=values[0] - values[1],
            share=np.repeat(1 / np.array(lengths), lengths),
            replicate=np.repeat([mine.repeat for mine, _ in pairs], lengths),
            phase=np.repeat([mine.phase for mine, _ in pairs], lengths),
            cluster=self._cluster_of(rows, any(run.blocks for pair in pairs for run in pair)),
            inflation=INFLATION if self._clusters is None else GROUP_INFLATION,
            # Where scores have no bounds, how far they were seen to differ stands for it.
            floor=float(bounded),
            reach=1.0 if bounded else float(highest - lowest) or float("nan"),
            size=float(max(abs(lowest), abs(highest))),
        )

    def _cluster_of(self, rows: NDArray[np.int64], blocks: bool) -> NDArray[np.int64]:
        if blocks:
            return blocks_of(rows, self._clusters)
        return rows if self._clusters is None else self._clusters[rows]


class _Cells(NamedTuple):
    """Differences of row scores, one a test row and run."""

    differences: NDArray[np.float64]
    share: NDArray[np.float64]  # one over the number of rows of the run
    replicate: NDArray[np.int64]
    phase: NDArray[np.int64]
    cluster: NDArray[np.int64]
    inflation: float
    floor: float
    reach: float
    size: float

    def only(self, chosen: NDArray[np.bool_]) -> _Cells:
        """Some of the cells."""
        columns = ("differences", "share", "replicate", "phase", "cluster")
        return self._replace(**{name: getattr(self, name)[chosen] for name in columns})


def _posterior(cells: _Cells) -> ClusteredPosterior:
    """Return that of the mean gain."""
    replicate, n = _codes(cells.replicate)
    mean, residuals = _mean(cells, replicate, n)
    return _judged(cells, mean, residuals, replicate, n)


def _contrast(cells: _Cells, phase: int) -> ClusteredPosterior:
    """Return that of the gain in a phase less the mean gain."""
    cells = cells.only(np.isin(cells.replicate, cells.replicate[cells.phase == phase]))
    replicate, n = _codes(cells.replicate)
    mean_of_all, residuals = _mean(cells, replicate, n)
    here = cells.phase == phase
    mean, residuals_here = _mean(cells.only(here), replicate[here], n)
    residuals = -residuals
    residuals[here] += residuals_here
    # Both gains can be off by the reach.
    return _judged(cells, mean - mean_of_all, residuals, replicate, n, reaches=2)


def _judged(
    cells: _Cells,
    mean: float,
    residuals: NDArray[np.float64],
    replicate: NDArray[np.int64],
    n: int,
    reaches: int = 1,
) -> ClusteredPosterior:
    # What clusters that show no difference may hide: where all show some, their spread says it.
    differs = np.abs(cells.differences) > ROUNDING * max(1.0, cells.size)
    alike = 1 - _distinct(cells.cluster[differs]) / _distinct(cells.cluster)
    return posterior_of(
        *(mean, residuals, cells.share, replicate, cells.cluster, n),
        inflation=cells.inflation,
        reach=reaches * cells.reach,
        floor=alike * cells.floor,
        size=cells.size,
    )


def _mean(cells: _Cells, replicate: NDArray[np.int64], n: int) -> tuple[float, NDArray[np.float64]]:
    """Return the mean over replicates of their runs' mean gain, and by how much each cell moves it."""
    runs = np.bincount(replicate, weights=cells.share, minlength=n)  # a run's shares sum to 1
    weights = cells.share / runs[replicate] / n
    mean = float(weights @ cells.differences)
    return mean, weights * (cells.differences - mean)


def _codes(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Number labels from 0, and count them."""
    used = np.bincount(labels) > 0
    return (np.cumsum(used) - 1)[labels], int(used.sum())


def _distinct(codes: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(codes)))  # far faster than np.unique
