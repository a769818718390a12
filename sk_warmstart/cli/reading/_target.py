"""The target of a table: labels or numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ...comparison._inputs import check_target
from ._columns import DATE, to_text

_MOST_CLASSES = 20
_LARGEST = 1e100  # whose square is a float still
_MOST_EXACT = 2**53  # above it a float is not one whole number


def split_target(y: pd.Series, kind: str, task: str | None = None) -> tuple[NDArray, str]:
    """Return the target's values and what it asks for, unless the user says."""
    if kind.startswith(DATE) and task != "classification":
        raise ValueError(f"the target {y.name!r} holds dates: predict a number or a label")
    if types.is_float_dtype(y) and np.isinf(y).any():
        raise ValueError(f"the target {y.name!r} holds infinite values: drop those rows")
    if types.is_float_dtype(y) and (y.abs() > _LARGEST).any():
        raise ValueError(f"the target {y.name!r} holds {y.abs().max():g}: give it in larger units")
    words = not (types.is_numeric_dtype(y) or types.is_bool_dtype(y))
    if task is None:
        task = "classification" if _are_labels(y) else "regression"
        if words and y.nunique() > max(_MOST_CLASSES, len(y) // 2):
            raise ValueError(
                f"the target {y.name!r} holds {y.nunique()} different words in {len(y)} rows, such as "
                f"{str(y.dropna().iloc[0])!r}: labels must come again, and numbers be written as such"
            )
    elif task == "regression" and words:
        raise ValueError(
            f"the target {y.name!r} holds {str(y.dropna().iloc[0])!r}, which is no number: regression needs "
            "numbers"
        )
    if task == "classification" and types.is_float_dtype(y) and not _are_whole(y):
        y = to_text(y.astype(object)).where(y.notna(), None)  # numbers with fractions as labels
    check_target(y, classes=task == "classification")
    if task == "regression":
        values = y.to_numpy().astype(np.float64)
        if values.min() < values.max() and not values.std() > 0:
            raise ValueError(
                f"the target {y.name!r} lies between {values.min():g} and {values.max():g}: give it in smaller "
                "units"
            )
        if not values.std() > 0:
            raise ValueError(f"the target {y.name!r} is the same in every row: there is nothing to learn")
        return values, task
    if types.is_bool_dtype(y):
        return y.to_numpy(dtype=bool), task
    if types.is_numeric_dtype(y):
        return y.to_numpy(dtype=np.int64), task  # equal to the table's, also where these are written as 1.0
    values = y.to_numpy()
    return values if values.dtype.kind in "iu" else values.astype(str), task


def are_coded_labels(column: pd.Series, numbers: pd.Series) -> bool:
    """Tell whether text that could be numbers is labels to whoever wrote it as text: few whole numbers."""
    return types.infer_dtype(column, skipna=True) == "string" and _are_labels(numbers)


def _are_labels(y: pd.Series) -> bool:
    """Tell whether a target holds text, truth values, or few whole numbers."""
    if types.is_bool_dtype(y) or not types.is_numeric_dtype(y):
        return True
    return _are_whole(y) and y.dropna().nunique() <= _MOST_CLASSES


def _are_whole(y: pd.Series) -> bool:
    """Tell whether all numbers are whole ones that a float holds exactly."""
    values = y.dropna()
    return bool((values == values.round()).all() and (values.abs() < _MOST_EXACT).all())
