"""Rows of a dataset that hold NaN or infinity: arrays of such are refused before, these only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Subset

from ...training import Rows
from ._datasets import Coded, Encoded, is_indexed
from ._table import rows_behind


class Side(Subset):
    """The rows of a dataset that train, or those held out."""


def check_rows_behind(numbers: Any, dataset: Any) -> None:
    """Look at the rows of a dataset where what was computed of them is no finite number.

    A row that holds NaN or infinity is an error that names its place. A stream cannot be read again: that its loss
    is no number is an error, whatever made it so.
    """
    if (
        np.isfinite(numbers).all()
        or dataset is None
        or isinstance(dataset, Rows)
        or rows_behind(dataset) is not None
    ):
        return
    if not is_indexed(dataset):
        raise ValueError(
            f"what the network makes of the rows that {type(dataset).__name__} gives is no finite number. A row "
            "that holds NaN or infinity must be filled in or left out; if there is none, lower lr, or scale "
            "inputs and targets"
        )
    for i in range(len(dataset)):
        row = dataset[i]
        X, y, *_ = (*row, None) if isinstance(row, tuple | list) and row else (row, None)
        for name, part, cope in (("X", X, ", or let the module cope with it"), ("y", y, "")):
            found = _not_finite(part)
            if found is not None:
                raise ValueError(
                    f"Input {name} contains {found}, in row {_place(dataset, i)} of the dataset: fill it in or "
                    f"leave the row out{cope}"
                )


def _not_finite(part: Any) -> str | None:
    """Return "NaN" or "infinity" if a part of a row holds one."""
    if isinstance(part, Mapping | tuple | list):
        each = part.values() if isinstance(part, Mapping) else part
        return next(filter(None, map(_not_finite, each)), None)
    if isinstance(part, np.ndarray | np.generic | float) and np.asarray(part).dtype.kind == "f":
        part = torch.as_tensor(np.asarray(part, dtype=np.float64))
    if not isinstance(part, torch.Tensor) or not part.is_floating_point() or bool(part.isfinite().all()):
        return None
    return "NaN" if bool(part.isnan().any()) else "infinity"


def _place(dataset: Any, i: int) -> int:
    """The place of a row in what the user passed."""
    while isinstance(dataset, Side | Encoded | Coded):
        if isinstance(dataset, Side):
            i = int(dataset.indices[i])
        dataset = dataset.dataset
    return i
