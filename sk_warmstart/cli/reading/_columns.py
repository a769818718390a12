"""Kinds of columns in a table, and their values as floats, dates and text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..._warning import warn_caller
from ._dates import ISO, find_date_format, has_zone, is_date_like, parse_dates
from ._numbers import (
    PLAIN,
    NumberFormat,
    OpenFormatError,
    find_formats,
    is_grouped_or_decimal,
    parse,
    some_are_below_a_thousand,
)

NUMBER, TEXT, DATE = "number", "text", "date"
_UNKNOWN = "?"  # a missing value in many a public table
# Missing among numbers and dates, and in a column that an estimator sees; labels of a target elsewhere.
_MARKS = frozenset(
    f"{sign}{form}"
    for mark in ("na", "n/a", "nan", "null", "none", "nat", "<na>", "#n/a", "#na", "#n/a n/a")
    for sign in (("", "-") if mark == "nan" else ("",))
    for form in (mark, mark.upper(), mark.capitalize(), {"nan": "NaN", "nat": "NaT"}.get(mark, mark))
)
_FEW = 0.1  # up to this share of the values, or of the different ones, are strays and not a column of words


@dataclass(frozen=True)
class ColumnRules:
    """What the user says of columns: the decimal mark, the order of days, marks of missing, columns of words."""

    decimal: str | None = None
    day_first: bool | None = None
    missing: frozenset[str] = frozenset()
    text: frozenset[str] = frozenset()
    comma_separated: bool = True


_DEFAULT = ColumnRules()


def with_clean_names(X: Any) -> pd.DataFrame:
    """Return a table whose column names are text without blanks around."""
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"X must be a pandas DataFrame, whose columns have names, got {type(X).__name__}")
    names = [str(name).strip() for name in X]
    check_names(names)
    return X if names == list(X) else X.set_axis(names, axis=1)


def check_names(names: Sequence[str]) -> None:
    """Raise a ValueError where two columns have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the table has more than one column {twice[0]!r}: rename or drop one")


def column_kind(column: pd.Series, rules: ColumnRules = _DEFAULT) -> str:
    """Return "number", "text" or "date", with its format where it has one, such as "date %d/%m/%Y".

    A column that can be read in two ways, or that is numbers or dates but for a few values, is a ValueError.
    """
    if types.is_numeric_dtype(column) or types.is_timedelta64_dtype(column):
        return NUMBER
    if types.is_datetime64_any_dtype(column):
        return DATE
    if str(column.name) in rules.text or isinstance(column.dtype, pd.CategoricalDtype):
        return TEXT
    values = without_marks(without_blanks(column.reset_index(drop=True), rules.missing)).dropna()
    if not len(values):
        return TEXT
    if not values.map(lambda value: isinstance(value, str)).all():
        return _kind_of_objects(values)
    places, texts = pd.factorize(values)
    return _kind_of_texts(values, places, np.asarray(texts, dtype=object).tolist(), rules)


def are_numbers(dtype: Any, kind: str) -> bool:
    """Whether a column of numbers has been read as such."""
    return kind.startswith(NUMBER) and types.is_numeric_dtype(dtype)


def to_numbers(column: pd.Series, kind: str = NUMBER, missing: frozenset[str] = frozenset()) -> pd.Series:
    """Return floats, NaN for what is missing; anything else is an error."""
    if types.is_timedelta64_dtype(column):
        return column.dt.total_seconds()
    if types.is_numeric_dtype(column):
        return column.astype(np.float64)
    values = without_blanks(column, missing)
    are_text = values.map(lambda value: isinstance(value, str))
    form = NumberFormat.from_example(kind.removeprefix(NUMBER).strip()) or PLAIN
    numbers = pd.Series(np.nan, column.index, dtype=np.float64, name=column.name)
    others = pd.to_numeric(values[~are_text].map(_as_float), errors="coerce").astype(np.float64)
    numbers[~are_text] = others.to_numpy()
    places, texts = pd.factorize(without_marks(values[are_text]))
    if len(texts):
        read = parse(list(texts), form)
        numbers[are_text] = np.append(read, np.nan)[places]
    refuse(column, numbers.isna() & without_marks(values).notna() & ~_are_nan(values), "a number")
    return numbers


