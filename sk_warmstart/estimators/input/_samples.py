"""Samples of a dataset whose rows are read one by one, put on the device for those who look at rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ...modules import each_part
from ...training import Rows
from .._protocol import WarmStartNet
from ._datasets import pair_of
from ._parts import RowParts
from ._table import Table, to_rows

MOST_ROWS = 4096  # of a dataset that policies look at


class Sample:
    """At most ``MOST_ROWS`` rows of a dataset, evenly spaced, that are read when somebody looks at them first."""

    def __init__(self, net: WarmStartNet, dataset: Any):
        self._net, self._dataset = net, dataset
        step = max(1, -(-len(dataset) // MOST_ROWS))
        self.places = torch.arange(0, len(dataset), step)

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, index: Tensor | slice) -> Any:
        """Return rows, targets and weights at an index of the sample."""
        return self.rows.batch(index)

    @functools.cached_property
    def rows(self) -> Rows:
        """The rows, read through the net's own loader."""
        return read_rows(self._net, self._dataset, self.places)


def read_rows(net: WarmStartNet, dataset: Any, places: Tensor) -> Rows:
    """Read rows of a dataset and put them on the device, as those of an array would be."""
    loader = net.get_iterator(Subset(dataset, places.tolist()), training=False)
    if isinstance(loader, DataLoader) and loader.generator is None:
        loader.generator = torch.Generator()  # a look moves no random numbers of training
    batches = [pair_of(batch) for batch in loader]
    X = each_part(lambda *parts: torch.cat(parts).cpu().numpy(), *(_tensors(X) for X, _ in batches))
    y = torch.cat([y for _, y in batches]).cpu().numpy()
    if isinstance(X, Mapping | tuple):
        X = RowParts.of(X)
    target = y.reshape(len(y), -1) if y.dtype.kind == "f" else y
    return to_rows(Table(X, y, target, None), net._torch_dtype(), net._network(), net.device)


def _tensors(X: Any) -> Any:
    """Rows of a batch, if they are a tensor, or a dictionary or tuple of tensors."""
    flat = X.values() if isinstance(X, Mapping) else X if isinstance(X, tuple | list) else [X]
    if not all(isinstance(part, Tensor) for part in flat):
        raise TypeError(
            "the dataset must give each row as a tensor, or a dictionary or tuple of tensors, to be looked at "
            f"before training; its batches hold {type(X).__name__}"
        )
    return X
