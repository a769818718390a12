"""Which row is which: content hashes, and the side of the validation split that they decide."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 1 << 20  # numbers hashed at a time: keeps the temporaries small beside the data
_SALT = np.uint64(0x5EED5EED5EED5EED)


def row_ids(X: NDArray, columns: Sequence[str] | None = None) -> NDArray[np.uint64]:
    """Hash each row by its content.

    The hash adds up over the non-zero (column, value) pairs, so with named columns neither their order nor
    new all-zero columns change it. Values count in single precision, so a table has the same ids in float32
    and float64.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Numeric rows; further axes are flattened.
    columns : sequence of str, default=None
        Names of the columns. Without names a column is known by its position.

    Returns
    -------
    ndarray of uint64, shape (n_samples,)
        One id per row.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import row_ids
    >>> a = row_ids(np.array([[1.0, 2.0]]), columns=["x", "y"])
    >>> b = row_ids(np.array([[2.0, 0.0, 1.0]]), columns=["y", "new", "x"])
    >>> bool(a[0] == b[0])
    True
    """
    flat = np.asarray(X).reshape(len(X), -1)
    keys = _column_keys(flat.shape[1], columns)
    ids = np.empty(len(flat), dtype=np.uint64)
    step = max(1, _CHUNK // max(1, flat.shape[1]))
    for first in range(0, len(flat), step):
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(flat[first : first + step], dtype=np.float32)
        hashed = _mix(values.view(np.uint32).astype(np.uint64) ^ keys)
        hashed[values == 0] = 0
        ids[first : first + step] = hashed.sum(axis=1, dtype=np.uint64)
    return ids


def sample_ids(sample_id: ArrayLike) -> NDArray[np.uint64]:
    """Hash identities that the user gave.

    Parameters
    ----------
    sample_id : array-like of shape (n_samples,)
        Integers or strings (or anything with a stable ``str``).

    Returns
    -------
    ndarray of uint64, shape (n_samples,)
        One id per row.
    """
    values = np.asarray(sample_id)
    if values.dtype.kind in "iub":
        return _mix(values.astype(np.int64).view(np.uint64) + _GOLDEN)
    return _mix(np.array([_text_key(str(value)) for value in values], dtype=np.uint64))


def validation_mask(ids: NDArray[np.uint64], fraction: float) -> NDArray[np.bool_]:
    """Decide from its identity alone whether a row validates.

    A row is therefore on the same side in every fit, however the data grow and whatever the seed; and
    equal rows are on the same side.

    Parameters
    ----------
    ids : ndarray of uint64, shape (n_samples,)
        From :func:`row_ids` or from the user's own identities.
    fraction : float
        The share of all possible ids that validates, in (0, 1).

    Returns
    -------
    ndarray of bool, shape (n_samples,)
        True where the row validates.
    """
    uniform = (_mix(ids ^ _SALT) >> np.uint64(11)).astype(np.float64) / 2.0**53
    return uniform < fraction


def _column_keys(n_columns: int, columns: Sequence[str] | None) -> NDArray[np.uint64]:
    if columns is None:
        return _mix(np.arange(1, n_columns + 1, dtype=np.uint64) * _GOLDEN)
    return _mix(np.array([_text_key(str(name)) for name in columns], dtype=np.uint64))


def _text_key(text: str) -> int:
    """64 bits of a text, the same in every process (Python's own hash is not)."""
    data = text.encode()
    return zlib.crc32(data) << 32 | zlib.crc32(data[::-1] + b"\x01")


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every input bit moves every output bit."""
    with np.errstate(over="ignore"):
        mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