def to_times(
    column: pd.Series, kind: str = DATE, missing: frozenset[str] = frozenset(), day_first: bool | None = None
) -> pd.Series:
    """Return dates in UTC, NaT for what is missing; anything else is an error."""
    if types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True)
    values = without_marks(without_blanks(column, missing))
    refuse(column, _are_numbers(values), "a date")  # pandas would take them for nanoseconds
    form = kind.removeprefix(DATE).strip()
    places, distinct = pd.factorize(values)
    texts = [str(value) for value in distinct]
    dates = parse_dates(texts, form)
    order = form.startswith("%d") if form[:2] in ("%d", "%m") else day_first
    for _ in texts:  # next month's file may write its dates in other ways
        left = [text for text, date in zip(texts, dates.isna(), strict=True) if date]
        found = find_date_format(left, order, column.name) if left else None
        if found is None:
            break
        dates[dates.isna()] = found[1].to_numpy()
    times = dates.reindex([*range(len(texts)), -1]).iloc[places].set_axis(column.index)
    times.name = column.name
    refuse(column, times.isna() & values.notna(), "a date")
    return times


def to_text(column: pd.Series) -> pd.Series:
    """Return text, empty for what is missing; a whole number has no decimal point.

    NA, None, null and the like are missing too, as for pandas, whose ``read_csv`` leaves no trace of them.
    """
    if types.infer_dtype(column, skipna=True) == "string":
        places, distinct = pd.factorize(column)  # of which there are few; -1 is missing
        texts = [*_text(pd.Series(distinct, dtype=object)), ""]
        return pd.Series(np.array(texts, dtype=object)[places], column.index, name=column.name, dtype=object)
    return _text(column)


def without_blanks(column: pd.Series, missing: frozenset[str] = frozenset()) -> pd.Series:
    """Strip text; what is empty then, a question mark, or a mark of the user's is missing."""
    empty = {"", _UNKNOWN, *missing}
    if types.infer_dtype(column, skipna=True) == "string":
        places, distinct = pd.factorize(column)  # of which there are often few; -1 is missing
        stripped_ones = map(str.strip, np.asarray(distinct, dtype=object).tolist())
        texts = [None if text in empty else text for text in stripped_ones]
        stripped = np.array([*texts, None], dtype=object)[places]
        return pd.Series(stripped, column.index, dtype=object, name=column.name)
    values = column.astype(object).map(lambda value: value.strip() if isinstance(value, str) else value)
    return values.mask(values.isin(list(empty)) | values.isna(), None)


def without_marks(values: pd.Series) -> pd.Series:
    """Take NA, None, null and the like as missing too."""
    return values.mask(values.isin(_MARKS), None)


def refuse(column: pd.Series, unread: pd.Series, what: str) -> None:
    """Raise a ValueError if a value could not be read."""
    if unread.any():
        place = int(np.flatnonzero(unread.to_numpy())[0])
        value = str(column.iloc[place])
        raise ValueError(
            f"the column {column.name!r} holds {value!r}, which is not {what}, in row {place + 1}: correct or "
            "empty it"
        )


def _kind_of_objects(values: pd.Series) -> str:
    """Return the kind of values that are not all text."""
    if types.infer_dtype(values, skipna=True) in ("date", "datetime", "datetime64"):
        return DATE
    if values.map(lambda value: isinstance(value, Number | Decimal) and not isinstance(value, bool)).all():
        return NUMBER
    return TEXT


