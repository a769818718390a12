"""Rows on the device, and batches cut from them in the order that a DataLoader would choose."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ._parts import Stored, as_batch, as_sent, as_taken, taken
from ._permutation import advance_past_randperm
from ._streaming import Batch, one_ahead
from ._tensors import picked

# Above this size one permuted copy per epoch costs more memory than it saves time.
_PERMUTED_COPY_LIMIT = 256 * 2**20


class Rows(Dataset):
    """Data of a fit as tensors, also a torch ``Dataset`` for a DataLoader.

    X may be one tensor, sparse, narrow or in several parts (:class:`Parts`); a batch of it is dense and as the
    network takes it: a tensor, a dictionary or a tuple of tensors. Weights have mean 1. ``travels_to`` is where
    batches are wanted, if the rows do not fit there and stay in host memory; None: they lie where they are used.
    """

    def __init__(
        self,
        X: Stored,
        y: Tensor | None = None,
        weight: Tensor | None = None,
        travels_to: torch.device | None = None,
    ):
        self.X, self.y, self.weight, self.travels_to = X, y, weight, travels_to

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, i: int) -> tuple[Any, ...]:
        # DataLoaders cannot collate None: skorch's own Dataset gives a zero for an absent target.
        y = torch.zeros(()) if self.y is None else self.y[i]
        return (self.X[i], y) if self.weight is None else (self.X[i], y, self.weight[i])

    @property
    def device(self) -> torch.device:
        """Where batches are; the rows themselves may be elsewhere."""
        return self.X.device if self.travels_to is None else self.travels_to

    def take(self, index: Tensor | np.ndarray | Sequence[int] | slice) -> Rows:
        """Return the rows at positions, or of a mask; sparse where these are.

        A dense X is a copy: a module may work on its input in place.
        """
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.X.device)
        return Rows(
            taken(self.X, index),
            None if self.y is None else picked(self.y, index),
            None if self.weight is None else picked(self.weight, index),
            self.travels_to,
        )

    def batch(self, index: Tensor | slice) -> Batch:
        """Return X, y and weight at an index as a network takes them: on :attr:`device`, X dense and a copy."""
        if self.travels_to is not None:
            return next(iter(self.batches([index])))
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.X.device)
        y, weight = (None if part is None else picked(part, index) for part in (self.y, self.weight))
        return as_batch(self.X, index), y, weight

    def batches(self, indices: Iterable[Tensor | slice]) -> Iterator[Batch]:
        """Return :meth:`batch` of each index; where rows travel, the next batch does while one is used."""
        if self.travels_to is None:
            return map(self.batch, indices)
        sent = one_ahead(map(self._here, indices), self.travels_to)
        return ((as_taken(self.X, X), y, weight) for X, y, weight in sent)

    def _here(self, index: Tensor | slice) -> Batch:
        part = self.take(index)
        return as_sent(part.X), part.y, part.weight

    def evenly(self, n: int) -> Rows:
        """Return at most n rows, evenly spaced."""
        step = -(-len(self) // n)
        return self if step <= 1 else self.take(slice(None, None, step))


class TensorBatches:
    """Iterate over :class:`Rows` in batches, without a DataLoader's cost a row.

    It draws random numbers as a DataLoader does, so both visit the rows in the same order.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
    ):
        if not batch_size > 0:
            raise ValueError(f"batch_size must be a positive integer or -1, got {batch_size!r}")
        self.dataset, self.batch_size, self.shuffle = rows, int(batch_size), shuffle
        self.drop_last, self.generator = drop_last, generator
        self.trainer: Any = None  # what a loop has built for these rows, for its next epoch
        self.graphed: Any = None  # and what it has recorded

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        rows, size = self.dataset, self.batch_size
        with self.order() as order:
            if order is not None and rows.X.nbytes <= _PERMUTED_COPY_LIMIT:
                rows, order = rows.take(order), None
            parts = (slice(first, first + size) for first in range(0, len(self) * size, size))
            for X, y, weight in rows.batches(parts if order is None else (order[part] for part in parts)):
                yield (X, y) if weight is None else (X, y, weight)

    @contextlib.contextmanager
    def order(self) -> Iterator[Tensor | None]:
        """Give the order of one pass, None for that of the rows, and draw as a DataLoader before and after it."""
        self._draw()  # the seed that a DataLoader draws for its workers, used or not
        order = None
        if self.shuffle:
            order = torch.randperm(len(self.dataset), generator=self._sampler_generator())
            order = order.to(self.dataset.X.device)
        yield order
        if self.shuffle and self.generator is not None:
            # torch's sampler ends with one that it does not use
            advance_past_randperm(len(self.dataset), self.generator)

    def _draw(self) -> int:
        return int(torch.empty((), dtype=torch.int64).random_(generator=self.generator))

    def _sampler_generator(self) -> torch.Generator:
        """A DataLoader's sampler seeds its own generator only where none was given."""
        if self.generator is not None:
            return self.generator
        return torch.Generator().manual_seed(self._draw())
