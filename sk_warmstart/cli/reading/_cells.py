"""Columns of one table, or of an old and a new one, brought to one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ._columns import (
    DATE,
    NUMBER,
    TEXT,
    ColumnRules,
    column_kind,
    to_numbers,
    to_times,
    without_blanks,
    without_marks,
)
from ._numbers import OpenFormatError, is_grouped_or_decimal, parse_plain

TRUTH = "truth value"
_LARGEST = 1e100
_MOST_DIGITS = 18  # of a whole number of 64 bits
_WORDS = {NUMBER: "numbers", TEXT: "words", DATE: "dates", TRUTH: "truth values"}
_TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def read_columns(
    frames: Sequence[pd.DataFrame], sources: Sequence[str], rules: Sequence[ColumnRules], labels: str | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return all rows with numbers as numbers, and the kind of each column with its format.

    ``labels`` is a column of labels: words stay as they are, those that mean a missing number too.
    """
    names = list(dict.fromkeys(str(name) for frame in frames for name in frame))
    columns: dict[str, pd.Series] = {}
    kinds: dict[str, str] = {}
    for name in names:
        parts = [
            (frame[name], rule, source)
            for frame, rule, source in zip(frames, rules, sources, strict=True)
            if name in frame
        ]
        read, kinds[name] = _read_parts(parts, name == labels)
        pieces = iter(read)
        columns[name] = _concatenated(
            [next(pieces) if name in frame else pd.Series([None] * len(frame), dtype=object) for frame in frames]
        )
    return pd.DataFrame(columns), kinds


def check_range(frame: pd.DataFrame) -> None:
    """Raise a ValueError where a number is infinite, or too large to be squared."""
    for name, column in frame.items():
        if types.is_float_dtype(column):
            large = np.flatnonzero((column.abs() > _LARGEST).to_numpy(dtype=bool, na_value=False))
            if len(large):
                raise ValueError(
                    f"the column {name!r} holds {column.iloc[large[0]]:g} in row {large[0] + 1}, which is too "
                    "large to "
                    f"be scaled: write it in larger units, empty it, or say --drop {name!r}"
                )


def _read_parts(parts: Sequence[tuple[pd.Series, ColumnRules, str]], labels: bool) -> tuple[list[pd.Series], str]:
    """Return a column of each table, and its kind, which must be the same in all."""
    try:
        kinds = [_kind(part, rules, labels) for part, rules, _ in parts]
    except OpenFormatError:
        if len(parts) == 1:
            raise
        together = _concatenated([part for part, _, _ in parts])
        kinds = [_kind(together, parts[0][1], labels)] * len(parts)  # one table may show what the other does not
    held = [
        (kind, part, source)
        for kind, (part, _, source) in zip(kinds, parts, strict=True)
        if len(parts) == 1 or without_blanks(part).notna().any()
    ]
    bases = {kind: _base(kind) for kind, _, _ in held}
    if len(set(bases.values())) > 1:
        (old, _, first), (new, part, second) = held
        value = without_blanks(part).dropna().iloc[0]
        name = parts[0][0].name
        raise ValueError(
            f"the column {name!r} holds {_WORDS[bases[old]]} in {first} and {_WORDS[bases[new]]} in {second} "
            f"({str(value)!r}): write it the same way in both, or say --text {name!r}"
        )
    kind = held[-1][0] if held else kinds[0]
    shared = len(bases) == 1
    read = [
        _read(part, kind if shared else own, rules, shared)
        for own, (part, rules, _) in zip(kinds, parts, strict=True)
    ]
    return read, NUMBER if kind == TRUTH else kind


def _kind(column: pd.Series, rules: ColumnRules, labels: bool) -> str:
    """Return the kind of a column, truth values told from other numbers."""
    if types.is_bool_dtype(column):
        return TRUTH
    if types.infer_dtype(column, skipna=True) == "string" and str(column.name) not in rules.text:
        values = column.dropna()
        texts = values.to_numpy(dtype=object).tolist()
        if parse_plain(texts) is not None and not is_grouped_or_decimal(texts) and texts:
            return NUMBER  # the rule, so it is quick
        if set(pd.unique(values)) <= set(_TRUTHS) and len(values):
            return TRUTH
        if labels and not without_marks(without_blanks(column, rules.missing)).notna().any():
            return TEXT
    return column_kind(column, rules)