def _kind_of_texts(values: pd.Series, places: NDArray, texts: list[str], rules: ColumnRules) -> str:
    """Return the kind of a column by its different texts."""
    counts = np.bincount(places, minlength=len(texts))
    numbers = _number_format(values, texts, rules)
    n_numbers = 0 if numbers is None else int(counts[~np.isnan(numbers[1])].sum())
    dates = find_date_format(texts, rules.day_first, values.name) if n_numbers < len(values) else None
    if numbers is not None and n_numbers >= (0 if dates is None else counts[dates[1].notna().to_numpy()].sum()):
        form, read = numbers
        if not _is_column(values, texts, counts, ~np.isnan(read), "number"):
            return TEXT
        return NUMBER if form == PLAIN else f"{NUMBER} {form}"
    if dates is None or not _is_column(values, texts, counts, dates[1].notna().to_numpy(), "date"):
        return TEXT
    zones = np.array([has_zone(text) for text in texts])
    if dates[0] == ISO and 0 < zones.sum() < len(zones):
        bare = next(text for text, zone in zip(texts, zones, strict=True) if not zone)
        raise ValueError(
            f"the column {values.name!r} holds {bare!r} in row {_row_of(values, bare)}, without a time zone, "
            "which "
            "other values have: write it in all or in none"
        )
    return DATE if dates[0] == ISO else f"{DATE} {dates[0]}"


def _number_format(
    values: pd.Series, texts: list[str], rules: ColumnRules
) -> tuple[NumberFormat, NDArray[np.float64]] | None:
    """Return the format of numbers that reads most of the texts, with what it reads; None if none reads any."""
    found = find_formats([text if not is_date_like(text) else "" for text in texts])
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    if rules.decimal is not None:
        return next(each for each in found if each[0].decimal == rules.decimal)
    (form, read), (_, others) = found
    differ = (read != others) & ~(np.isnan(read) & np.isnan(others))
    if not differ.any():
        return found[0]
    place = int(np.flatnonzero(differ)[0])
    text = texts[place]
    words = f"the column {values.name!r} holds {text!r}, which is {read[place]:.12g} or {others[place]:.12g}"
    if form == PLAIN and not is_grouped_or_decimal(texts):
        return found[0]
    if form == PLAIN and rules.comma_separated and not some_are_below_a_thousand(texts):
        warn_caller(f"{words}: it is read as the first (--decimal , for the other)")
        return found[0]
    raise OpenFormatError(f"{words}, and no value tells: say --decimal . or --decimal ,")


def _is_column(values: pd.Series, texts: list[str], counts: NDArray, read: NDArray[np.bool_], what: str) -> bool:
    """Tell whether all values are of a kind; that all but a few are is a ValueError."""
    if read.all():
        return True
    words, rows = int((~read).sum()), int(counts[~read].sum())
    if not read.any():
        return False
    name, stray = values.name, texts[int(np.flatnonzero(~read)[0])]
    n = int(counts[read].sum())
    if rows <= _FEW * len(values) or words <= _FEW * len(texts):
        raise ValueError(
            f"the column {name!r} holds {n:,} {what}{'s' if n > 1 else ''} and {stray!r} in row "
            f"{_row_of(values, stray)}: correct it, or say --missing {stray!r} or --text {name!r}"
        )
    warn_caller(
        f"the column {name!r} is read as words: it holds {n:,} {what}{'s' if n > 1 else ''} and {stray!r} in row "
        f"{_row_of(values, stray)}"
    )
    return False


def _row_of(values: pd.Series, text: str) -> int:
    """Return the row of a text in its table, from 1 on."""
    return int(values.index[int(np.flatnonzero((values == text).to_numpy())[0])]) + 1


def _text(column: pd.Series) -> pd.Series:
    """Write values as they stand in a file."""
    values = without_marks(without_blanks(column))
    texts = values.map(lambda value: str(int(value)) if _is_whole_float(value) else str(value))
    return texts.where(values.notna(), "").astype(object)


def _is_whole_float(value: Any) -> bool:
    """Tell whether a value is a float that is a whole number."""
    return isinstance(value, float) and value.is_integer()


def _as_float(value: Any) -> Any:
    """Return truth values and decimals as floats."""
    return float(value) if isinstance(value, bool | np.bool_ | Decimal) else value


def _are_nan(values: pd.Series) -> pd.Series:
    """Return which values are decimals that are no number."""
    return values.map(lambda value: isinstance(value, Decimal) and value.is_nan()).astype(bool)


def _are_numbers(values: pd.Series) -> pd.Series:
    """Return which values are numbers or truth values."""
    return values.map(lambda value: isinstance(value, Number | np.bool_)).astype(bool) & values.notna()
