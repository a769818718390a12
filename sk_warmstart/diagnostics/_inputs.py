"""Rows, labels and targets as checked arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .._parameters import check_option


def as_numpy(values: Any, name: str) -> NDArray:
    """An array of whatever the caller holds."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        return (values.double() if values.is_floating_point() else values).numpy()
    array = np.asarray(values)
    if array.ndim == 0:
        raise ValueError(f"{name} must be an array, got {type(values).__name__}")
    return array


def as_table(values: Any, name: str, min_rows: int = 1, may_miss: bool = False) -> NDArray[np.float64]:
    """Finite numbers (or NaN, if any may be missing) of shape (n_samples, n_features), in double precision."""
    array = as_numpy(values, name)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have shape (n_samples, n_features), got {array.shape}: reshape it, one row per sample"
        )
    table = _as_finite(array, name, may_miss)
    if len(table) < min_rows or not table.shape[1]:
        raise ValueError(f"{name} must have at least {min_rows} rows and one column, got shape {table.shape}")
    return table


def as_pair(
    a: Any, b: Any, min_rows: int, may_miss: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two tables with the same columns."""
    first, second = as_table(a, "a", min_rows, may_miss), as_table(b, "b", min_rows, may_miss)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"a and b must have the same columns, got {first.shape[1]} and {second.shape[1]}")
    return first, second


def as_codes(labels: Any, name: str, n_rows: int | None = None) -> NDArray[np.intp]:
    """Labels of any kind as 0, 1, ...; n_rows is how many there must be."""
    array = as_numpy(labels, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must hold one label per row, got shape {array.shape}")
    check_length(array, name, n_rows)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity: drop the rows without a label")
    return np.unique(array, return_inverse=True)[1].astype(np.intp)


def as_class_codes(labels: Any, name: str, n_rows: int) -> NDArray[np.intp]:
    """Labels of at least two classes as 0, 1, ..."""
    codes = as_codes(labels, name, n_rows)
    if codes.max() == 0:
        raise ValueError(f"{name} has a single class: give rows of at least two")
    return codes


def as_targets(values: Any, name: str, n_rows: int) -> NDArray[np.float64]:
    """Finite numbers of shape (n_samples, n_targets), none of them constant."""
    array = as_numpy(values, name)
    check_length(array, name, n_rows)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (n_samples,) or (n_samples, n_targets), got {array.shape}")
    targets = _as_finite(array, name).reshape(len(array), -1)
    if (np.ptp(targets, axis=0) == 0).any():
        raise ValueError(f"{name} is constant, so there is nothing to explain: leave that target out")
    return targets


def classifies(task: str, y: Any) -> bool:
    """Whether y holds labels; "auto" goes by its dtype, as criteria of torch do."""
    check_option("task", task, ("auto", "classification", "regression"))
    return as_numpy(y, "y").dtype.kind != "f" if task == "auto" else task == "classification"


def check_length(array: NDArray, name: str, n_rows: int | None) -> None:
    """Raise where there is not one entry per row."""
    if n_rows is not None and len(array) != n_rows:
        raise ValueError(f"{name} has {len(array)} entries for {n_rows} rows: give one per row")


def _as_finite(array: NDArray, name: str, may_miss: bool = False) -> NDArray[np.float64]:
    """Return an array as decimal numbers; refuse text, infinity, and NaN unless numbers may be missing."""
    try:
        numbers = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}") from error
    if not (np.isfinite(numbers) | (may_miss & np.isnan(numbers))).all():
        faults = "infinity" if may_miss else "NaN or infinity"
        raise ValueError(f"{name} contains {faults}: impute or drop these rows first")
    return numbers
