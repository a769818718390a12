"""Sentences about columns that may not be what they seem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from ._cells import listed
from ._columns import DATE, NUMBER, TEXT, ColumnRules, to_times

MOST_CATEGORIES = 50  # of a column that are told apart
# Digits that a program would not write a number with: zeros in front, an exponent without sign and point.
_CODE = re.compile(r"0\d+|\d+[eE]\d+")
_FEW_ROWS = 20
_FEWEST_STRAYS, _SHARE_OF_STRAYS, _FAR = 3, 0.01, 3.0


def code_in(column: pd.Series) -> str | None:
    """Return a text that looks like a code and not like a number, such as 01067; None where there is none."""
    if types.infer_dtype(column, skipna=True) != "string":
        return None
    texts = (str(text).strip() for text in column.dropna().unique())
    return next((text for text in texts if _CODE.fullmatch(text)), None)


def notes_on_columns(
    frames: Sequence[pd.DataFrame], read: pd.DataFrame, kinds: Mapping[str, str], rules: ColumnRules
) -> list[str]:
    """Say which columns may be codes, counts of the rows, hold a stand-in for missing, one value or many words.

    ``frames`` are as the files have them, ``read`` all rows as they were read.
    """
    empty = [name for name in read if read[name].isna().all()]
    holds = "hold no value, and are" if len(empty) > 1 else "holds no value, and is"
    notes = [f"{listed(empty)} {holds} left out"] if empty else []
    constant = [name for name in kinds if read[name].nunique(dropna=False) == 1]
    if constant:
        notes.append(f"{listed(constant)} {'hold' if len(constant) > 1 else 'holds'} one value only")
    for name, kind in kinds.items():
        count = read[name].nunique() if kind == TEXT else 0
        if count > MOST_CATEGORIES:
            notes.append(
                f"the column {name!r} holds {count:,} different words, of which the {MOST_CATEGORIES} most "
                f"frequent are told apart: say --drop {name!r} if it is an identifier"
            )
        code = next(filter(None, (code_in(frame[name]) for frame in frames if name in frame)), None)
        if kind == NUMBER and code is not None:
            notes.append(
                f"the column {name!r} holds {code!r}, which is read as the number {float(code):.12g}: say --text "
                f"{name!r} if it is a code"
            )
        if name in frames[-1] and _counts_rows(frames[-1][name]):
            notes.append(
                f"the column {name!r} counts the rows of the file: say --drop {name!r} if it is nothing more"
            )
        stray = _far_from_all_others(read[name], kind, rules)
        if stray is not None:
            notes.append(
                f"the column {name!r} holds {stray} in several rows, far from all other values: say --missing="
                f"{stray} if it stands for a missing one"
            )
    return notes


def note_on_labels(labels: pd.Series) -> list[str]:
    """Say which labels differ in their letters' case only."""
    if types.is_numeric_dtype(labels):
        return []
    seen: dict[str, str] = {}
    for label in map(str, labels.dropna().unique()):
        other = seen.setdefault(label.casefold(), label)
        if other != label:
            return [f"the target has the labels {other!r} and {label!r}, which are two: write them in one way"]
    return []


def _counts_rows(column: pd.Series) -> bool:
    """Tell whether a column is 0, 1, 2 and so on, or 1, 2, 3."""
    if types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype) or len(column) < _FEW_ROWS:
        return False
    if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
        return False
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all())


def _far_from_all_others(column: pd.Series, kind: str, rules: ColumnRules) -> str | None:
    """Return the least or greatest value where several rows have it and it is far from all others, as text."""
    if kind.startswith(DATE):
        times = to_times(column, kind, rules.missing, rules.day_first).dropna()
        values = times.map(pd.Timestamp.timestamp).to_numpy(dtype=float)
    elif kind.startswith(NUMBER) and not types.is_bool_dtype(column):
        values = column.dropna().to_numpy(dtype=float)
    else:
        return None
    if len(values) < _FEW_ROWS:
        return None
    for stray in (values.min(), values.max()):
        others = values[values != stray]
        n_strays = len(values) - len(others)
        if n_strays < max(_FEWEST_STRAYS, _SHARE_OF_STRAYS * len(values)) or len(np.unique(others)) < 10:
            continue
        gap = min(abs(others - stray))
        if gap > _FAR * (others.max() - others.min()):
            place = int(np.flatnonzero(values == stray)[0])
            text = column.dropna().iloc[place]
            return f"{text:.12g}" if isinstance(text, int | float | np.number) else str(text)
    return None
