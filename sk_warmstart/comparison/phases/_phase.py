"""Phases: rows to train on and rows to test on at a retraining; and plans, which are made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Phase:
    """One retraining event: the rows to train on at that moment, and the rows to test on."""

    train: Index
    test: Index


class Replicate(NamedTuple):
    """Number of a replicate from 0 on, and a seed that all replicates of a comparison have in common."""

    number: int
    seed: int

    @classmethod
    def alone(cls, rng: np.random.Generator) -> Self:
        """Make one of a draw that has no others to agree with."""
        return cls(0, int(rng.integers(2**31)))

    def generator(self, *key: int) -> np.random.Generator:
        """Return a generator that is the same in all replicates."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True)
class Plan:
    """All that one replicate retrains on; ``fixed`` where another replicate would have the same splits.

    In each stream every phase starts from the one before; the first has no donor. ``always`` are rows that train
    in every replicate, which makes no two splits differ.
    """

    streams: list[list[Phase]]
    fixed: bool
    always: Index | None = None

    @property
    def folds(self) -> bool:
        """Whether each row tests in equally many random streams: then a fold, not a replicate, is the unit."""
        if self.fixed or len(self.streams) < 2:
            return False
        tests = np.concatenate([np.unique(_joined(phase.test for phase in stream)) for stream in self.streams])
        rows, times = np.unique(tests, return_counts=True)
        trains = np.unique(_joined(phase.train for stream in self.streams for phase in stream))
        return bool((times == times[0]).all()) and np.array_equal(rows, np.union1d(rows, trains))

    @property
    def test_to_train(self) -> float:
        """Ratio that Nadeau and Bengio's correction adds to 1/n; 0 where the splits are fixed.

        It is the rows that ever test by the rows that ever train, times the number of streams, of which a
        replicate's gain is a mean. No number makes means over ``folds`` right: there the ratio is that of one
        fold, for the gains of single folds.
        """
        if self.fixed:
            return 0.0
        ratio = float(np.mean([self._ratio(stream) for stream in self.streams]))
        return ratio if self.folds else ratio * len(self.streams)

    def _ratio(self, stream: list[Phase]) -> float:
        train = np.unique(_joined(phase.train for phase in stream))
        if self.always is not None:
            train = np.setdiff1d(train, self.always)
        return len(np.unique(_joined(phase.test for phase in stream))) / len(train)


def _joined(parts: Iterable[Index]) -> Index:
    return np.concatenate(list(parts))


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
