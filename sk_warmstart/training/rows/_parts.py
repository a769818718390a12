"""Rows on the device in several tensors, or in numbers of fewer bytes than a network takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._sparse import SparseMatrix
from ._tensors import picked

_FEW_AT_ONCE = 256  # rows of texts: a network holds far more of each than its numbers
_MOST_AT_ONCE = 4096
_MOST_NUMBERS = 2**24  # of a wide table fewer rows: sparse ones are made dense


class Narrow:
    """A tensor of small whole numbers, such as the bytes of images, that is cast one batch at a time."""

    def __init__(self, tensor: Tensor, dtype: torch.dtype):
        self.tensor, self.dtype = tensor, dtype

    def __len__(self) -> int:
        return len(self.tensor)

    @property
    def shape(self) -> torch.Size:
        """Of all rows."""
        return self.tensor.shape

    @property
    def device(self) -> torch.device:
        """Where the rows live."""
        return self.tensor.device

    @property
    def nbytes(self) -> int:
        """Memory of the rows as they are kept."""
        return self.tensor.nbytes

    def __getitem__(self, index: Any) -> Tensor:
        return self.tensor[index].to(self.dtype)

    def take(self, index: slice | Tensor) -> Narrow:
        """Return the rows at an index, not yet cast."""
        return Narrow(taken(self.tensor, index), self.dtype)


Part = Tensor | SparseMatrix | Narrow


class Parts:
    """Rows in several tensors: a dictionary by the names of the network's arguments, or a tuple.

    Indexing gives the dictionary, or the tuple, of what indexing each part gives.
    """

    def __init__(self, parts: Mapping[str, Part], named: bool = True):
        self.parts, self.named = dict(parts), named
        self._first = next(iter(self.parts.values()))

    def __len__(self) -> int:
        return len(self._first)

    @property
    def device(self) -> torch.device:
        """Where the rows live."""
        return self._first.device

    @property
    def nbytes(self) -> int:
        """Memory of the rows as they are kept."""
        return sum(part.nbytes for part in self.parts.values())

    def __getitem__(self, index: Any) -> Any:
        return self.shaped({name: part[index] for name, part in self.parts.items()})

    def take(self, index: slice | Tensor) -> Parts:
        """Return the rows at an index, as they are kept."""
        return Parts({name: taken(part, index) for name, part in self.parts.items()}, self.named)

    def shaped(self, values: Mapping[str, Any]) -> Any:
        """Return one value for each part as a network takes them: a dictionary, or a tuple."""
        return dict(values) if self.named else tuple(values.values())


Stored = Part | Parts


def taken(X: Any, index: slice | Tensor) -> Any:
    """Return the rows at an index, as they are kept; a dense tensor is a copy."""
    if not isinstance(X, Tensor):
        return X.take(index)
    return X[index].clone() if isinstance(index, slice) else picked(X, index)


def as_batch(X: Any, index: slice | Tensor) -> Any:
    """Return the rows at an index as a network takes them, in tensors of their own."""
    if isinstance(X, Tensor):
        return taken(X, index)
    if isinstance(X, Parts):
        return X.shaped({name: as_batch(part, index) for name, part in X.parts.items()})
    return X[index]


def as_sent(X: Stored) -> Any:
    """Return rows as tensors that may travel: dense, and not yet cast."""
    if isinstance(X, Parts):
        return X.shaped({name: as_sent(part) for name, part in X.parts.items()})
    return X.dense() if isinstance(X, SparseMatrix) else X.tensor if isinstance(X, Narrow) else X


def as_taken(X: Stored, sent: Any) -> Any:
    """Cast what :func:`as_sent` gave of some rows of X, to what the network takes."""
    if isinstance(X, Parts):
        casts = {name: part.dtype for name, part in X.parts.items() if isinstance(part, Narrow)}
        if not casts:
            return sent
        values = sent if X.named else dict(zip(X.parts, sent, strict=True))
        return X.shaped({name: value.to(casts.get(name, value.dtype)) for name, value in values.items()})
    return sent.to(X.dtype) if isinstance(X, Narrow) else sent


def kind_of(X: Stored) -> Any:
    """Return what two inputs must have in common to go through one network together: all but the rows."""
    if isinstance(X, Parts):
        return X.named, tuple((name, kind_of(part)) for name, part in X.parts.items())
    return str(X.device), tuple(X.shape[1:]), X.dtype


def row_size(X: Stored) -> int:
    """Return how many numbers a row has."""
    if isinstance(X, Parts):
        return sum(row_size(part) for part in X.parts.values())
    return int(np.prod(X.shape[1:], dtype=np.int64))


def rows_at_once(X: Stored) -> int:
    """Return how many rows may be evaluated at once: fewer of a wide table, few of texts."""
    parts = list(X.parts.values()) if isinstance(X, Parts) else [X]
    most = _MOST_AT_ONCE if len(parts) == 1 and parts[0].dtype.is_floating_point else _FEW_AT_ONCE
    return max(1, min(most, _MOST_NUMBERS // max(1, row_size(X))))


def has_sparse(X: Stored) -> bool:
    """Tell whether any of the rows are sparse."""
    return isinstance(X, SparseMatrix) or (isinstance(X, Parts) and any(map(has_sparse, X.parts.values())))
