"""DataFrames as strict JSON, and back without a loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}
_MISSING = {"NaT": pd.NaT, "NA": pd.NA}
_NUMBERS = {f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)} - {"float8"}
_KINDS = {"bool", *_NUMBERS}


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a missing one is None, infinity a string, and what JSON lacks its text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if not isinstance(value, Real):
        return None if value is pd.NA or value is pd.NaT else str(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def table_as_dict(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as plain data.

    ``keys`` are the columns that make up the index, ``columns`` all columns, ``data`` the rows; an index that only
    counts is left out. The rest is what makes :func:`table_from_dict` exact: ``dtypes`` of the columns, ``names``
    of the index, ``header`` (dtype of the column labels) and ``exceptions``, the cells of object columns that JSON
    cannot tell apart, as row, column and type.
    """
    names = [] if _only_counts(table.index) else list(table.index.names)
    keys = [f"level_{i}" if name is None else str(name) for i, name in enumerate(names)]
    levels = [table.index.get_level_values(i) for i in range(len(keys))]
    columns = [_storable(values) for values in [*levels, *(table.iloc[:, i] for i in range(table.shape[1]))]]
    cells = [_cells(values) for values in columns]
    exceptions = [
        [row, column, kind]
        for column, values in enumerate(columns)
        if values.dtype == object
        for row, value in enumerate(cells[column])
        if (kind := _kind_of(value)) is not None
    ]
    return {
        "keys": keys,
        "columns": [*keys, *(str(label) for label in table.columns)],
        "data": [[plain(values[row]) for values in cells] for row in range(len(table))],
        "dtypes": [str(values.dtype) for values in columns],
        "names": [None if name is None else str(name) for name in names],
        "header": str(table.columns.dtype),
        "exceptions": exceptions,
    }


def table_from_dict(encoded: Any) -> pd.DataFrame:
    """Return the table that :func:`table_as_dict` was given; a ValueError says what does not fit."""
    parts = ("keys", "columns", "data", "dtypes", "names", "exceptions")
    if not isinstance(encoded, dict):
        raise ValueError(f"a table must be an object with {', '.join(map(repr, parts))}, got {encoded!r:.80}")
    for part in parts:
        if not isinstance(encoded.get(part), list):
            raise ValueError(f"{part!r} must be a list, got {encoded.get(part)!r:.80}")
    keys, columns, rows, dtypes, names = (encoded[part] for part in parts[:-1])
    if len(dtypes) != len(columns) or len(names) != len(keys) or columns[: len(keys)] != keys:
        raise ValueError("'keys', 'names', 'columns' and 'dtypes' do not belong to one table")
    if not all(isinstance(name, str) for name in [*columns, *dtypes]) or any(
        not isinstance(name, str | None) for name in names
    ):
        raise ValueError("'columns', 'dtypes' and 'names' must be texts")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"row {number} must have {len(columns)} values, got {row!r:.80}")
    kinds: dict[int, dict[int, str]] = {}
    for exception in encoded["exceptions"]:
        row, column, kind = _checked_exception(exception, len(rows), len(columns))
        kinds.setdefault(column, {})[row] = kind
    series = [
        _column([row[i] for row in rows], str(dtype), kinds.get(i, {}), str(column))
        for i, (column, dtype) in enumerate(zip(columns, dtypes, strict=True))
    ]
    index: pd.Index = pd.RangeIndex(len(rows))
    if len(keys) == 1:
        index = pd.Index(series[0], name=names[0])
    elif keys:
        index = pd.MultiIndex.from_arrays([pd.Index(level) for level in series[: len(keys)]], names=names)
    body = series[len(keys) :]
    table = pd.DataFrame(dict(enumerate(body)), index=pd.RangeIndex(len(rows))).set_axis(index, axis=0)
    try:
        header = pd.Index(columns[len(keys) :], dtype=str(encoded.get("header", "object")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"'header' must be the dtype of the column labels: {error}") from None
    return table.set_axis(header, axis=1)


def _only_counts(index: pd.Index) -> bool:
    """Whether an index is pandas' default."""
    return isinstance(index, pd.RangeIndex) and index.name is None and index.equals(pd.RangeIndex(len(index)))


def _storable(values: Any) -> Any:
    """Turn dtypes that JSON has no words for (categories, nullable numbers) into objects."""
    dtype = values.dtype
    if str(dtype) in _KINDS or isinstance(dtype, pd.StringDtype | pd.DatetimeTZDtype):
        return values
    return values if isinstance(dtype, np.dtype) and dtype.kind in "mMO" else values.astype(object)


def _cells(values: Any) -> list[Any]:
    """Values of a column; times of a zone in UTC, where none is there twice."""
    return list(
        pd.DatetimeIndex(values).tz_convert("UTC") if isinstance(values.dtype, pd.DatetimeTZDtype) else values
    )


def _kind_of(value: Any) -> str | None:
    """The type of an object that JSON alone does not bring back."""
    if value is None or type(value) in (str, bool, int) or (type(value) is float and math.isfinite(value)):
        return None
    missing = next((name for name, nothing in _MISSING.items() if value is nothing), None)
    if missing is not None:
        return missing
    if type(value) is float:
        return "float"
    if isinstance(value, pd.Timestamp) and value.tz is None:
        return "Timestamp"
    kind = str(value.dtype) if isinstance(value, np.generic) else ""
    return kind if kind in _KINDS else None  # all else comes back as its text


def _checked_exception(exception: Any, n_rows: int, n_columns: int) -> tuple[int, int, str]:
    if isinstance(exception, list) and len(exception) == 3:
        row, column, kind = exception
        is_kind = kind in ("float", "Timestamp", *_MISSING, *_KINDS) if isinstance(kind, str) else False
        if is_kind and _is_below(row, n_rows) and _is_below(column, n_columns):
            return row, column, kind
    raise ValueError(f"'exceptions' must be rows, columns and types of cells, got {exception!r:.80}")


def _is_below(number: Any, bound: int) -> bool:
    return type(number) is int and 0 <= number < bound


def _column(values: list[Any], dtype: str, kinds: dict[int, str], name: str) -> pd.Series:
    """Bring back one column."""
    try:
        return _series(values, dtype, kinds)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"column {name!r} cannot be read as {dtype}: {error}") from None


