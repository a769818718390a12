"""Batches of all members of a pack."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...modules import each_part, some_rows
from .._augment import Augmentation
from ..rows._batches import TensorBatches
from ..rows._parts import as_sent, as_taken
from ._joined import Joined

# Numbers of the orders of all members that are laid out at once.
_LAID_OUT = 2**21


@dataclass
class PackBatch:
    """One batch of each member, padded where members have fewer rows; the next one is written over it.

    ``weight`` makes means over the batch's rows: 0 for padding, more than 1 for rows of members that have fewer;
    None where all count alike. ``moving`` tells which members have rows in it, None if all. ``ends`` are the
    members of whose epoch it is the last.
    """

    X: Any
    y: Tensor
    weight: Tensor | None
    moving: list[bool] | None
    ends: list[int]


class PackData:
    """Rows of all members in the order of each member's batches."""

    def __init__(
        self,
        batches: Sequence[TensorBatches],
        dtype: torch.dtype,
        augmentations: Sequence[Augmentation | None] = (),
    ):
        self._batches, self._dtype = batches, dtype
        self._augmentations = {k: each for k, each in enumerate(augmentations) if each is not None}
        rows = [b.dataset for b in batches]
        self._first, self._size = rows[0], min(batches[0].batch_size, max(map(len, rows)))
        self.sizes = [
            [min(b.batch_size, len(its) - i * b.batch_size) for i in range(len(b))]
            for b, its in zip(batches, rows, strict=True)
        ]
        self._X = each_part(lambda *parts: Joined(parts), *(as_sent(its.X) for its in rows))
        self._y = Joined([_labels(its.y) for its in rows])
        self._weight: Joined | None = None
        if any(its.weight is not None for its in rows):
            ones = [torch.ones(len(its), dtype=dtype, device=its.device) for its in rows]
            self._weight = Joined(
                [one if its.weight is None else its.weight.to(dtype) for one, its in zip(ones, rows, strict=True)]
            )

    def epoch(self) -> Iterator[PackBatch]:
        """Yield the batches of one epoch."""
        with contextlib.ExitStack() as stack:
            yield from self._passes([stack.enter_context(b.order()) for b in self._batches])

    def _passes(self, orders: Sequence[Tensor | None]) -> Iterator[PackBatch]:
        n_steps, size = max(map(len, self.sizes)), self._size
        at_once = max(1, min(n_steps, _LAID_OUT // (size * len(orders))))
        for piece in range(0, n_steps, at_once):
            last = min(piece + at_once, n_steps)
            index = self._index(orders, piece * size, last * size)
            for i in range(piece, last):
                first = (i - piece) * size
                yield self._batch(i, index[:, first : first + size])

    def _index(self, orders: Sequence[Tensor | None], first: int, stop: int) -> Tensor:
        """Positions of the rows of all members, from one place in their orders to another.

        Where a member has no more rows its first one fills the place: it is one that the network knows.
        """
        index = torch.zeros(len(orders), stop - first, dtype=torch.int64, device=self._first.device)
        for its, order, batches in zip(index, orders, self._batches, strict=True):
            n = max(0, min(stop, len(batches.dataset)) - first)
            if order is None:
                torch.arange(first, first + n, out=its[:n])
            else:
                its[:n] = order[first : first + n]
                its[n:] = order[0]
        return index

    def _batch(self, i: int, index: Tensor) -> PackBatch:
        sizes = [its[i] if i < len(its) else 0 for its in self.sizes]
        width = max(sizes)
        index = index[:, :width]
        X = as_taken(self._first.X, each_part(lambda part: part.take(index), self._X))
        y = self._y.take(index)
        w = None if self._weight is None else self._weight.take(index)
        for k, augmentation in self._augmentations.items():
            if sizes[k]:
                rows = some_rows(X, (k, slice(0, sizes[k])))
                each_part(Tensor.copy_, rows, augmentation(rows))
        moving = None
        if min(sizes) < width:
            counts = torch.tensor(sizes, device=y.device)[:, None]
            factor = (width / counts.clamp(min=1).double()).to(self._dtype)
            present = torch.arange(width, device=y.device) < counts
            w = present * factor if w is None else torch.where(present, w * factor, torch.zeros_like(w))
            if min(sizes) == 0:
                moving = [size > 0 for size in sizes]
        ends = [k for k, its in enumerate(self.sizes) if len(its) == i + 1]
        return PackBatch(X, y, w, moving, ends)


def _labels(y: Tensor | None) -> Tensor:
    assert y is not None
    return y
