"""Phases: rows to train on and rows to test on at a retraining; and plans, which are made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Phase:
    """One retraining event: the rows to train on at that moment, and the rows to test on."""

    train: Index
    test: Index


@dataclass(frozen=True)
class Plan:
    """All that one replicate retrains on; ``fixed`` where another replicate would have the same splits.

    In each stream every phase starts from the one before; the first has no donor.
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
    """Return the rows that test for the first time in each phase of a stream; none where all have tested before.

    Of ClassIncremental these are rows of the classes that are new; of RollingWindow later phases train on them.
    """
    seen = np.empty(0, dtype=np.intp)
    new = []
    for phase in stream:
        new.append(phase.test[~np.isin(phase.test, seen)])
        seen = np.union1d(seen, phase.test)
    return new
