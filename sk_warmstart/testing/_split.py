"""The rows that a fit trains on and those that it validates on, observed from outside."""

from __future__ import annotations

import contextlib
import sys
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback

from ._subjects import callbacks_of, fit, has_callbacks


def split_of_fit(subject: Any, X: NDArray, y: NDArray) -> tuple[list[int], list[int]]:
    """Fit, and return which rows trained and which validated."""
    seen: list[tuple[Any, Any]] = []
    with _watch_callbacks(subject, seen) if has_callbacks(subject) else _watch_split_function(subject, seen):
        fit(subject, X, y)
    if not seen:
        raise unittest.SkipTest("which rows are held out cannot be seen")
    places = {row.tobytes(): i for i, row in enumerate(X.astype(np.float32))}
    sides = [[] if part is None else [row.tobytes() for row in np.asarray(part, np.float32)] for part in seen[-1]]
    if not places.keys() >= {row for side in sides for row in side}:
        raise unittest.SkipTest("rows are changed before they are split, so they cannot be recognised")
    train, valid = ([places[row] for row in side] for side in sides)
    return train, valid


class _Watcher(Callback):
    def __init__(self, seen: list[tuple[Any, Any]]):
        self.seen = seen

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        self.seen.append((_rows_of(dataset_train), _rows_of(dataset_valid)))


@contextlib.contextmanager
def _watch_callbacks(subject: Any, seen: list[tuple[Any, Any]]) -> Iterator[None]:
    watcher = next((each for each in callbacks_of(subject) if isinstance(each, _Watcher)), None)
    if watcher is None:
        subject.set_params(callbacks=[*callbacks_of(subject), _Watcher(seen)])
    else:  # skorch initialises new callbacks in a cold fit only
        watcher.seen = seen
    yield


@contextlib.contextmanager
def _watch_split_function(subject: Any, seen: list[tuple[Any, Any]]) -> Iterator[None]:
    """Watch the function by which scikit-learn's estimators split, where their modules look it up."""
    modules = [sys.modules[each.__module__] for each in type(subject).__mro__ if each.__module__ in sys.modules]
    modules = [module for module in dict.fromkeys(modules) if "train_test_split" in vars(module)]
    originals = [vars(module)["train_test_split"] for module in modules]

    def watching(original: Callable[..., Any]) -> Callable[..., Any]:
        def train_test_split(*arrays: Any, **options: Any) -> Any:
            parts = original(*arrays, **options)
            seen.append((parts[0], parts[1]))
            return parts

        return train_test_split

    for module, original in zip(modules, originals, strict=True):
        setattr(module, "train_test_split", watching(original))  # noqa: B010
    try:
        yield
    finally:
        for module, original in zip(modules, originals, strict=True):
            setattr(module, "train_test_split", original)  # noqa: B010


def _rows_of(dataset: Any) -> NDArray | None:
    if dataset is None:
        return None
    if hasattr(dataset, "indices") and hasattr(dataset, "dataset"):
        rows = _rows_of(dataset.dataset)
        return None if rows is None else rows[np.asarray(dataset.indices)]
    rows = dataset.X
    return rows.detach().cpu().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
