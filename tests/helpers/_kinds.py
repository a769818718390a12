"""Kinds of input, as data: rows, how to take some of them, and a network for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from skorch.helper import SliceDict
from torch.utils.data import Dataset

from sk_warmstart import WarmStartClassifier

from ._networks import VOCABULARY, Convolution, NumbersAndCategories, OneTable, Pair, Text

N_CLASSES = 3


class Files(Dataset):
    """Rows on disk, one file each, with their labels."""

    def __init__(self, paths: list[Path], labels: Any):
        self.paths, self.labels = paths, labels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, Any]:
        return torch.from_numpy(np.load(self.paths[i])), self.labels[i]


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    ``rows`` makes rows of given codes, from a generator and a folder; ``part`` takes some of them; ``given`` makes
    of rows and labels what ``fit`` takes; ``on_disk`` says that the labels are among the rows.
    """

    name: str
    rows: Callable[[NDArray, np.random.Generator, Path], Any]
    part: Callable[[Any, Any], Any]
    module: Any
    on_disk: bool = False

    def draw(self, seed: int, folder: Path, n: int = 48) -> tuple[Any, NDArray]:
        """Return rows and their classes, as numbers from 0; rows of one class are alike."""
        rng = np.random.default_rng(seed)
        codes = rng.permutation(np.arange(n) % N_CLASSES)
        return self.rows(codes, rng, folder), codes

    def given(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return rows and targets as ``fit`` takes them."""
        return (Files(X, y), None) if self.on_disk else (X, y)

    def seen(self, X: Any) -> Any:
        """Return rows as ``predict`` takes them."""
        return Files(X, np.zeros(len(X), dtype=int)) if self.on_disk else X

    def net(self, cls: Any = WarmStartClassifier, **params: Any) -> Any:
        """Return a small estimator for these rows."""
        common = {"module": self.module, "max_epochs": 3, "batch_size": 16, "lr": 0.01, "random_state": 0}
        return cls(**{**common, **params})

    def __repr__(self) -> str:
        return self.name


def _numbers(codes: NDArray, rng: np.random.Generator, width: int = 4) -> NDArray:
    """Normal numbers, whose first column leans on the class."""
    return (rng.normal(size=(len(codes), width)) + 2 * np.eye(1, width) * codes[:, None]).astype(np.float32)


def _sparse(codes: NDArray, rng: np.random.Generator, folder: Path) -> csr_matrix:
    rows = _numbers(codes, rng)
    rows[:, 1:] *= rng.random((len(codes), 3)) < 0.5
    return csr_matrix(rows)


def _categories(codes: NDArray, rng: np.random.Generator) -> NDArray:
    return np.c_[codes, rng.integers(0, 4, len(codes))]


def _mixed(codes: NDArray, rng: np.random.Generator, folder: Path) -> dict[str, NDArray]:
    return {"numbers": _numbers(codes, rng, 3), "categories": _categories(codes, rng)}


def _pair(codes: NDArray, rng: np.random.Generator, folder: Path) -> tuple[NDArray, NDArray]:
    return _numbers(codes, rng, 2), _numbers(codes, rng, 3)


def _tokens(codes: NDArray, rng: np.random.Generator, folder: Path) -> dict[str, torch.Tensor]:
    lengths = rng.integers(2, 7, len(codes))
    mask = np.arange(6) < lengths[:, None]
    ids = rng.integers(4, VOCABULARY, (len(codes), 6))
    ids[:, 0] = codes + 1
    return {"input_ids": torch.from_numpy(ids * mask), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


def _files(codes: NDArray, rng: np.random.Generator, folder: Path) -> list[Path]:
    stem = f"rows-{rng.integers(2**62)}"
    paths = [folder / f"{stem}-{i}.npy" for i in range(len(codes))]
    for path, row in zip(paths, _numbers(codes, rng), strict=True):
        np.save(path, row)
    return paths


def _images(codes: NDArray, rng: np.random.Generator, folder: Path) -> NDArray:
    images = rng.integers(0, 150, (len(codes), 1, 5, 5))
    return (images + 50 * codes[:, None, None, None]).astype(np.uint8)


def _of_array(X: Any, index: Any) -> Any:
    return X[index]


def _of_dict(X: Any, index: Any) -> Any:
    return {name: part[index] for name, part in X.items()}


KINDS = [
    Kind("array", lambda codes, rng, _: _numbers(codes, rng), _of_array, OneTable),
    Kind("sparse", _sparse, _of_array, OneTable),
    Kind("one_part", lambda codes, rng, _: {"rows": _numbers(codes, rng)}, _of_dict, OneTable),
    Kind("numbers_and_categories", _mixed, _of_dict, NumbersAndCategories),
    Kind("tuple", _pair, lambda X, index: tuple(part[index] for part in X), Pair),
    Kind("slice_dict", lambda *of: SliceDict(**_mixed(*of)), _of_array, NumbersAndCategories),
    Kind("tokens", _tokens, _of_dict, Text),
    Kind("images", _images, _of_array, Convolution),
    Kind("dataset", _files, lambda X, index: [X[i] for i in np.arange(len(X))[index]], OneTable, on_disk=True),
]
"""All kinds, those that live on the device first."""
