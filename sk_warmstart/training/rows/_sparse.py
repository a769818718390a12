"""Sparse rows on the device, made dense one batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._tensors import as_tensor


class SparseMatrix:
    """A sparse table in CSR as tensors: rows are taken sparse, and handed to a network dense.

    Indexing gives what indexing the dense tensor would give. ``starts`` has one entry more than there are rows;
    within a row no column occurs twice.
    """

    def __init__(self, starts: Tensor, columns: Tensor, values: Tensor, n_columns: int):
        self.starts, self.columns, self.values, self.n_columns = starts, columns, values, n_columns

    @classmethod
    def from_scipy(cls, X: Any, dtype: torch.dtype | None, device: str | torch.device) -> SparseMatrix:
        """Put a matrix of SciPy's on a device, without a copy of the values where that is safe."""
        X = X.tocsr()
        if not X.has_canonical_format:
            X = X.copy()  # it is the user's
            X.sum_duplicates()
        used = int(X.indptr[-1])
        return cls(
            as_tensor(X.indptr, torch.int64, device),
            as_tensor(X.indices[:used], None, device),
            as_tensor(X.data[:used], dtype, device),
            X.shape[1],
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> torch.Size:
        """Number of rows and columns."""
        return torch.Size((len(self), self.n_columns))

    @property
    def dtype(self) -> torch.dtype:
        """Of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values live."""
        return self.values.device

    @property
    def nbytes(self) -> int:
        """Memory of the table as it is kept."""
        return self.starts.nbytes + self.columns.nbytes + self.values.nbytes

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, slice) or np.ndim(index):
            return self.take(index).dense()
        return self.take(torch.as_tensor([index], device=self.device)).dense()[0]

    def take(self, index: slice | Tensor | np.ndarray) -> SparseMatrix:
        """Return the rows at an index, still sparse."""
        if isinstance(index, slice):
            first, stop, step = index.indices(len(self))
            if step == 1:
                starts = self.starts[first : max(first, stop) + 1]
                part = slice(int(starts[0]), int(starts[-1]))
                return self._of(starts - starts[0], part)
        first_value, stop_value = self.starts[:-1][index], self.starts[1:][index]
        sizes = stop_value - first_value
        ends = sizes.cumsum(0)
        shift = (first_value - ends + sizes).repeat_interleave(sizes)
        return self._of(torch.cat([ends.new_zeros(1), ends]), torch.arange(len(shift), device=self.device) + shift)

    def dense(self) -> Tensor:
        """Return all rows as a new dense tensor of shape (n_samples, n_features)."""
        dense = self.values.new_zeros(self.shape)
        first = torch.arange(len(self), device=self.device) * self.n_columns
        dense.view(-1)[first.repeat_interleave(self.starts.diff()) + self.columns] = self.values
        return dense

    def _of(self, starts: Tensor, where: slice | Tensor) -> SparseMatrix:
        return SparseMatrix(starts, self.columns[where], self.values[where], self.n_columns)
