"""What a plan is made of: phases, each with the rows known at a retraining and the rows that judge it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Phase:
    """One retraining event.

    Parameters
    ----------
    train : ndarray of int
        Rows known at that moment.
    test : ndarray of int
        Rows that judge the result.
    """

    train: Index
    test: Index


@dataclass(frozen=True)
class Plan:
    """All that one replicate retrains on.

    Parameters
    ----------
    streams : list of list of Phase
        In each stream every phase starts from the one before; the first has no donor.
    fixed : bool
        Whether another replicate would have the same splits.
    """

    streams: list[list[Phase]]
    fixed: bool

    @property
    def test_to_train(self) -> float:
        """Rows that ever test by rows that ever train, over the streams; 0 where the splits are fixed."""
        if self.fixed:
            return 0.0
        return float(np.mean([_rows(p.test for p in s) / _rows(p.train for p in s) for s in self.streams]))


def _rows(parts: Iterable[Index]) -> int:
    return len(np.unique(np.concatenate(list(parts))))


def new_test_rows(stream: list[Phase]) -> list[Index]:
    """Tell which rows judge for the first time in each phase of a stream.

    With :class:`ClassIncremental` these are the test rows of the classes that are new: the columns of a matrix
    of scores for :func:`forgetting` and its like. Of a :class:`RollingWindow` later phases train on them.

    Parameters
    ----------
    stream : list of Phase
        The phases in order.

    Returns
    -------
    list of ndarray of int
        Rows of each phase, in its order; empty where all have judged before.
    """
    seen = np.empty(0, dtype=np.intp)
    new = []
    for phase in stream:
        new.append(phase.test[~np.isin(phase.test, seen)])
        seen = np.union1d(seen, phase.test)
    return new
