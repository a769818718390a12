"""Memory of the rows that a state was trained on, in bounded space, and the warning of leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._row_sketch import RowSketch

_MERGE_AT = 1 << 16


class LeakageWarning(UserWarning):
    """A score is of rows that a donor was trained on: they look held out, and are not."""


class RowMemory:
    """Which rows a state was trained on: those of its last fit, and those of the fits before.

    ``columns`` identify a row: those that the lineage began with, so that it stays itself as columns are added.
    """

    def __init__(
        self,
        own: RowSketch | None = None,
        ancestors: RowSketch | None = None,
        columns: tuple[str, ...] | None = None,
    ):
        self._own = RowSketch() if own is None else own
        self.ancestors = RowSketch() if ancestors is None else ancestors
        self.columns = columns
        self._pending: list[NDArray[np.uint64]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        # A row that waits, perhaps many times, is pickled once.
        return RowMemory, (self.own, self.ancestors, self.columns)

    @property
    def own(self) -> RowSketch:
        """Rows of the last fit."""
        if self._pending:
            self._own = self._own | RowSketch(np.concatenate(self._pending), self._own.size)
            self._pending = []
        return self._own

    def add(self, ids: NDArray[np.uint64]) -> None:
        """Take in rows that were trained on; at a cost that does not grow with how many there were."""
        pending = self._pending
        pending.append(ids)
        # Joined like the digits of a binary counter: however many calls there were, few arrays wait.
        while len(pending) > 1 and len(pending[-1]) >= len(pending[-2]):
            last = pending.pop()
            pending[-1] = np.concatenate([pending[-1], last])
        if sum(map(len, pending)) > _MERGE_AT:
            self._own = self.own

    def snapshot(self) -> RowMemory:
        """Return a copy that later rows do not touch."""
        return RowMemory(self.own, self.ancestors, self.columns)

    def child(self, columns: tuple[str, ...] | None) -> RowMemory:
        """Return the memory of a fit that starts from this one: its own rows are yet to come."""
        return RowMemory(ancestors=self.own | self.ancestors, columns=columns)