def _read(column: pd.Series, kind: str, rules: ColumnRules, shared: bool) -> pd.Series:
    """Return a column as its kind asks for; text and dates as they are in the file."""
    base = _base(kind)
    if base == NUMBER and not types.is_numeric_dtype(column):
        return _as_numbers(column, kind, rules)
    if base == TRUTH and not types.is_bool_dtype(column):
        values = column.map(_TRUTHS).astype(object)
        return values.astype(bool) if values.notna().all() else values.where(values.notna(), None)
    if base == DATE and not types.is_datetime64_any_dtype(column):
        if not shared:
            return to_times(column, kind, rules.missing)
        return without_marks(without_blanks(column, rules.missing))
    if base == TEXT and not isinstance(column.dtype, pd.CategoricalDtype):
        return without_blanks(column, rules.missing)
    return column


def _as_numbers(column: pd.Series, kind: str, rules: ColumnRules) -> pd.Series:
    """Return whole numbers where all are written so, and floats otherwise."""
    if kind == NUMBER and column.notna().all() and types.infer_dtype(column) == "string":
        texts = column.to_numpy(dtype=object).tolist()
        plain = None if rules.missing & set(texts) else parse_plain(texts)
        if plain is not None:
            whole = max(map(len, texts)) <= _MOST_DIGITS and not set("".join(texts)) & set(".eE")
            values = np.array(texts, dtype=object).astype(np.int64) if whole else plain
            return pd.Series(values, column.index, name=column.name)
    return to_numbers(column, kind, rules.missing)


def _base(kind: str) -> str:
    """Return a kind without its format."""
    return kind if kind == TRUTH else kind.partition(" ")[0]


def _concatenated(parts: Sequence[pd.Series]) -> pd.Series:
    """Put the rows of tables one below the other."""
    if len(parts) == 1:
        return parts[0]
    held = [part for part in parts if part.notna().any()]
    if len({part.dtype for part in held}) == 1 and len(held) == len(parts):
        return pd.concat(parts, ignore_index=True)
    if held and all(types.is_numeric_dtype(part) and not types.is_bool_dtype(part) for part in held):
        return pd.concat([part.astype(np.float64) for part in parts], ignore_index=True)
    if held and all(types.is_datetime64_any_dtype(part) for part in held):
        return pd.concat([pd.to_datetime(part, utc=True) for part in parts], ignore_index=True)
    return pd.concat([part.astype(object) for part in parts], ignore_index=True)


def compare_columns(frames: Sequence[pd.DataFrame], sources: Sequence[str]) -> list[str]:
    """Say which columns only one of two tables has; names that differ in their letters' case are an error."""
    notes: list[str] = []
    if len(frames) < 2:
        return notes
    for here, there in ((0, 1), (1, 0)):
        alone = [name for name in frames[here] if name not in frames[there]]
        folded = {_folded(name): name for name in frames[there] if name not in frames[here]}
        for name in alone:
            if _folded(name) in folded:
                raise ValueError(
                    f"{sources[here]} has a column {name!r} and {sources[there]} a column "
                    f"{folded[_folded(name)]!r}: give them one name"
                )
        if alone:
            notes.append(f"only {sources[here]} has {listed(alone)}: missing in every row of {sources[there]}")
    return notes


def listed(names: Sequence[Any]) -> str:
    """Return the names of some columns."""
    shown = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    return f"the column{'s' if len(names) > 1 else ''} {shown}"


def _folded(name: Any) -> str:
    """Return a name without case, blanks and underscores."""
    return "".join(letter for letter in str(name).casefold() if letter.isalnum()) or str(name)
