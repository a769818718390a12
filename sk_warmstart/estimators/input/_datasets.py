"""Labels of datasets that only skorch understands, encoded as the criterion wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.utils import data_from_dataset, to_numpy
from torch.utils.data import Dataset, IterableDataset, Subset


class Encoded(Dataset):
    """A dataset with other targets."""

    def __init__(self, dataset: Any, targets: Sequence[Any] | NDArray):
        self.dataset, self.targets = dataset, targets

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: Any) -> Any:
        X, _, *more = self.dataset[i]
        return (X, self.targets[i], *more)


def labels_in(dataset: Any) -> NDArray | None:
    """Return the labels that a dataset holds as an attribute, as skorch's do; None where that is not known."""
    if isinstance(dataset, IterableDataset):
        return None
    if isinstance(dataset, Subset) and not isinstance(dataset.indices, list):
        dataset = Subset(dataset.dataset, np.asarray(dataset.indices).tolist())  # skorch takes no range
    try:
        _, y = data_from_dataset(dataset)
        return as_labels(y)
    except (AttributeError, TypeError, ValueError):
        return None


def as_labels(y: Any) -> NDArray | None:
    """Return targets as an array of labels, one a row; None where they are no such thing."""
    try:
        labels = np.asarray(to_numpy(y) if hasattr(y, "device") else y)
    except (TypeError, ValueError):
        return None
    return labels if labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1) else None
