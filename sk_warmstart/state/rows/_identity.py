"""Which row is which: content hashes, and the side of the validation split that they decide."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SALT = np.uint64(0x5EED5EED5EED5EED)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
_CHUNK = 1 << 15  # numbers hashed at a time: the buffers stay in the processor's cache


def row_ids(
    X: NDArray | sparse.spmatrix | sparse.sparray | Mapping[str, Any] | tuple[Any, ...],
    columns: Sequence[str] | None = None,
) -> NDArray[np.uint64]:
    """Hash each row by its content.

    The hash adds up over the non-zero (column, value) pairs, so with named columns neither their order nor
    new all-zero columns change it, and a sparse table has the ids of its dense equal. Values count in single
    precision, as a network sees them: a table has the same ids in float32 and float64, and numbers that
    float32 cannot tell apart (integers beyond 2**24 that are neighbours, floats that agree in 7 digits) are
    the same. Rows that differ in such a column alone need :func:`sample_ids`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...) or sparse matrix of shape (n_samples, n_features)
        Numeric rows; further axes are flattened. Every missing value (NaN) is the same value. Of a dictionary of
        them all parts count, by their names and in any order; of a tuple by their places. A single part has the
        ids of the array alone.
    columns : sequence of str, default=None
        Names of the columns. Without names a column is known by its position.

    Returns
    -------
    ndarray of uint64, shape (n_samples,)
        One id per row, uniform over all 64-bit numbers.

    Raises
    ------
    TypeError
        If the values are not numbers.
    ValueError
        If there are no rows to speak of (a scalar), or not as many names as columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import row_ids
    >>> a = row_ids(np.array([[1.0, 2.0]]), columns=["x", "y"])
    >>> b = row_ids(np.array([[2.0, 0.0, 1.0]]), columns=["y", "new", "x"])
    >>> bool(a[0] == b[0])
    True
    """
    if isinstance(X, Mapping | tuple) and not sparse.issparse(X):
        return _ids_of_parts(dict(X) if isinstance(X, Mapping) else {str(i): part for i, part in enumerate(X)})
    table: Any = X if sparse.issparse(X) else np.asarray(X)
    if table.dtype.kind not in "biufO":
        raise TypeError(
            f"rows are hashed by their numbers, but X has dtype {table.dtype}: encode it first, or give ids"
        )
    if table.ndim == 0 or (sparse.issparse(table) and table.ndim != 2):
        raise ValueError(f"X must hold rows, but has shape {table.shape}")
    n_columns = math.prod(table.shape[1:])
    if columns is not None and len(columns) != n_columns:
        raise ValueError(f"there are {len(columns)} names for {n_columns} columns")
    keys = _column_keys(n_columns, columns)
    # A zero overflows nothing; infinite, subnormal and missing values are values like others.
    with np.errstate(all="ignore"):
        sums = _sparse_sums(table, keys) if sparse.issparse(table) else _dense_sums(table, keys)
    for first in range(0, len(sums), _CHUNK):
        part = sums[first : first + _CHUNK]
        part[:] = mix(part + _GOLDEN)
    return sums


def _ids_of_parts(parts: Mapping[str, Any]) -> NDArray[np.uint64]:
    """Add up the ids of each part, moved by the name of the part."""
    each = [row_ids(part) for part in parts.values()]
    if len(each) == 1:
        return each[0]
    total = np.zeros(len(each[0]), dtype=np.uint64)
    for key, ids in zip(_text_ids(list(parts)), each, strict=True):
        total += mix(ids ^ key)
    return mix(total + _GOLDEN)


def sample_ids(sample_id: ArrayLike) -> NDArray[np.uint64]:
    """Hash identities that the user gave.

    Equal identities have equal ids whatever holds them: a list, an array, a pandas Index, Series or
    Categorical; 5, ``np.int32(5)`` and 5.0 are equal, 5 and "5" are not.

    Parameters
    ----------
    sample_id : array-like of shape (n_samples,)
        Integers, strings, dates (or anything with a stable ``str``). Dates of NumPy count to the nanosecond.

    Returns
    -------
    ndarray of uint64, shape (n_samples,)
        One id per row.

    Raises
    ------
    ValueError
        If an identity is missing (None, NaN, NaT), or the array is not one-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import sample_ids
    >>> bool((sample_ids([5, 7]) == sample_ids(np.array([5, 7], dtype=np.int32))).all())
    True
    """
    # A list as it is: NumPy would make texts of [1, "a"] and floats of [-1, 2**63].
    values = np.asarray(sample_id) if hasattr(sample_id, "__array__") else np.array(sample_id, dtype=object)
    if values.ndim != 1:
        raise ValueError(f"sample_id must have one entry per row, but has shape {values.shape}")
    if values.dtype.kind in "iub":
        return _integer_ids(values)
    if values.dtype.kind == "f":
        return _float_ids(values)
    if values.dtype.kind == "M":
        return _time_ids(values)
    return _object_ids(values.tolist())


def validation_place(ids: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return a uniform number in [0, 1) for each row, from its identity alone; those below the fraction validate.

    A row is therefore on the same side in every fit, however the data grow and whatever the seed; and
    equal rows are on the same side.
    """
    return (mix(ids ^ _SALT) >> np.uint64(11)).astype(np.float64) / 2.0**53


def validation_mask(ids: NDArray[np.uint64], fraction: float) -> NDArray[np.bool_]:
    """Decide from its identity alone whether a row validates."""
    return validation_place(ids) < fraction


