"""Rows in several parts, tokens and Datasets that are wrong, or odd."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers import KINDS
from scipy.sparse import csr_matrix
from skorch.helper import SliceDict
from torch.utils.data import Dataset

from ._case import Call, Case, Group

N_ROWS = 30
METHODS = ("fit", "partial_fit", "predict")
_KINDS = {kind.name: kind for kind in KINDS}
MIXED, CODES = _KINDS["numbers_and_categories"].draw(0, Path(), N_ROWS)
PAIR, _ = _KINDS["tuple"].draw(0, Path(), N_ROWS)
TOKENS, _ = _KINDS["tokens"].draw(0, Path(), N_ROWS)
LABELS = np.array(["ant", "bee", "cat"])[CODES]


def subject(kind: str, **params: Any) -> Any:
    """Return an estimator that was fitted on rows of a kind, and keeps them to be compared by."""
    return copy.deepcopy(_fitted(kind, tuple(params.items())))


@functools.cache
def _fitted(kind: str, params: tuple[tuple[str, Any], ...]) -> Any:
    rows = {"numbers_and_categories": MIXED, "tuple": PAIR, "tokens": TOKENS}[kind]
    net = _KINDS[kind].net(max_epochs=1, **dict(params)).fit(rows, LABELS)
    net.good_rows_ = rows
    return net


def _feed(method: str, rows: Any, y: Any = LABELS) -> Call:
    def call(net: Any) -> Any:
        return net.predict(rows) if method == "predict" else getattr(net, method)(rows, y)

    return call


def _with(name: str, place: Any, value: Any, rows: Any = MIXED) -> dict[str, Any]:
    """Return rows with another value in one part."""
    part = np.asarray(rows[name]).copy()
    part[place] = value
    return {**rows, name: part}


def _but(**parts: Any) -> dict[str, Any]:
    """Return rows with other parts in place of theirs."""
    return {**MIXED, **parts}


_TEXT = np.array([["tall", "old", "red"]] * N_ROWS)
_DATES = np.full((N_ROWS, 3), np.datetime64("2026-01-01"))
_RAGGED = [[1.0] * (3 + i % 2) for i in range(N_ROWS)]
# Of any fit, and of predictions.
_BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "parts of different lengths": (_but(numbers=MIXED["numbers"][:-1]), ValueError, "one length"),
    "NaN in one part": (_with("numbers", (3, 1), np.nan), ValueError, "numbers"),
    "inf in one part": (_with("numbers", (3, 1), np.inf), ValueError, "numbers"),
    "a part of text": (_but(numbers=_TEXT), ValueError, "'numbers' of X holds text: encode it"),
    "a part of dates": (_but(numbers=_DATES), ValueError, "'numbers' of X holds datetime64"),
    "a part of complex numbers": (_but(numbers=MIXED["numbers"].astype(complex)), ValueError, "Complex"),
    "a part of objects": (_but(numbers=np.full((N_ROWS, 3), {"a": 1})), ValueError, "'numbers' of X"),
    "a part of rows of several lengths": (_but(numbers=_RAGGED), ValueError, "pad them to one length"),
    "a part that is None": (_but(numbers=None), ValueError, "'numbers' of X must be an array with a row"),
    "a part that is a number": (_but(numbers=3.0), ValueError, "'numbers' of X must be an array with a row"),
    "a part without rows": ({n: part[:0] for n, part in MIXED.items()}, ValueError, "0 sample"),
    "an empty dictionary": ({}, ValueError, "X is an empty dictionary"),
    "a nested dictionary": (_but(numbers={"a": MIXED["numbers"]}), ValueError, "got a dict"),
    "a name that is no text": ({**MIXED, 3: MIXED["numbers"]}, ValueError, "names of the network's arguments"),
    "categories out of range": (_with("categories", (3, 1), 4), ValueError, "'categories' holds 0 to 4"),
    "categories below zero": (_with("categories", (3, 1), -1), ValueError, "'categories' holds -1 to 3"),
}
# Of what goes on with a network; a cold fit may have other parts.
_OTHER: dict[str, tuple[Any, type[Exception], str]] = {
    "a part is missing": ({"numbers": MIXED["numbers"]}, ValueError, "X lacks 'categories'"),
    "a part too many": (_but(more=MIXED["numbers"]), ValueError, "X has 'more' too"),
    "a part of another name": ({"figures": MIXED["numbers"], "categories": MIXED["categories"]}, ValueError, "X"),
    "rows of another shape": (_but(numbers=np.zeros((N_ROWS, 4))), ValueError, "rows of shape (4,)"),
    "rows of another rank": (_but(numbers=np.zeros((N_ROWS, 3, 1))), ValueError, "rows of shape (3, 1)"),
    "decimals for categories": (_but(categories=np.zeros((N_ROWS, 2))), ValueError, "whole numbers"),
    "one array": (MIXED["numbers"], ValueError, "X is one array"),
    "a tuple": (tuple(MIXED.values()), ValueError, "X is a tuple"),
}
_ODD: dict[str, Any] = {
    "parts in another order": dict(reversed(MIXED.items())),
    "a SliceDict": SliceDict(**MIXED),
    "tensors": {name: torch.from_numpy(part) for name, part in MIXED.items()},
    "lists": {name: part.tolist() for name, part in MIXED.items()},
    "a sparse part": _but(numbers=csr_matrix(MIXED["numbers"])),
    "numbers in double precision": _but(numbers=MIXED["numbers"].astype(float)),
    "whole numbers for numbers": _but(numbers=np.ones((N_ROWS, 3), dtype=int)),
    "small integers for categories": _but(categories=MIXED["categories"].astype(np.int8)),
    "not writeable": {n: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for n, a in MIXED.items()},
    "one row": {name: part[:1] for name, part in MIXED.items()},
}
_BAD_TUPLES: dict[str, tuple[Any, type[Exception], str]] = {
    "parts of different lengths": ((PAIR[0], PAIR[1][:-1]), ValueError, "one length"),
    "NaN in one part": ((PAIR[0], PAIR[1] * np.nan), ValueError, "part 1"),
    "a part is missing": (PAIR[:1], ValueError, "X"),
    "a part too many": ((*PAIR, PAIR[0]), ValueError, "X"),
    "parts in another order": (PAIR[::-1], ValueError, "rows of shape (3,)"),
    "a dictionary": ({"left": PAIR[0], "right": PAIR[1]}, ValueError, "X is a dictionary"),
}
_BAD_TOKENS: dict[str, tuple[Any, type[Exception], str]] = {
    "tokens out of the vocabulary": (
        _with("input_ids", (-1, 2), 20, TOKENS), ValueError, "'input_ids' holds 0 to 20"
    ),
    "tokens of another length": ({n: part[:, :-1] for n, part in TOKENS.items()}, ValueError, "padded to one"),
    "no mask": ({"input_ids": TOKENS["input_ids"]}, ValueError, "X lacks 'attention_mask'"),
    "texts": (["a text"] * N_ROWS, ValueError, "array"),
}  # fmt: skip


def _cases(bad: dict[str, tuple[Any, type[Exception], str]], methods: tuple[str, ...]) -> list[Case]:
    return [
        Case(f"{method}: {what}", _feed(method, rows), error, words)
        for what, (rows, error, words) in bad.items()
        for method in methods
    ]


class Raises(Dataset):
    """Rows of one table, of which one cannot be read."""

    def __len__(self) -> int:
        return N_ROWS

    def __getitem__(self, i: int) -> Any:
        if i == N_ROWS // 2:
            raise OSError("the disk is gone")
        return torch.ones(4), int(CODES[i])


class Shapes(Raises):
    """Rows on disk of two shapes."""

    def __getitem__(self, i: int) -> Any:
        return torch.ones(4 + (i == N_ROWS // 2)), int(CODES[i])


def _dataset_subject() -> Any:
    return copy.deepcopy(_fitted_on_a_table())


@functools.cache
def _fitted_on_a_table() -> Any:
    rows, codes = _KINDS["array"].draw(0, Path(), N_ROWS)
    net = _KINDS["array"].net(max_epochs=1, warm_start=True).fit(rows, codes)
    net.good_rows_ = rows
    return net


def _maker(kind: str, **params: Any) -> dict[str, Callable[[], Any]]:
    return {"classifier": functools.partial(subject, kind, **params)}


_FIT_ALONE = Case("fit: a Dataset that fails in the middle", _feed("fit", Raises(), None), OSError, "the disk is")
GROUPS = [
    Group("Rows in a dictionary", _maker("numbers_and_categories"), _cases(_BAD, METHODS)),
    Group(
        "Rows in a dictionary, to a network that goes on",
        _maker("numbers_and_categories", warm_start=True),
        _cases(_OTHER, METHODS),
    ),
    Group(
        "Odd rows in a dictionary",
        _maker("numbers_and_categories"),
        [Case(f"predict: {what}", _feed("predict", rows), None) for what, rows in _ODD.items()]
        + [
            Case(f"{method}: {what}", _feed(method, rows, LABELS[: 1 if what == "one row" else N_ROWS]), None)
            for what, rows in _ODD.items()
            for method in ("fit", "partial_fit")
            if what != "one row" or method == "partial_fit"
        ],
    ),
    Group("Rows in a tuple", _maker("tuple", warm_start=True), _cases(_BAD_TUPLES, METHODS)),
    Group("Tokens", _maker("tokens", warm_start=True), _cases(_BAD_TOKENS, METHODS)),
    Group(
        "Datasets",
        {"classifier": _dataset_subject},
        [
            _FIT_ALONE,
            Case("partial_fit: a Dataset that fails in the middle", _feed("partial_fit", Raises(), None), OSError),
            Case("predict: a Dataset that fails in the middle", _feed("predict", Raises()), OSError),
            Case("fit: rows on disk of two shapes", _feed("fit", Shapes(), None), RuntimeError),
            Case("partial_fit: rows on disk of two shapes", _feed("partial_fit", Shapes(), None), RuntimeError),
        ],
    ),
]
