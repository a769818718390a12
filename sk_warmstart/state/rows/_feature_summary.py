"""Decile bins of the columns that a network was trained on, which drift is judged by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._identity import canonical

_BLOCK = 1 << 20  # numbers of the sample sorted at a time
_SAMPLE = 10_000  # rows that deciles are taken from and bins are counted on, at most
_DECILES = np.arange(1, 10) / 10
_TINY = np.finfo(np.float32).tiny  # smaller numbers are zero where denormal ones are flushed


@dataclass(frozen=True, eq=False)
class FeatureSummary:
    """The spread of each column of the rows that a network was trained on.

    Bins count a sample: of the rows of each call at most 10,000, evenly spaced, in single precision, so that a
    table counts alike in float32 and float64.

    Parameters
    ----------
    edges : ndarray of shape (n_features, 9)
        Inner deciles of the first rows; they stay as they are when rows are added. Of several equal ones the last
        is the next greater number, so that a value which many rows have is alone in its bin.
    bins : ndarray of shape (n_features, 10)
        How many rows of the sample lie in each bin. A value's bin is the number of edges not above it.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import FeatureSummary
    >>> summary = FeatureSummary.from_rows(np.arange(100.0)[:, None])
    >>> summary.bins[0].tolist()
    [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]
    >>> summary.updated(np.full((20, 1), 95.0)).bins[0, -1].item()
    30.0
    """

    edges: NDArray[np.float64]
    bins: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, width in (("edges", 9), ("bins", 10)):
            array = np.asarray(getattr(self, name), dtype=np.float64).view()
            expected = (len(self.edges), width)
            if array.shape != expected:
                raise ValueError(f"{name} has shape {array.shape}, expected {expected}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_rows(cls, X: NDArray | sparse.spmatrix | sparse.sparray) -> FeatureSummary:
        """Describe rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...) or sparse matrix of shape (n_samples, n_features)
            Numeric rows; further axes are flattened.

        Returns
        -------
        FeatureSummary
            Their description.

        Raises
        ------
        TypeError
            If the values are not numbers.
        ValueError
            If there are no rows.
        """
        table = _table(X)
        if not table.shape[0]:
            raise ValueError("a summary needs at least one row")
        n_features = table.shape[1]
        edges, bins = np.empty((n_features, 9)), np.empty((n_features, 10))
        for block, values in _sample(table):
            edges[block] = _deciles(values)
            bins[block] = _tally(values, edges[block])
        return cls(edges, bins)

    def updated(self, X: NDArray | sparse.spmatrix | sparse.sparray) -> FeatureSummary:
        """Add rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...) or sparse matrix of shape (n_samples, n_features)
            New rows with the same columns.

        Returns
        -------
        FeatureSummary
            The description of all rows; this one is unchanged.

        Raises
        ------
        TypeError
            If the values are not numbers.
        ValueError
            If the number of columns differs.
        """
        table = _table(X)
        if table.shape[1] != len(self.bins):
            raise ValueError(f"the summary has {len(self.bins)} columns, the rows have {table.shape[1]}")
        if not table.shape[0]:
            return self
        bins = self.bins.copy()
        for block, values in _sample(table):
            bins[block] += _tally(values, self.edges[block])
        return FeatureSummary(self.edges, bins)

    def take(self, index: NDArray[np.integer]) -> FeatureSummary:
        """Choose and reorder columns.

        Parameters
        ----------
        index : ndarray of int, shape (n_new_features,)
            For each new column the old one, or -1 where there is none: its edges are NaN and its bins are
            empty, also after rows were added.

        Returns
        -------
        FeatureSummary
            The description of the new columns.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        index = np.asarray(index, dtype=np.intp)
        if index.size and (index.min() < -1 or index.max() >= len(self.bins)):
            raise ValueError(f"columns must lie in -1..{len(self.bins) - 1}, got {index.min()}..{index.max()}")
        edges = np.vstack([self.edges, np.full((1, 9), np.nan)])[index]  # -1 is the last row
        return FeatureSummary(edges, np.vstack([self.bins, np.zeros((1, 10))])[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FeatureSummary):
            return NotImplemented
        return np.array_equal(self.edges, other.edges, equal_nan=True) and np.array_equal(self.bins, other.bins)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FeatureSummary({len(self.bins)} columns)"


def _table(X: Any) -> Any:
    """The rows as a 2-D array or a compressed sparse one."""
    table = X if sparse.issparse(X) else np.asarray(X)
    if table.dtype.kind not in "biuf":
        raise TypeError(f"a summary is made of numbers, but X has dtype {table.dtype}")
    if sparse.issparse(table):
        return canonical(table)
    if table.ndim == 0:
        raise ValueError("X must hold rows, but is a single number")
    return table.reshape(len(table), math.prod(table.shape[1:]))


def _sample(table: Any) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Evenly spaced rows in single precision, a block of columns at a time, one sorted column per line."""
    rows = table[:: max(1, -(-table.shape[0] // _SAMPLE))]
    rows = rows.tocsc() if sparse.issparse(rows) else rows
    width = max(1, _BLOCK // rows.shape[0])
    for first in range(0, rows.shape[1], width):
        block = slice(first, first + width)
        values = rows[:, block]
        values = values.toarray() if sparse.issparse(values) else values
        with np.errstate(all="ignore"):
            lines = values.T.astype(np.float32, order="C")
        lines.sort(axis=1)
        yield block, lines


def _deciles(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inner deciles of sorted rows, each a value that occurs; after several equal ones the next number.

    So a value that many rows have is alone in a bin, and all others show, be they smaller or greater.
    """
    n_rows = lines.shape[1]
    ranks = np.minimum(np.round(_DECILES * n_rows).astype(np.intp), n_rows - 1)
    edges = lines[:, ranks]
    follows = edges[:, 1:] == edges[:, :-1]
    last = follows & np.pad(~follows[:, 1:], ((0, 0), (0, 1)), constant_values=True)
    above = np.maximum(np.nextafter(edges, np.float32(np.inf)), np.where(edges == 0, _TINY, -np.inf))
    edges[:, 1:][last] = above[:, 1:][last].astype(np.float32)
    return edges


def _tally(lines: NDArray[np.float32], edges: NDArray) -> NDArray[np.float64]:
    """Count the rows in each bin; missing values count in the last one."""
    n_features, n_rows = lines.shape
    bounds = edges.astype(np.float32)
    ranks = [line.searchsorted(bound, side="left") for line, bound in zip(lines, bounds, strict=True)]
    counts = np.diff(np.reshape(ranks, (n_features, 9)), axis=1, prepend=0, append=n_rows).astype(np.float64)
    counts[np.isnan(edges[:, 0])] = 0
    return counts
