"""Datasets of rows that are read one by one: their labels, and rows with the targets that the criterion wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.dataset import Dataset as SkorchDataset
from skorch.dataset import unpack_data
from skorch.utils import data_from_dataset, is_dataset, to_numpy
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

_ROWS_AT_ONCE = 256
_FEW = 8
_AS_HELD = (SkorchDataset, TensorDataset)  # their rows are what they hold


class Encoded(Dataset):
    """A dataset with other targets; it may have none itself."""

    def __init__(self, dataset: Any, targets: Sequence[Any] | NDArray):
        self.dataset, self.targets = dataset, targets

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: Any) -> Any:
        row = self.dataset[i]
        if not isinstance(row, tuple | list):
            return row, self.targets[i]
        if len(row) == 1:
            return row[0], self.targets[i]
        X, _, *more = row
        return (X, self.targets[i], *more)


class Coded(Dataset):
    """A dataset whose labels are encoded when a row is read, by their places among all labels.

    ``by_place`` takes places themselves too.
    """

    def __init__(self, dataset: Any, labels: NDArray, by_place: bool):
        self.dataset = dataset
        self._places = {label: place for place, label in enumerate(labels.tolist())}
        self._by_place = by_place

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: Any) -> Any:
        X, y, *more = self.dataset[i]
        label = y.item() if hasattr(y, "item") else y
        place = self._places.get(label)
        if place is None and self._by_place and label in range(len(self._places)):
            place = int(label)
        if place is None:
            raise ValueError(
                f"row {i} of the dataset has the label {label!r}, and there are the classes {list(self._places)}: "
                "name all labels that there are (classes=...), or leave classes at None, and they are looked up"
            )
        return (X, place, *more)


def check_dataset(X: Any) -> None:
    """Refuse what holds rows and is neither an array nor a dataset with some, and say what to pass."""
    if isinstance(X, DataLoader):
        raise ValueError(
            "X is a DataLoader: pass its dataset as X, and what else it was made with as batch_size and "
            "iterator_train__..., such as iterator_train__num_workers=2"
        )
    if is_indexed(X) and not len(X):
        raise ValueError("Found a dataset with 0 rows while a minimum of 1 is required.")
    if not is_dataset(X) and not isinstance(X, Mapping) and isinstance(_first(X), Mapping):
        raise ValueError(
            "each row of X is a dictionary: pass one dictionary of arrays, {name: X[name], ...} of a dataset of "
            "Hugging Face's, or a torch Dataset that gives pairs of such a row and its target"
        )


def check_has_targets(dataset: Any) -> None:
    """Refuse a dataset whose rows are dictionaries, with the target in them or without one."""
    row = dataset[0]
    if isinstance(row, Mapping):
        raise ValueError(
            f"each row of the dataset is a dictionary, of {', '.join(map(repr, row))}, and there is no y: let "
            "__getitem__ return pairs of what the module takes and the target, or pass y"
        )


def _first(X: Any) -> Any:
    """The first row of a list, or of what takes places as a list does; None of anything else."""
    if hasattr(X, "shape") or hasattr(X, "columns") or not hasattr(X, "__getitem__") or isinstance(X, str | bytes):
        return None
    try:
        return X[0]
    except (LookupError, TypeError, ValueError):
        return None


def is_indexed(X: Any) -> bool:
    """Tell whether X is a torch dataset whose rows can be read in any order."""
    return is_dataset(X) and not isinstance(X, IterableDataset) and hasattr(X, "__len__")


def labels_in(dataset: Any) -> NDArray | None:
    """Return the labels that a dataset holds as an attribute, as skorch's do; None where that is not known."""
    if isinstance(dataset, IterableDataset):
        return None
    if isinstance(dataset, Subset) and not isinstance(dataset.indices, list):
        dataset = Subset(dataset.dataset, np.asarray(dataset.indices).tolist())  # skorch takes no range
    try:
        _, y = data_from_dataset(dataset)
        labels = as_labels(y)
    except (AttributeError, TypeError, ValueError):
        return None
    return labels if labels is None or _rows_have(dataset, labels) else None


def _rows_have(dataset: Any, labels: NDArray) -> bool:
    """Whether a few rows give the labels that a dataset holds; its ``__getitem__`` may make others of them."""
    if type(dataset) in _AS_HELD:
        return True
    places = {len(labels) * i // _FEW for i in range(_FEW)} if len(labels) == len(dataset) else set()
    rows = [(dataset[i], labels[i]) for i in sorted(places)]
    pairs = [(row[1], label) for row, label in rows if isinstance(row, tuple | list) and len(row) >= 2]
    return all(_plain(given) == _plain(label) for given, label in pairs)


def _plain(label: Any) -> tuple[type, Any]:
    label = label.tolist() if hasattr(label, "tolist") else label
    return type(label), label


def with_targets(dataset: Any) -> Any:
    """Return a dataset of pairs: zeros stand beside rows that come alone, which skorch would take for pairs."""
    first = dataset[0] if is_indexed(dataset) and len(dataset) else ((), ())
    if (isinstance(first, tuple | list) and len(first) != 1) or np.isscalar(first):
        return dataset
    return Encoded(dataset, np.zeros(len(dataset), dtype=np.float32))


def pair_of(batch: Any) -> tuple[Any, Any]:
    """Return rows and targets of a batch, or skorch's error: a tensor of two rows alone is no pair."""
    return unpack_data(batch if isinstance(batch, tuple | list) else [batch])


def gives_labels(dataset: Any) -> bool:
    """Tell whether the first row of a dataset comes with one target, and not with many numbers."""
    first = dataset[0] if len(dataset) else ()
    return isinstance(first, tuple | list) and len(first) >= 2 and _n_numbers(first[1]) == 1


def _n_numbers(target: Any) -> int:
    return int(target.numel()) if hasattr(target, "numel") else int(np.size(target))


def first_target(dataset: Any) -> NDArray | None:
    """Return the target of the first row, with an axis for rows; None where it holds no numbers."""
    first = dataset[0] if len(dataset) else ()
    if not isinstance(first, tuple | list) or len(first) < 2:
        return None
    try:
        target = np.asarray(first[1])[None]
    except (TypeError, ValueError):
        return None
    return target if target.dtype.kind in "fiub" and target.ndim <= 2 else None


def read_labels(dataset: Any, num_workers: int) -> NDArray | None:
    """Return the labels of all rows, which are read for it once; None where rows are no pairs."""
    own = torch.Generator()  # a look moves no random numbers of training
    batches = DataLoader(
        dataset, _ROWS_AT_ONCE, num_workers=num_workers, collate_fn=_targets_of_rows, generator=own
    )
    found: list[Any] = []
    for batch in batches:
        if batch is None:
            return None
        found += batch
    return as_labels(found)


def as_labels(y: Any) -> NDArray | None:
    """Return targets as an array of labels, one a row; None where they are no such thing."""
    try:
        labels = np.asarray(to_numpy(y) if hasattr(y, "device") else y)
    except (TypeError, ValueError):
        return None
    return labels if labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1) else None


def _targets_of_rows(rows: list[Any]) -> list[Any] | None:
    if not all(isinstance(row, tuple | list) and len(row) >= 2 for row in rows):
        return None
    return [row[1].tolist() if hasattr(row[1], "tolist") else row[1] for row in rows]
