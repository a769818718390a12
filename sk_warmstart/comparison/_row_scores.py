"""Scores of single test rows: what the rows of a test set add to a run's score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class RowScores(NamedTuple):
    """What each test row of one run adds: the mean of ``values`` is the run's score.

    ``rows`` are numbers of the user's rows, as many as ``values``; where a scorer has no rows, the values are
    pseudo-values. ``bounded`` says whether a row's value lies within 0 and 1, as right or wrong does.
    """

    repeat: int
    stream: int
    phase: int
    arm: str
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    bounded: bool
