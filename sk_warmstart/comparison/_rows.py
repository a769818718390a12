"""Rows of any kind: their number, some of them, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from skorch.helper import SliceDict
from skorch.utils import is_dataset
from torch.utils.data import Subset

from .._compat._sklearn import num_samples, safe_indexing
from ..estimators.input._parts import are_parts


def count(X: Any) -> int:
    """Return the number of rows."""
    return num_samples(_parts(X)[0][1]) if are_parts(X) else num_samples(X)


def lengths(X: Any) -> dict[str, int]:
    """Return the number of rows of each part."""
    return {name: num_samples(part) for name, part in _parts(X)}


def take(X: Any, index: NDArray[np.integer]) -> Any:
    """Return some rows: of each part in a dictionary or tuple, of a Dataset those at these places."""
    if is_dataset(X):
        whole, places = (X.dataset, np.asarray(X.indices)) if type(X) is Subset else (X, np.arange(len(X)))
        return Subset(whole, places[index].tolist())
    if type(X) is np.ndarray:
        return X[index]
    if not are_parts(X):
        return safe_indexing(X, index)
    taken = {name: _take_part(part, index) for name, part in _parts(X)}
    if not isinstance(X, Mapping):
        return tuple(taken.values())
    return SliceDict(**taken) if isinstance(X, SliceDict) else taken


def numbered(X: Any) -> Any:
    """Return what a splitter takes for rows: a column of their numbers, where they are no table."""
    return np.arange(count(X))[:, None] if are_parts(X) or is_dataset(X) else X


def hashable(X: Any) -> Any:
    """Return rows with arrays for tensors, whose pickles differ from process to process."""
    return [(name, _as_array(part)) for name, part in _parts(X)] if are_parts(X) else _as_array(X)


def bytes_of(X: Any) -> int:
    """Return the size of rows in memory, roughly; rows of a Dataset come one batch at a time."""
    if is_dataset(X):
        return 0
    if are_parts(X):
        return sum(bytes_of(part) for _, part in _parts(X))
    if issparse(X):
        X = X.tocsr()
        return int(X.data.nbytes + X.indices.nbytes + X.indptr.nbytes)
    size = getattr(X, "nbytes", None)
    if size is None and hasattr(X, "memory_usage"):
        size = X.memory_usage(index=False).sum()
    return int(size) if size is not None else 8 * int(np.prod(np.shape(X) or (num_samples(X),)))


def width(X: Any) -> int:
    """Return the number of columns, of all parts together; 1 where rows are no table."""
    if are_parts(X):
        return sum(width(part) for _, part in _parts(X))
    shape: tuple[int, ...] = () if is_dataset(X) else np.shape(X)
    return int(shape[1]) if len(shape) > 1 else 1


def kind_in_words(X: Any) -> str | None:
    """Say what rows are that are no table; None of a table."""
    if is_dataset(X):
        return f"a {type(X).__name__}"
    if not are_parts(X):
        first = np.asarray(take(X, np.arange(1)))
        return "texts" if first.ndim == 1 and isinstance(first[0], str) else None
    names = ", ".join(name for name, _ in _parts(X))
    return f"a dictionary of {names}" if isinstance(X, Mapping) else f"a tuple of {len(X)} parts"


def targets_in(dataset: Any) -> NDArray:
    """Return the targets of a Dataset, which is read once for it."""
    found = [np.asarray(y) for _, y in _items(dataset)]
    try:
        return np.stack(found)
    except ValueError as error:
        raise ValueError(f"the Dataset has no targets of one shape ({error}): pass them as y") from error


def _items(dataset: Any) -> Iterator[tuple[Any, Any]]:
    for i in range(len(dataset)):
        item = dataset[i]
        if not (isinstance(item, list | tuple) and len(item) == 2) or item[1] is None:
            raise ValueError("the Dataset gives rows without targets: pass them as y")
        yield item[0], item[1]


def _parts(X: Any) -> list[tuple[str, Any]]:
    """Return the parts of rows by name, or by place."""
    if isinstance(X, Mapping):
        return list(X.items())
    return [(str(place), part) for place, part in enumerate(X)]


def _take_part(part: Any, index: NDArray[np.integer]) -> Any:
    return part[torch.from_numpy(index)] if isinstance(part, torch.Tensor) else safe_indexing(part, index)


def _as_array(part: Any) -> Any:
    return part.detach().cpu().numpy() if isinstance(part, torch.Tensor) else part
