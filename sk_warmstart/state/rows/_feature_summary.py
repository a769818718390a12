"""How each column was spread when a network was trained: what drift is judged by, without keeping rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._identity import canonical

_CHUNK = 1 << 14  # numbers held in double precision at a time: they stay in the processor's cache
_BLOCK = 1 << 20  # numbers of the sample sorted at a time
_SAMPLE = 10_000  # rows that deciles are taken from and bins are counted on, at most
_DECILES = np.arange(1, 10) / 10
_COUNTS = {"zero_counts", "bins"}


@dataclass(frozen=True, eq=False)
class FeatureSummary:
    """The spread of each column of the rows that a network was trained on.

    Moments and extremes are of all rows. Bins and zeros are of a sample: of the rows of each call at most
    10,000, evenly spaced, in single precision, so that a table counts alike in float32 and float64. A column
    with a missing value has missing moments.

    Parameters
    ----------
    count : float
        How many rows.
    mean : ndarray of shape (n_features,)
        Their mean.
    m2 : ndarray of shape (n_features,)
        Sum of the squared differences from the mean.
    minimum, maximum : ndarray of shape (n_features,)
        The extremes.
    zero_counts : ndarray of shape (n_features,)
        How many rows of the sample are exactly zero.
    edges : ndarray of shape (n_features, 9)
        Inner deciles of the first rows; they stay as they are when rows are added.
    bins : ndarray of shape (n_features, 10)
        How many rows of the sample lie in each bin. A value's bin is the number of edges not above it.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import FeatureSummary
    >>> summary = FeatureSummary.from_rows(np.arange(100.0)[:, None])
    >>> summary.bins[0].tolist()
    [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]
    >>> later = summary.updated(np.full((20, 1), 95.0))
    >>> later.count, later.bins[0, -1].item()
    (120.0, 30.0)
    """

    count: float
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    zero_counts: NDArray[np.float64]
    edges: NDArray[np.float64]
    bins: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.asarray(getattr(self, name), dtype=np.float64).view()
            expected = (len(self.mean), *_WIDTHS.get(name, ()))
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
        edges = np.empty((n_features, 9))
        bins, zeros = np.empty((n_features, 10)), np.empty(n_features)
        for block, values in _sample(table):
            edges[block] = _deciles(values)
            bins[block], zeros[block] = _tally(values, edges[block])
        return cls(*_moments(table), zeros, edges, bins)

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
        if table.shape[1] != len(self.mean):
            raise ValueError(f"the summary has {len(self.mean)} columns, the rows have {table.shape[1]}")
        if not table.shape[0]:
            return self
        bins, zeros = self.bins.copy(), self.zero_counts.copy()
        for block, values in _sample(table):
            new_bins, new_zeros = _tally(values, self.edges[block])
            bins[block] += new_bins
            zeros[block] += new_zeros
        mine = (self.count, self.mean, self.m2, self.minimum, self.maximum)
        return FeatureSummary(*_merged(mine, _moments(table)), zeros, self.edges, bins)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each column, of the rows themselves (divided by ``count``)."""
        return np.sqrt(self.m2 / self.count)

    @property
    def zeros(self) -> NDArray[np.float64]:
        """Share of exact zeros in each column; missing where no row was counted."""
        counted = self.bins.sum(axis=1)
        return np.divide(self.zero_counts, counted, out=np.full(len(counted), np.nan), where=counted > 0)

    def take(self, index: NDArray[np.integer]) -> FeatureSummary:
        """Choose and reorder columns.

        Parameters
        ----------
        index : ndarray of int, shape (n_new_features,)
            For each new column the old one, or -1 where there is none: its statistics are missing (NaN) and
            its counts are zero, also after rows were added.

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
        if index.size and (index.min() < -1 or index.max() >= len(self.mean)):
            raise ValueError(f"columns must lie in -1..{len(self.mean) - 1}, got {index.min()}..{index.max()}")
        new = {}
        for name in _ARRAYS:
            old = getattr(self, name)
            missing = np.full((1, *old.shape[1:]), 0.0 if name in _COUNTS else np.nan)
            new[name] = np.concatenate([old, missing])[index]  # -1 is the last row
        return replace(self, **new)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the content as arrays by name.

        Returns
        -------
        dict of str to ndarray
            What :meth:`from_arrays` takes.
        """
        return {field.name: np.asarray(getattr(self, field.name), dtype=np.float64) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> FeatureSummary:
        """Make a summary from the arrays that :meth:`to_arrays` returned.

        Parameters
        ----------
        arrays : mapping from str to ndarray
            The arrays, by name. They are not copied.

        Returns
        -------
        FeatureSummary
            Equal to the one that was stored.

        Raises
        ------
        ValueError
            If an array is absent or has a wrong shape.
        """
        names = {field.name for field in fields(cls)}
        if names != set(arrays):
            raise ValueError(f"a feature summary has {sorted(names)}, got {sorted(arrays)}")
        count = np.asarray(arrays["count"])
        if count.size != 1:
            raise ValueError(f"count has shape {count.shape}, expected one number")
        return cls(count=float(count.item()), **{name: arrays[name] for name in _ARRAYS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FeatureSummary):
            return NotImplemented
        mine, theirs = self.to_arrays(), other.to_arrays()
        return all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"FeatureSummary({len(self.mean)} columns, {self.count:g} rows)"


_ARRAYS = [field.name for field in fields(FeatureSummary) if field.name != "count"]
_WIDTHS = {"edges": (9,), "bins": (10,)}
_Moments = tuple[float, NDArray, NDArray, NDArray, NDArray]  # count, mean, m2, minimum, maximum


def _table(X: Any) -> Any:
    """The rows as a 2-D array or a compressed sparse one."""
    table = X if sparse.issparse(X) else np.asarray(X)
    if table.dtype.kind not in "biuf":
        raise TypeError(f"a summary is made of numbers, but X has dtype {table.dtype}")
    if sparse.issparse(table):
        return canonical(table).astype(np.float64)
    if table.ndim == 0:
        raise ValueError("X must hold rows, but is a single number")
    return table.reshape(len(table), math.prod(table.shape[1:]))


def _moments(table: Any) -> _Moments:
    with np.errstate(all="ignore"):
        return _sparse_moments(table) if sparse.issparse(table) else _dense_moments(table)


def _dense_moments(table: NDArray) -> _Moments:
    """One pass in chunks, which are added up entry by entry: far faster than a sum per column in each."""
    n_rows, n_features = table.shape
    step = max(1, _CHUNK // max(1, n_features))
    lowest, highest = table[:step].copy(order="K"), table[:step].copy(order="K")
    centre = _columns(table[: min(step, 1000)]).mean(axis=1, dtype=np.float64)
    centre[~np.isfinite(centre)] = 0  # one infinite value shall not make the others infinite
    values = np.empty_like(lowest, dtype=np.float64)
    sums, squares = np.zeros_like(values), np.zeros_like(values)
    working = (lowest, highest, values, sums, squares)
    for first in range(0, n_rows, step):
        chunk = table[first : first + step]
        low, high, value, total, square = (array[: len(chunk)] for array in working)
        np.minimum(low, chunk, out=low)
        np.maximum(high, chunk, out=high)
        np.copyto(value, chunk)
        value -= centre
        total += value
        np.square(value, out=value)
        square += value
    total = _columns(sums).sum(axis=1)
    m2 = np.maximum(_columns(squares).sum(axis=1) - total * total / n_rows, 0)
    minimum, maximum = _columns(lowest).min(axis=1), _columns(highest).max(axis=1)
    return float(n_rows), centre + total / n_rows, m2, minimum.astype(np.float64), maximum.astype(np.float64)


def _columns(rows: NDArray) -> NDArray:
    """One column per line of memory: reductions along lines are vectorised."""
    return np.ascontiguousarray(rows.T)


def _sparse_moments(table: Any) -> _Moments:
    n_rows, n_features = table.shape

    def column_sums(values: NDArray) -> NDArray:
        return np.bincount(table.indices, weights=values, minlength=n_features)

    mean = column_sums(table.data) / n_rows
    absent = n_rows - np.bincount(table.indices, minlength=n_features)
    m2 = column_sums((table.data - mean[table.indices]) ** 2) + absent * mean**2
    by_column = table.tocsc()
    minimum, maximum = (extreme(axis=0).toarray().ravel() for extreme in (by_column.min, by_column.max))
    return float(n_rows), mean, m2, minimum, maximum


def _merged(a: _Moments, b: _Moments) -> _Moments:
    """Moments of both: the parallel formula of Chan, Golub and LeVeque (1983)."""
    with np.errstate(all="ignore"):
        count = a[0] + b[0]
        shift = b[1] - a[1]
        mean = a[1] + shift * (b[0] / count)
        m2 = a[2] + b[2] + shift * shift * (a[0] * b[0] / count)
        return count, mean, m2, np.minimum(a[3], b[3]), np.maximum(a[4], b[4])


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
    n_rows = lines.shape[1]
    ranks = np.minimum(np.round(_DECILES * n_rows).astype(np.intp), n_rows - 1)
    return lines[:, ranks]


def _tally(lines: NDArray[np.float32], edges: NDArray) -> tuple[NDArray, NDArray]:
    """Rows in each bin, and zeros; missing values count in the last bin."""
    n_features, n_rows = lines.shape
    bounds = np.zeros((n_features, 11), dtype=np.float32)
    bounds[:, :9] = edges
    bounds[:, 10] = np.finfo(np.float32).smallest_subnormal  # zeros lie between it and 0, the tenth
    ranks = np.array(
        [line.searchsorted(bound) for line, bound in zip(lines, bounds, strict=True)], dtype=np.float64
    )
    ranks = ranks.reshape(n_features, 11)
    bins = np.diff(ranks[:, :9], axis=1, prepend=0, append=n_rows)
    zeros = ranks[:, 10] - ranks[:, 9]
    unknown = np.isnan(edges[:, 0])
    bins[unknown], zeros[unknown] = 0, 0
    return bins, zeros
