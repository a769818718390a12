"""Transformer of a raw table: numbers, days since a date, and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from .reading._columns import (
    DATE,
    NUMBER,
    TEXT,
    ColumnRules,
    are_numbers,
    column_kind,
    to_numbers,
    to_text,
    to_times,
    with_clean_names,
)
from .reading._numbers import NumberFormat

_EPOCH = pd.Timestamp(0, tz="UTC")
_SECONDS_A_DAY = 86_400


class TableReader(TransformerMixin, BaseEstimator):
    """Read the columns of a raw table as numbers and text, the same way in every table to come.

    A number becomes a float, a date the days since the earliest that ``fit`` saw, anything else text without
    blanks around. An empty cell or a question mark is missing: NaN, or an empty text. Columns are found by name,
    and others are left out. ``kinds`` maps names to "number", "text" or "date", the first and the last with a
    format where they have one: "number 1.234,5", "date %d/%m/%Y". None finds out. ``missing`` are words that stand
    for a missing value, and ``day_first`` reads dates of a format that ``fit`` did not see.
    """

    def __init__(
        self,
        kinds: Mapping[str, str] | None = None,
        missing: Sequence[str] = (),
        day_first: bool | None = None,
    ):
        self.kinds = kinds
        self.missing = missing
        self.day_first = day_first

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn what each column holds, and where its dates begin."""
        X = with_clean_names(X)
        rules = ColumnRules(day_first=self.day_first, missing=frozenset(self.missing))
        kinds = (
            dict(self.kinds) if self.kinds is not None else {str(name): column_kind(X[name], rules) for name in X}
        )
        for name, kind in kinds.items():
            base, _, example = kind.partition(" ")
            readable = base == DATE or (base == NUMBER and NumberFormat.from_example(example) is not None)
            if kind not in (NUMBER, TEXT) and not readable:
                raise ValueError(
                    f"kinds must map a column to {NUMBER!r}, {TEXT!r}, {DATE!r}, {NUMBER + ' 1.234,5'!r} or "
                    f"{DATE + ' %d/%m/%Y'!r}, got {kind!r} for {name!r}"
                )
        _check_columns(kinds, X)
        first = {name: self._times(X[name], kind).min() for name, kind in kinds.items() if kind.startswith(DATE)}
        self.kinds_ = kinds
        self.first_days_ = {name: _EPOCH if pd.isna(day) else day for name, day in first.items()}
        self.feature_names_in_ = np.array(list(kinds), dtype=object)
        self.n_features_in_ = len(kinds)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Read a table with these columns, in any order, as floats and text."""
        check_is_fitted(self)
        X = with_clean_names(X)
        _check_columns(self.kinds_, X)
        columns = X[list(self.kinds_)]
        if all(map(are_numbers, columns.dtypes, self.kinds_.values())):
            return columns.astype(np.float64)
        return pd.DataFrame({name: self._read(X[name], kind) for name, kind in self.kinds_.items()}, X.index)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns of ``fit``."""
        check_is_fitted(self)
        return self.feature_names_in_

    def _read(self, column: pd.Series, kind: str) -> pd.Series:
        """Return a column as its kind asks for."""
        if kind == TEXT:
            return to_text(column.mask(column.isin(list(self.missing)), None) if self.missing else column)
        if kind.partition(" ")[0] == NUMBER:
            return to_numbers(column, kind, frozenset(self.missing))
        since = self._times(column, kind) - self.first_days_[str(column.name)]
        return since.dt.total_seconds() / _SECONDS_A_DAY

    def _times(self, column: pd.Series, kind: str) -> pd.Series:
        """Return a column of dates in UTC."""
        return to_times(column, kind, frozenset(self.missing), self.day_first)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.allow_nan = True
        return tags


def _check_columns(kinds: Mapping[str, str], X: pd.DataFrame) -> None:
    """Raise a ValueError if a column is not there."""
    missing = [name for name in kinds if name not in X]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}, which is needed: add it, empty if unknown")
