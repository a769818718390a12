"""Batches of all members of a pack."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...modules import each_part, parts_of, some_rows
from .._augment import Augmentation
from ..rows._batches import TensorBatches

# Below this the permuted rows of all members are laid out once an epoch; above, batch by batch.
_LAID_OUT = 256 * 2**20


@dataclass
class PackBatch:
    """One batch of each member, padded where members have fewer rows.

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
    """Rows of all members in the order of each member's batches, with a last column of ones where asked for."""

    def __init__(
        self,
        batches: Sequence[TensorBatches],
        dtype: torch.dtype,
        ones: bool = False,
        augmentations: Sequence[Augmentation | None] = (),
    ):
        self._batches, self._dtype, self._ones = batches, dtype, ones
        self._augmentations = {k: each for k, each in enumerate(augmentations) if each is not None}
        self._rows = [b.dataset for b in batches]
        self._size = min(batches[0].batch_size, max(map(len, self._rows)))
        self._weighted = any(rows.weight is not None for rows in self._rows)
        self.sizes = [
            [min(b.batch_size, len(rows) - i * b.batch_size) for i in range(len(b))]
            for b, rows in zip(batches, self._rows, strict=True)
        ]

    def epoch(self) -> Iterator[PackBatch]:
        """Yield the batches of one epoch."""
        with contextlib.ExitStack() as stack:
            yield from self._passes([stack.enter_context(b.order()) for b in self._batches])

    def _passes(self, orders: list[Tensor | None]) -> Iterator[PackBatch]:
        n_steps = max(map(len, self.sizes))
        # An epoch at once is one copy a member; it is cut into pieces of whole batches where that is too much.
        each = sum(part.nbytes for part in parts_of(self._rows[0].X[:1])) * self._size * len(self._rows)
        at_once = max(1, min(n_steps, _LAID_OUT // max(1, each)))
        for piece in range(0, n_steps, at_once):
            first, stop = piece * self._size, min(piece + at_once, n_steps) * self._size
            X, y, weight = self._laid_out(orders, first, stop)
            for i in range(piece, min(piece + at_once, n_steps)):
                yield self._batch(i, X, y, weight, i * self._size - first)

    def _batch(self, i: int, X: Any, y: Tensor, weight: Tensor | None, at: int) -> PackBatch:
        sizes = [its[i] if i < len(its) else 0 for its in self.sizes]
        width = max(sizes)
        part = slice(at, at + width)
        for k, augmentation in self._augmentations.items():
            if sizes[k]:
                rows = some_rows(X, (k, slice(at, at + sizes[k])))
                rows = rows[..., :-1] if self._ones else rows
                each_part(Tensor.copy_, rows, augmentation(rows))
        alike = min(sizes) == width
        w = None if weight is None else weight[:, part]
        moving = None
        if not alike:
            counts = torch.tensor(sizes, device=y.device)[:, None]
            factor = (width / counts.clamp(min=1).double()).to(self._dtype)
            present = torch.arange(width, device=y.device) < counts
            w = present * factor if w is None else torch.where(present, w * factor, torch.zeros_like(w))
            if min(sizes) == 0:
                moving = [size > 0 for size in sizes]
        ends = [k for k, its in enumerate(self.sizes) if len(its) == i + 1]
        return PackBatch(some_rows(X, (slice(None), part)), y[:, part], w, moving, ends)

    def _laid_out(self, orders: list[Tensor | None], first: int, stop: int) -> tuple[Any, Tensor, Tensor | None]:
        """The rows of all members from one place in their orders to another, padded with zeros."""
        X, y = self._rows[0].X[:1], self._rows[0].y
        assert y is not None
        lead = (len(orders), stop - first)
        if self._ones:
            all_X = torch.zeros(*lead, X.shape[1] + 1, dtype=X.dtype, device=X.device)
            all_X[..., -1] = 1
        else:
            all_X = each_part(lambda part: part.new_zeros(*lead, *part.shape[1:]), X)
        all_y = torch.zeros(*lead, *y.shape[1:], dtype=y.dtype, device=y.device)
        all_w = torch.zeros(*lead, dtype=self._dtype, device=y.device) if self._weighted else None
        for k, (rows, order) in enumerate(zip(self._rows, orders, strict=True)):
            index = slice(first, min(stop, len(rows))) if order is None else order[first:stop]
            n = max(0, min(stop, len(rows)) - first)
            if not n:
                continue
            if self._ones:
                all_X[k, :n, :-1].copy_(rows.X[index])
            else:
                each_part(functools.partial(_laid_in, k), all_X, rows.X[index])
            all_y[k, :n] = rows.y[index]  # type: ignore[index]
            if all_w is not None:
                all_w[k, :n] = 1 if rows.weight is None else rows.weight[index]
        return all_X, all_y, all_w


def _laid_in(k: int, rows: Tensor, its: Tensor) -> None:
    """Lay the rows of a member in its place."""
    rows[k, : len(its)].copy_(its)
    if not its.is_floating_point():  # a mask of zeros, or a number that is none of its kind, may not be computed
        rows[k, len(its) :].copy_(its[:1].expand(rows.shape[1] - len(its), *its.shape[1:]))