def _series(values: list[Any], dtype: str, kinds: dict[int, str]) -> pd.Series:
    if dtype == "object":
        cells = [_object(value, kinds[row]) if row in kinds else value for row, value in enumerate(values)]
        nested = next((cell for cell in cells if isinstance(cell, list | dict)), None)
        if nested is not None:
            raise ValueError(f"{nested!r:.80} is no value")
        return pd.Series(cells, dtype=object)
    if kinds:
        raise ValueError("'exceptions' are for object columns only")
    if dtype in _NUMBERS:
        numbers = [_number(value) for value in values]
        whole = not dtype.startswith("float")
        if whole and not all(isinstance(number, int) for number in numbers):
            raise ValueError("not all its values are whole numbers")
        return pd.Series(np.array(numbers, dtype=dtype))
    if dtype == "bool":
        _check_types(values, bool)
        return pd.Series(np.array(values, dtype=bool))
    parsed = pd.api.types.pandas_dtype(dtype)
    if isinstance(parsed, pd.StringDtype) or dtype == "str":
        _check_types(values, str, type(None))
        if not isinstance(parsed, pd.StringDtype):  # pandas 2 keeps such columns as objects
            return pd.Series([np.nan if value is None else value for value in values], dtype=object)
        return pd.Series(values, dtype=parsed)
    if parsed.kind == "m":
        return pd.Series([pd.NaT if value is None else pd.Timedelta(value) for value in values], dtype=parsed)
    if parsed.kind == "M":
        return pd.Series(_timestamps(values, getattr(parsed, "tz", None)), dtype=parsed)
    raise ValueError("no table has this dtype")


def _timestamps(values: Iterable[Any], zone: Any) -> list[Any]:
    stamps: list[Any] = [pd.NaT if value is None else pd.Timestamp(value) for value in values]
    return (
        stamps if zone is None else [stamp.tz_convert(zone) if stamp is not pd.NaT else stamp for stamp in stamps]
    )


def _object(value: Any, kind: str) -> Any:
    if kind in _MISSING:
        return _MISSING[kind]
    if kind == "Timestamp":
        return pd.Timestamp(value)
    if kind == "float":
        return float(_number(value))
    return np.dtype(kind).type(bool(value) if kind == "bool" else _number(value))


def _number(value: Any) -> int | float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    if type(value) not in (int, float):
        raise ValueError(f"{value!r:.80} is no number")
    return value


def _check_types(values: list[Any], *types: type) -> None:
    wrong = next((value for value in values if type(value) not in types), None)
    if wrong is not None or (None in values and type(None) not in types):
        raise ValueError(f"{wrong!r:.80} is no {types[0].__name__}")
