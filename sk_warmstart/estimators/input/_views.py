"""Datasets as the user passed them, for callbacks and splits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.dataset import Dataset
from torch.utils.data import Subset

from ...training import Rows
from .._protocol import WarmStartNet
from ._parts import are_parts, as_given, read_parts
from ._table import ROWS_BEHIND, Table, is_array, rows_behind, to_rows
from ._targets import targets_of


class Views:
    """Datasets to show in place of rows, which are encoded, scaled and on the device."""

    def __init__(self) -> None:
        self._datasets: dict[int, Any] = {}

    def of(self, rows: Any) -> Any:
        """Return the dataset to show for rows; rows without one are shown as they are."""
        return self._datasets.get(id(rows), rows)

    def keep(self, table: Table, rows: Rows) -> Dataset:
        """Keep validated input, to show it for these rows."""
        return self._keep(Dataset(as_given(table.X), table.y), rows)

    def keep_part(self, whole: Dataset, chosen: NDArray[np.bool_], rows: Rows) -> None:
        """Keep a view of the chosen part, to show it for these rows."""
        self._keep(Subset(whole, np.flatnonzero(chosen)), rows)  # type: ignore[arg-type]

    def behind(self, net: WarmStartNet, part: Any) -> Any:
        """Return the rows of one side of a split, if it is a view or a dataset of their kind; else the part."""
        rows = rows_behind(part)
        if rows is not None:
            return rows
        if isinstance(part, Subset):
            whole = self.behind(net, part.dataset)
            rows = whole.take(np.asarray(part.indices)) if isinstance(whole, Rows) else None
        elif type(part) is Dataset and isinstance(part.y, np.ndarray) and (is_array(part.X) or are_parts(part.X)):
            X = read_parts(part.X) if are_parts(part.X) else part.X
            table = Table(X, part.y, targets_of(net).encode(net, part.y), None)
            rows = to_rows(table, net._torch_dtype(), net._network(), net.device, net._current.scaler)
        if rows is None:
            return part
        self._keep(part, rows)
        return rows

    def _keep(self, dataset: Any, rows: Rows) -> Any:
        setattr(dataset, ROWS_BEHIND, rows)
        self._datasets[id(rows)] = dataset
        return dataset
