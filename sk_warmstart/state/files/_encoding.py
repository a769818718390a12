"""Values of Python and NumPy as JSON, exactly and without pickle."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_LONGEST = 1 << 20  # bytes of a string
_TAGGED: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Any], Callable[[Any], Any]]] = {
    # The order matters: a bool is an int, NaT and a Timestamp are datetimes, a datetime is a date.
    "none": (lambda v: v is None, lambda v: None, lambda v: None),
    "bool": (lambda v: isinstance(v, bool | np.bool_), bool, bool),
    "int": (lambda v: isinstance(v, int | np.integer), int, int),
    "float": (lambda v: isinstance(v, float | np.float32 | np.float16), lambda v: float(v).hex(), float.fromhex),
    "str": (lambda v: isinstance(v, str), str, str),
    "bytes": (lambda v: isinstance(v, bytes), lambda v: v.hex(), bytes.fromhex),
    "nat": (lambda v: v is pd.NaT, lambda v: None, lambda v: pd.NaT),
    "timestamp": (lambda v: isinstance(v, pd.Timestamp), lambda v: v.isoformat(), pd.Timestamp),
    "datetime": (
        lambda v: isinstance(v, datetime.datetime),
        lambda v: v.isoformat(),
        datetime.datetime.fromisoformat,
    ),
    "date": (lambda v: isinstance(v, datetime.date), lambda v: v.isoformat(), datetime.date.fromisoformat),
}


def encode_labels(labels: NDArray | None) -> dict[str, Any] | None:
    """Turn labels into JSON."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    kind = labels.dtype.kind
    if not _is_storable(labels.dtype):
        raise TypeError(f"labels of dtype {labels.dtype} cannot be stored: use numbers, strings or dates")
    if kind in "iubU":
        values = labels.tolist()
    elif kind == "f":
        values = [float(value).hex() for value in labels]
    elif kind in "mM":
        values = labels.view(np.int64).tolist()
    elif kind == "S":
        values = [value.hex() for value in labels.tolist()]
    else:
        values = [_tagged(value) for value in labels]
    return {"dtype": labels.dtype.str, "values": values}


def decode_labels(stored: Mapping[str, Any] | None) -> NDArray | None:
    """Turn JSON back into labels; the inverse of :func:`encode_labels`."""
    if stored is None:
        return None
    dtype, values = np.dtype(stored["dtype"]), stored["values"]
    if not _is_storable(dtype):
        raise ValueError(f"labels cannot be of dtype {dtype}")
    if dtype.kind == "f":
        return np.array([float.fromhex(value) for value in values], dtype=dtype)
    if dtype.kind in "mM":
        return np.array(values, dtype=np.int64).view(dtype)
    if dtype.kind == "S":
        return np.array([bytes.fromhex(value) for value in values], dtype=dtype)
    if dtype.kind == "O":
        labels = np.empty(len(values), dtype=object)
        for i, (tag, value) in enumerate(values):
            labels[i] = _TAGGED[tag][2](value)
        return labels
    return np.array(values, dtype=dtype)


def as_json(value: Any) -> Any:
    """Return a value as JSON can hold it: what it cannot is its ``repr``."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.generic):
        number = value.item()
        return repr(value) if isinstance(number, np.generic) else as_json(number)
    if isinstance(value, float):
        return value if np.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)


def is_json(value: Any) -> bool:
    """Tell whether JSON holds a value as it is, tuples aside."""
    if value is None or isinstance(value, bool | int | str):
        return True
    if isinstance(value, float):
        return bool(np.isfinite(value))
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_json(inner) for key, inner in value.items())
    return isinstance(value, list | tuple) and all(is_json(inner) for inner in value)


def _is_storable(dtype: np.dtype) -> bool:
    # A file that claims strings of a terabyte each must not have the room for them made.
    longest = 8 if dtype.kind in "iufbmMO" else _LONGEST if dtype.kind in "US" else -1
    return dtype.itemsize <= longest


def _tagged(value: Any) -> list[Any]:
    for tag, (matches, encode, _) in _TAGGED.items():
        if matches(value):
            return [tag, encode(value)]
    raise TypeError(
        f"the label {value!r} of type {type(value).__name__} cannot be stored: use numbers, strings or dates"
    )
