"""Sketch of the row ids that were seen: a bounded bottom-k sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LAST = 2**64 - 1


class RowSketch:
    """The smallest ids among all that were seen, at most ``size`` of them (bottom-k).

    Ids are uniform hashes, so the smallest are a random sample of the rows, and the same one wherever the
    rows are seen: sketches have a bounded size, the sketch of two sets follows exactly from the sketches of
    each, every seen row below the threshold is known (no false negatives), and the share of known rows among
    those below it estimates the share among all without bias [1]_ [2]_. A Bloom filter would forget no row
    either, but it cannot count, and with more rows than planned for it takes every row for a seen one.
    """

    __slots__ = ("_ids", "_size", "_threshold")

    def __init__(self, ids: ArrayLike = (), size: int = 2**18):
        self._keep(np.sort(_candidates(_as_ids(ids), size)), _LAST, size)

    def _keep(self, ordered: NDArray[np.uint64], threshold: int, size: int) -> None:
        """Set the content from sorted ids, repeated or not, none of them above the threshold."""
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size}")
        if len(ordered):
            ordered = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
        if len(ordered) > size:
            # The sketch is complete up to the first id that is dropped.
            threshold = int(ordered[size]) - 1
            ordered = ordered[:size].copy()
        ordered = ordered.view()
        ordered.flags.writeable = False
        self._ids, self._threshold, self._size = ordered, threshold, int(size)

    @property
    def ids(self) -> NDArray[np.uint64]:
        """The ids that are kept, sorted; read-only."""
        return self._ids

    @property
    def size(self) -> int:
        """How many ids are kept at most."""
        return self._size

    @property
    def threshold(self) -> int:
        """The largest id about which the sketch knows; 2**64 - 1 while nothing was dropped."""
        return self._threshold

    @property
    def is_exact(self) -> bool:
        """Whether nothing was dropped."""
        return self._threshold == _LAST

    @property
    def n_rows(self) -> int:
        """How many distinct rows were seen.

        Exact while nothing was dropped; otherwise the estimate of [2]_, number of kept ids over the share of
        all ids up to the threshold, whose relative standard error is about ``size ** -0.5``.
        """
        return len(self) if self.is_exact else len(self) * 2**64 // (self._threshold + 1)

    @property
    def false_positive_rate(self) -> float:
        """The chance that a row never seen is taken for a seen one.

        It is the share of the ids up to the threshold that is taken, the number of seen rows over 2**64.
        """
        return len(self) / (self._threshold + 1)

    def union(self, other: RowSketch) -> RowSketch:
        """Make the sketch of the rows of both."""
        threshold = min(self._threshold, other._threshold)
        both = np.concatenate([sketch._ids[: sketch._rank(threshold)] for sketch in (self, other)])
        both.sort(kind="stable")  # two sorted runs: merged in one pass
        union = RowSketch.__new__(RowSketch)
        union._keep(both, threshold, min(self._size, other._size))
        return union

    def __or__(self, other: object) -> RowSketch:
        return self.union(other) if isinstance(other, RowSketch) else NotImplemented

    def lookup(self, ids: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which rows were seen, and which of the answers are certain."""
        asked = _as_ids(ids)
        answerable = asked <= np.uint64(self._threshold)
        seen = np.zeros(len(asked), dtype=np.bool_)
        if len(self):
            some = asked[answerable]
            place = np.minimum(np.searchsorted(self._ids, some), len(self) - 1)
            seen[answerable] = self._ids[place] == some
        return seen, answerable

    def to_array(self) -> NDArray[np.uint64]:
        """Return the content as one array: the threshold, then the ids."""
        return np.concatenate([np.array([self._threshold], dtype=np.uint64), self._ids])

    @classmethod
    def from_array(cls, array: NDArray[np.uint64], size: int = 2**18) -> RowSketch:
        """Make a sketch from the array that :meth:`to_array` returned."""
        if array.dtype != np.uint64 or array.ndim != 1 or not 1 <= len(array) <= size + 1:
            raise ValueError(f"not a row sketch of size {size}: {array.dtype} of shape {array.shape}")
        threshold, ids = int(array[0]), array[1:]
        dropped = threshold != _LAST
        if (ids[1:] <= ids[:-1]).any() or (len(ids) and int(ids[-1]) > threshold) or (dropped and len(ids) < size):
            raise ValueError("not a row sketch: ids must rise up to the threshold")
        sketch = cls.__new__(cls)
        sketch._keep(ids, threshold, size)
        return sketch

    def _rank(self, threshold: int) -> int:
        return int(np.searchsorted(self._ids, np.uint64(threshold), side="right"))

    def __len__(self) -> int:
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowSketch):
            return NotImplemented
        same = (self._size, self._threshold) == (other._size, other._threshold)
        return same and np.array_equal(self._ids, other._ids)

    def __hash__(self) -> int:
        return hash((self._size, self._threshold, len(self), self._ids[-1:].tobytes()))

    def __reduce__(self) -> tuple[Any, ...]:
        return RowSketch.from_array, (self.to_array(), self._size)

    def __repr__(self) -> str:
        about = "" if self.is_exact else f"about {self.n_rows} rows, "
        return f"RowSketch({about}{len(self)} {'rows' if self.is_exact else 'kept'})"


def leaked_share(
    by_ancestors: tuple[NDArray[np.bool_], NDArray[np.bool_]], by_own: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> tuple[float, int]:
    """Judge how many rows look held out and are not: earlier fits were trained on them, the last one was not.

    Both are what a lookup gave: which rows trained, and which of the answers are certain.
    """
    (before, asked_before), (now, asked_now) = by_ancestors, by_own
    judged = asked_before & asked_now
    n_judged = int(judged.sum())
    return (float((before & ~now)[judged].mean()) if n_judged else 0.0), n_judged


def _candidates(ids: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Return all ids up to a bound that more than ``size`` distinct ones lie below: the others need no sorting."""
    bound = 2**64 * 4 * max(size, 1) // max(1, len(ids))
    if bound >= 2**63:
        return ids
    small = ids[ids <= np.uint64(bound)]
    # Ids are uniform, unless rows repeat.
    return small if len(small) > size and len(np.unique(small)) > size else ids


def _as_ids(ids: ArrayLike) -> NDArray[np.uint64]:
    array = np.asarray(ids)
    if array.ndim != 1:
        raise ValueError(f"ids must be one-dimensional, but have shape {array.shape}")
    if array.dtype == np.uint64 or not array.size:
        return array.astype(np.uint64, copy=False)
    if array.dtype.kind not in "iu" or array.min() < 0:
        raise TypeError(f"ids must be uint64, not {array.dtype}: hash them with row_ids or sample_ids")
    return array.astype(np.uint64)
