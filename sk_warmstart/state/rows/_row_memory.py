"""Memory of the rows that a state was trained on, in bounded space, and the warning of leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._identity import mix
from ._row_sketch import RowSketch, leaked_share

_MERGE_AT = 1 << 16
_ROUNDS = 4

Ids = NDArray[np.uint64]


class LeakageWarning(UserWarning):
    """A score is of rows that a donor was trained on: they look held out, and are not."""


@dataclass(frozen=True)
class KeyedRows:
    """Rows of one lineage, hashed with its key: those of the last fit, and those of the fits before.

    Without a key, as in files of version 0.1, the ids are as they are.
    """

    key: bytes | None = None
    own: RowSketch = field(default_factory=RowSketch)
    ancestors: RowSketch = field(default_factory=RowSketch)

    @property
    def everything(self) -> RowSketch:
        """Rows of all fits."""
        return self.own | self.ancestors


class RowMemory:
    """Which rows a state was trained on: those of its last fit, and those of the fits before.

    Ids are hashed with a key of the lineage, one way, so that a file of them cannot be turned back into numbers.
    ``columns`` identify a row: those that the lineage began with, so that it stays itself as columns are added.
    ``others`` are rows of other lineages, which have other keys.
    """

    def __init__(
        self,
        rows: KeyedRows | None = None,
        columns: tuple[str, ...] | None = None,
        others: Sequence[KeyedRows] = (),
    ):
        self._rows = KeyedRows() if rows is None else rows
        self.columns = columns
        self.others = tuple(others)
        self._pending: list[Ids] = []

    def __reduce__(self) -> tuple[Any, ...]:
        # A row that waits, perhaps many times, is pickled once.
        return RowMemory, (self.rows, self.columns, self.others)

    @property
    def rows(self) -> KeyedRows:
        """Rows of this lineage."""
        if self._pending:
            kept, new = self._rows, RowSketch(np.concatenate(self._pending), self._rows.own.size)
            self._rows, self._pending = KeyedRows(kept.key, kept.own | new, kept.ancestors), []
        return self._rows

    @property
    def own(self) -> RowSketch:
        """Rows of the last fit, hashed."""
        return self.rows.own

    @property
    def ancestors(self) -> RowSketch:
        """Rows of the fits before, hashed."""
        return self.rows.ancestors

    @property
    def parts(self) -> Iterator[KeyedRows]:
        """Rows lineage by lineage, this one first."""
        yield self.rows
        yield from self.others

    @property
    def has_ancestors(self) -> bool:
        """Whether any fit before the last one is remembered."""
        return any(len(part.ancestors) for part in self.parts)

    def add(self, ids: Ids) -> None:
        """Take in rows that were trained on; at a cost that does not grow with how many there were."""
        if not len(ids):
            return
        if self._rows.key is None:
            self._begin(ids)
        pending = self._pending
        pending.append(hash_with_key(ids, self._rows.key))
        # Joined like the digits of a binary counter: however many calls there were, few arrays wait.
        while len(pending) > 1 and len(pending[-1]) >= len(pending[-2]):
            last = pending.pop()
            pending[-1] = np.concatenate([pending[-1], last])
        if sum(map(len, pending)) > _MERGE_AT:
            self._rows = self.rows

    def _begin(self, ids: Ids) -> None:
        """Draw the key from the first rows, whatever their order; rows without one stay apart."""
        if len(self._rows.own) or len(self._rows.ancestors):
            self.others = (self._rows, *self.others)
        seed = np.array([ids.sum(dtype=np.uint64), np.bitwise_xor.reduce(ids), len(ids)], dtype="<u8")
        self._rows = KeyedRows(hashlib.blake2b(seed.tobytes(), digest_size=16).digest())

    def snapshot(self) -> RowMemory:
        """Return a copy that later rows do not touch."""
        return RowMemory(self.rows, self.columns, self.others)

    def fork(self) -> RowMemory:
        """Return a copy that takes in further rows alone, without merging those that wait."""
        forked = object.__new__(type(self))
        vars(forked).update(vars(self), _pending=list(self._pending))
        return forked

    def child(self, columns: tuple[str, ...] | None, donors: Sequence[RowMemory] = ()) -> RowMemory:
        """Return the memory of a fit that starts from this one and from others: its own rows are yet to come."""
        parts = [part for memory in (self, *donors) for part in memory.parts]
        first, *rest = _joined([KeyedRows(part.key, RowSketch(), part.everything) for part in parts])
        return RowMemory(first, columns, rest)

    @classmethod
    def of_all(cls, memories: Sequence[RowMemory]) -> RowMemory:
        """Return the memory of a mixture: a row that trained any of them has trained it."""
        first, *rest = _joined([part for memory in reversed(memories) for part in memory.parts])
        return cls(first, memories[-1].columns, rest)

    def before(self, ids: Ids) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which rows trained a fit before the last one, and which of the answers are certain."""
        return self._looked_up(ids, [part.ancestors for part in self.parts])

    def last(self, ids: Ids) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which rows trained the last fit, and which of the answers are certain."""
        return self._looked_up(ids, [part.own for part in self.parts])

    def leaked_share(self, ids: Ids) -> tuple[float, int]:
        """Judge how many rows look held out and are not, and by how many of them it is judged."""
        return leaked_share(self.before(ids), self.last(ids))

    def share_of(self, ids: Ids) -> float:
        """Return the share of rows that trained any fit."""
        seen, certain = self.before(ids)
        now, certain_now = self.last(ids)
        seen, certain = seen | now, certain & certain_now
        return float(seen[certain].mean()) if certain.any() else 0.0

    def _looked_up(self, ids: Ids, sketches: list[RowSketch]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        seen, certain = np.zeros(len(ids), dtype=np.bool_), np.ones(len(ids), dtype=np.bool_)
        for part, sketch in zip(self.parts, sketches, strict=True):
            if not len(sketch):
                continue
            found, answered = sketch.lookup(hash_with_key(ids, part.key))
            seen, certain = seen | found, certain & answered
        return seen, certain


def hash_with_key(ids: Ids, key: bytes | None) -> Ids:
    """Hash ids once more, with a key and one way (Davies and Meyer's construction over rounds of SplitMix64)."""
    if key is None:
        return ids
    words = np.frombuffer(hashlib.blake2b(key, digest_size=8 * _ROUNDS).digest(), dtype="<u8").astype(np.uint64)
    hashed = ids
    for word in words:
        hashed = mix(hashed ^ word)
    return hashed ^ ids


def _joined(parts: Sequence[KeyedRows]) -> list[KeyedRows]:
    """Join the rows of each lineage, in the order in which the lineages occur."""
    by_key: dict[bytes | None, KeyedRows] = {}
    for part in parts:
        there = by_key.get(part.key)
        joined = (
            part if there is None else KeyedRows(part.key, there.own | part.own, there.ancestors | part.ancestors)
        )
        by_key[part.key] = joined
    # An empty beginning has no key yet.
    return [part for key, part in by_key.items() if key is not None or len(part.everything)] or [KeyedRows()]
