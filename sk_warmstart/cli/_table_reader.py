"""Transformer of a raw table: numbers, days since a date, and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ._columns import DATE, NUMBER, TEXT, column_kind, to_numbers, to_text, to_times, with_clean_names

_EPOCH = pd.Timestamp(0, tz="UTC")
_SECONDS_A_DAY = 86_400


class TableReader(TransformerMixin, BaseEstimator):
    """Read the columns of a raw table as numbers and text, the same way in every table to come.

    A number becomes a float, a date the days since the earliest that ``fit`` saw, anything else text without
    blanks around. An empty cell or a question mark is missing: NaN, or an empty text. Columns are found by name,
    so that their order does not matter, and others (the target, say) are left out.

    Parameters
    ----------
    kinds : mapping of str to str, default=None
        What each column holds: ``"number"``, ``"text"``, ``"date"``, or a date with its format as
        ``"date %d/%m/%Y"``. Seen from the table in ``fit`` where it is None.

    Attributes
    ----------
    kinds_ : dict of str to str
        What each column holds.
    first_days_ : dict of str to Timestamp
        The earliest date of each column of dates.
    feature_names_in_ : ndarray of str
        Names of the columns.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    default_pipeline : Begins with it.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_warmstart.cli import TableReader
    >>> reader = TableReader().fit(pd.DataFrame({"day": ["2026-01-01", "2026-01-03"], "shop": ["a", None]}))
    >>> reader.transform(pd.DataFrame({"shop": ["b"], "day": ["2026-02-01"]}))
        day shop
    0  31.0    b
    """

    def __init__(self, kinds: Mapping[str, str] | None = None):
        self.kinds = kinds

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn what each column holds, and where its dates begin.

        Parameters
        ----------
        X : DataFrame
            The table.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError
            If X is no DataFrame, lacks a column, or has values that are not of their column's kind.
        """
        X = with_clean_names(X)
        kinds = dict(self.kinds) if self.kinds is not None else {str(name): column_kind(X[name]) for name in X}
        for name, kind in kinds.items():
            if kind not in (NUMBER, TEXT) and kind.partition(" ")[0] != DATE:
                raise ValueError(
                    f"kinds must map a column to {NUMBER!r}, {TEXT!r}, {DATE!r} or {DATE + ' %d/%m/%Y'!r}, got "
                    f"{kind!r} for {name!r}"
                )
        _check_columns(kinds, X)
        first = {name: to_times(X[name], kind).min() for name, kind in kinds.items() if kind.startswith(DATE)}
        self.kinds_ = kinds
        self.first_days_ = {name: _EPOCH if pd.isna(day) else day for name, day in first.items()}
        self.feature_names_in_ = np.array(list(kinds), dtype=object)
        self.n_features_in_ = len(kinds)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Read a table.

        Parameters
        ----------
        X : DataFrame
            A table with these columns, in any order.

        Returns
        -------
        DataFrame
            Floats and text.

        Raises
        ------
        ValueError
            If X is no DataFrame, lacks a column, or has values that are not of their column's kind.
        """
        check_is_fitted(self)
        X = with_clean_names(X)
        _check_columns(self.kinds_, X)
        return pd.DataFrame({name: self._read(X[name], kind) for name, kind in self.kinds_.items()}, X.index)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored: the names are those of ``fit``.

        Returns
        -------
        ndarray of str
            The names.
        """
        check_is_fitted(self)
        return self.feature_names_in_

    def _read(self, column: pd.Series, kind: str) -> pd.Series:
        """Return a column as its kind asks for."""
        if kind == NUMBER:
            return to_numbers(column)
        if kind == TEXT:
            return to_text(column)
        since = to_times(column, kind) - self.first_days_[str(column.name)]
        return since.dt.total_seconds() / _SECONDS_A_DAY

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.allow_nan = True
        return tags


def _check_columns(kinds: Mapping[str, str], X: pd.DataFrame) -> None:
    """Raise a ValueError if a column is not there."""
    missing = [name for name in kinds if name not in X]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}, which is needed: add it, empty if unknown")
