"""Scores of single test rows: what the rows of a test set add to a run's score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_BLOCKS = 20


class RowScores(NamedTuple):
    """What each test row of one run adds: the mean of ``values`` is the run's score.

    ``rows`` are numbers of the user's rows, as many as ``values``; where a scorer has no rows, the values are
    pseudo-values. ``bounded`` says whether a row's value lies within 0 and 1, as right or wrong does. With
    ``blocks`` the rows of a block (see :func:`blocks_of`) have one value and count as one.
    """

    repeat: int
    stream: int
    phase: int
    arm: str
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    bounded: bool
    blocks: bool = False


def blocks_of(rows: NDArray[np.integer], clusters: NDArray[np.integer] | None = None) -> NDArray[np.int64]:
    """Return the block of each row, the same in all replicates and arms; rows of one cluster are in one block."""
    codes = rows if clusters is None else clusters[rows]
    return np.asarray(codes, dtype=np.int64) % N_BLOCKS
