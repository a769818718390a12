"""Columns of data frames, of numbers, dates or words, with missing values: as counts, and as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ...state import FeatureSummary

_MOST_ROWS = 10_000  # as in FeatureSummary
_MOST_WORDS = 9  # of a column; the rarer ones count together


def in_pandas(rows: Any) -> Any:
    """Return a data frame of polars as one of pandas, whose columns go by name; all else as it is."""
    names = getattr(rows, "columns", None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return rows
    return pd.DataFrame({name: rows[name].to_numpy() for name in names})


def aligned(first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str]) -> pd.DataFrame:
    """Return the second table with the columns of the first, in its order; both must have the same ones."""
    if len(set(first)) < len(first.columns) or set(first) != set(second):
        odd = sorted(map(str, set(first) ^ set(second)))[:5] or "one name twice"
        raise ValueError(f"{names[0]} and {names[1]} must have the same columns, they differ in {odd}")
    return second[list(first)]


def counts_of(reference: pd.DataFrame, new: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count both samples in bins of each column: deciles or words of the reference, the rest, what is missing."""
    new = aligned(reference, new, ("reference", "new"))
    samples = [table.iloc[:: -(-max(1, len(table)) // _MOST_ROWS)] for table in (reference, new)]
    counted = [_counts(samples[0][name], samples[1][name], name) for name in reference]
    old, fresh = (np.array([pair[side] for pair in counted]).reshape(len(counted), -1) for side in (0, 1))
    return old, fresh


def as_numbers(a: pd.DataFrame, b: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two tables as numbers, words by their places among the words of both, NaN where one is missing."""
    b = aligned(a, b, ("a", "b"))
    columns = []
    for name in a:
        both = pd.concat([a[name], b[name]], ignore_index=True)
        if _holds_numbers(a[name], b[name], name, ("a", "b")):
            columns.append(np.concatenate([_numbers(a[name], "a"), _numbers(b[name], "b")]))
        else:
            codes = pd.factorize(_words(both, name), sort=True)[0].astype(np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
    table = np.stack(columns, axis=1) if columns else np.empty((len(a) + len(b), 0))
    return table[: len(a)], table[len(a) :]


def _counts(reference: pd.Series, new: pd.Series, name: Any) -> tuple[NDArray, NDArray]:
    sides = [side[side.notna()] for side in (reference, new)]
    missing = [len(side) - len(present) for side, present in zip((reference, new), sides, strict=True)]
    if not len(sides[0]):
        bins = [np.array([len(present), *[0] * _MOST_WORDS]) for present in sides]
    elif _holds_numbers(reference, new, name, ("reference", "new")):
        numbers = [_numbers(side, which)[:, None] for side, which in zip(sides, ("reference", "new"), strict=True)]
        known = FeatureSummary.from_rows(numbers[0])
        bins = [known.bins[0], (known.updated(numbers[1]).bins - known.bins)[0]]
    else:
        old, fresh = (_words(side, name) for side in sides)
        known_words = old.value_counts().index[:_MOST_WORDS]
        # A word that is none of these has the place -1, the last bin.
        places = [known_words.get_indexer(pd.Index(words)) % (_MOST_WORDS + 1) for words in (old, fresh)]
        bins = [np.bincount(place, minlength=_MOST_WORDS + 1) for place in places]
    old_bins, new_bins = (np.append(each, n).astype(np.float64) for each, n in zip(bins, missing, strict=True))
    return old_bins, new_bins


def _holds_numbers(first: pd.Series, second: pd.Series, name: Any, names: tuple[str, str]) -> bool:
    kinds = [_is_number(side) for side in (first, second) if side.notna().any()]
    if len(set(kinds)) > 1:
        words = names[kinds.index(False)]
        raise ValueError(f"column {name!r} holds words in {words} and numbers or dates elsewhere: read both alike")
    return all(kinds)


def _is_number(column: pd.Series) -> bool:
    return types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column)


def _numbers(column: pd.Series, which: str) -> NDArray[np.float64]:
    if types.is_datetime64_any_dtype(column):
        times = column.to_numpy(dtype="datetime64[ns]")
        return np.where(np.isnat(times), np.nan, times.astype(np.int64).astype(np.float64))
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        raise ValueError(f"{which} contains infinity in column {column.name!r}: drop these rows first")
    return numbers


def _words(column: pd.Series, name: Any) -> pd.Series:
    texts = column.astype(object).map(str, na_action="ignore")
    return texts.where(column.notna(), None)