def _dense_sums(X: NDArray, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    flat = X.reshape(len(X), len(keys))
    sums = np.zeros(len(flat), dtype=np.uint64)
    step = max(1, _CHUNK // max(1, len(keys)))
    buffers = _buffers(step * len(keys))
    for first in range(0, len(flat), step):
        rows = slice(first, first + step)
        np.einsum("ij,j->i", _codes(flat[rows], buffers), keys, out=sums[rows])
    return sums


def _sparse_sums(X: Any, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    X = canonical(X)
    running = np.zeros(X.nnz + 1, dtype=np.uint64)
    buffers = _buffers(_CHUNK)
    for first in range(0, X.nnz, _CHUNK):
        some = slice(first, min(first + _CHUNK, X.nnz))
        np.multiply(
            _codes(X.data[some], buffers), keys[X.indices[some]], out=running[some.start + 1 : some.stop + 1]
        )
    np.cumsum(running, out=running)  # wraps, and so do the differences
    return running[X.indptr[1:]] - running[X.indptr[:-1]]


def canonical(X: Any) -> Any:
    """Compress a sparse matrix by rows, every entry once; the matrix given stays as it is."""
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _buffers(size: int) -> tuple[NDArray[np.float32], NDArray[np.uint64], NDArray[np.uint64]]:
    return np.empty(size, np.float32), np.empty(size, np.uint64), np.empty(size, np.uint64)


def _codes(values: NDArray, buffers: tuple[NDArray, NDArray, NDArray]) -> NDArray[np.uint64]:
    """64 bits per number, 0 for zero; to be multiplied by the column's odd key and summed."""
    floats, codes, spare = (buffer[: values.size].reshape(values.shape) for buffer in buffers)
    np.copyto(floats, values, casting="unsafe")
    floats += np.float32(0)  # -0.0 becomes 0.0
    if np.isnan(floats.max(initial=0)):
        floats[np.isnan(floats)] = np.nan  # one of the many bit patterns
    np.multiply(floats.view(np.uint32), _SPREAD, out=codes, dtype=np.uint64)
    # The low bits of round numbers are zero, and a product never carries high bits down.
    np.right_shift(codes, _HALF, out=spare)
    np.bitwise_xor(codes, spare, out=codes)
    return codes


def _column_keys(n_columns: int, columns: Sequence[str] | None) -> NDArray[np.uint64]:
    """One odd key per column: odd, so that no change of a single value is lost."""
    if columns is None:
        keys = mix(np.arange(1, n_columns + 1, dtype=np.uint64) * _GOLDEN)
    else:
        keys = _text_ids([str(name) for name in columns])
    return keys | np.uint64(1)


def _integer_ids(values: NDArray) -> NDArray[np.uint64]:
    if values.dtype.kind == "u":
        bits = values.astype(np.uint64)
        bits[bits >> np.uint64(63) == 1] ^= _SALT  # else 2**64 - 1 would be -1
    else:
        bits = values.astype(np.int64).view(np.uint64)
    return mix(bits + _GOLDEN)


def _float_ids(values: NDArray) -> NDArray[np.uint64]:
    values = values.astype(np.float64)
    _refuse_missing(np.isnan(values))
    whole = (np.floor(values) == values) & (np.abs(values) < 2.0**63)
    ids = mix(values.view(np.uint64) ^ _SALT)
    ids[whole] = _integer_ids(values[whole].astype(np.int64))
    return ids


def _time_ids(values: NDArray) -> NDArray[np.uint64]:
    _refuse_missing(np.isnat(values))
    seconds = values.astype("datetime64[s]")  # years too far for nanoseconds have seconds
    rest = (values - seconds).astype("timedelta64[ns]")
    return mix(mix(seconds.view(np.uint64) + _GOLDEN) + rest.view(np.uint64))


def _object_ids(values: list[Any]) -> NDArray[np.uint64]:
    kinds = set(map(type, values))
    if all(issubclass(kind, (str, bytes)) for kind in kinds):
        return _text_ids(values)
    if all(issubclass(kind, (int, np.integer)) for kind in kinds):
        try:
            return _integer_ids(np.array(values, dtype=np.int64))
        except OverflowError:
            pass
    _refuse_missing(np.array([_is_missing(value) for value in values]))
    return np.array([_object_id(value) for value in values], dtype=np.uint64)


def _object_id(value: Any) -> int:
    if isinstance(value, (int, np.integer, np.bool_)):
        number = int(value)
        if -(2**63) <= number < 2**64:
            return int(_integer_ids(np.array([number], dtype=np.int64 if number < 2**63 else np.uint64))[0])
    if isinstance(value, (float, np.floating)):
        return int(_float_ids(np.array([value]))[0])
    if isinstance(value, np.datetime64):
        return int(_time_ids(np.array([value]))[0])
    if isinstance(value, tuple):
        value = ",".join(str(_object_id(part)) for part in value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return int(_text_ids([value if isinstance(value, bytes) else str(value)])[0])


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA is neither true nor false
        return True


def _refuse_missing(missing: NDArray[np.bool_]) -> None:
    if missing.any():
        raise ValueError(
            f"sample_id has {int(missing.sum())} missing values, the first at position {int(missing.argmax())}: "
            "every row needs an identity"
        )


def _text_ids(texts: Sequence[str | bytes]) -> NDArray[np.uint64]:
    """64 bits of each text, the same in every process (Python's own hash is not)."""
    blake = hashlib.blake2b
    data = (text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts)
    digests = b"".join([blake(each, digest_size=8).digest() for each in data])
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finalise as SplitMix64 does (Steele, Lea and Flood 2014): every input bit moves every output bit."""
    with np.errstate(over="ignore"):
        mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
