"""Kinds of columns in a table, and their values as floats, dates and text."""

from __future__ import annotations

from itertools import product
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

NUMBER, TEXT, DATE = "number", "text", "date"
_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%Y/%m/%d")
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = tuple(day + hour for day, hour in product(_DAYS, _HOURS))  # month first where both can be
_UNKNOWN = "?"  # a missing value in many a public table


def with_clean_names(X: Any) -> pd.DataFrame:
    """Return a table whose column names are text without blanks around."""
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"X must be a pandas DataFrame, whose columns have names, got {type(X).__name__}")
    names = [str(name).strip() for name in X]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the table has more than one column {twice[0]!r}: rename or drop one")
    return X if names == list(X) else X.set_axis(names, axis=1)


def column_kind(column: pd.Series) -> str:
    """Return "number", "text", "date" (written as ISO 8601 says), or "date" with its format."""
    if types.is_numeric_dtype(column):
        return NUMBER
    if types.is_datetime64_any_dtype(column):
        return DATE
    values = _without_blanks(column).dropna()
    if not len(values) or _are_numbers(values).any():
        return TEXT
    for form in (None, *_FORMATS):
        # The first value rules most formats out.
        if _parsed(values[:1], form).notna().all() and _parsed(values, form).notna().all():
            return DATE if form is None else f"{DATE} {form}"
    return TEXT


def to_numbers(column: pd.Series) -> pd.Series:
    """Return floats, NaN for what is missing; anything else is an error."""
    if types.is_numeric_dtype(column):
        return column.astype(np.float64)
    values = _without_blanks(column).map(lambda value: float(value) if isinstance(value, bool) else value)
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    _refuse(column, numbers.isna() & values.notna(), "a number")
    return numbers


def to_times(column: pd.Series, kind: str = DATE) -> pd.Series:
    """Return dates in UTC, NaT for what is missing; anything else is an error."""
    if types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True)
    values = _without_blanks(column)
    _refuse(column, _are_numbers(values), "a date")  # pandas would take them for nanoseconds
    form = kind.removeprefix(DATE).strip()
    times = _parsed(values, form or None)
    for other in (None, "mixed"):  # next month's file may write its dates in another way
        unread = times.isna() & values.notna()
        if unread.any():
            times = times.where(~unread, _parsed(values.where(unread), other, day_first=form.startswith("%d")))
    _refuse(column, times.isna() & values.notna(), "a date")
    return times


def to_text(column: pd.Series) -> pd.Series:
    """Return text, empty for what is missing; a whole number has no decimal point."""
    if types.infer_dtype(column, skipna=True) == "string":
        places, distinct = pd.factorize(column)  # of which there are few; -1 is missing
        texts = [*_text(pd.Series(distinct, dtype=object)), ""]
        return pd.Series(np.array(texts, dtype=object)[places], column.index, name=column.name, dtype=object)
    return _text(column)


def _text(column: pd.Series) -> pd.Series:
    """Write values as they stand in a file."""
    values = _without_blanks(column)
    texts = values.map(lambda value: str(int(value)) if _is_whole_float(value) else str(value))
    return texts.where(values.notna(), "").astype(object)


def _is_whole_float(value: Any) -> bool:
    """Tell whether a value is a float that is a whole number."""
    return isinstance(value, float) and value.is_integer()


def _without_blanks(column: pd.Series) -> pd.Series:
    """Strip text; what is empty then, or a question mark, is missing."""
    values = column.astype(object).map(lambda value: value.strip() if isinstance(value, str) else value)
    return values.mask(values.isin(["", _UNKNOWN]) | values.isna(), None)


def _are_numbers(values: pd.Series) -> pd.Series:
    """Return which values are numbers or truth values."""
    return values.map(lambda value: isinstance(value, Number | np.bool_)).astype(bool) & values.notna()


def _parsed(values: pd.Series, form: str | None, day_first: bool = False) -> pd.Series:
    """Return dates of one format, of ISO 8601 by default; NaT for what is in another."""
    try:
        return pd.to_datetime(
            values, format=form or "ISO8601", errors="coerce", utc=True, dayfirst=day_first and form == "mixed"
        )
    except (ValueError, TypeError, OverflowError):  # of kinds of objects that it does not take
        return pd.Series(pd.NaT, values.index, dtype="datetime64[ns, UTC]")


def _refuse(column: pd.Series, unread: pd.Series, what: str) -> None:
    """Raise a ValueError if a value could not be read."""
    if unread.any():
        value = str(column[unread].iloc[0])
        raise ValueError(f"the column {column.name!r} holds {value!r}, which is not {what}: correct or empty it")
