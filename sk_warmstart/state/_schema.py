"""Schema of a network: the names of its columns and classes, and the order of one schema in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PART_KINDS = ("float", "integer", "bool", "bytes")


@dataclass(frozen=True)
class PartSchema:
    """One of several parts that the rows of a network have.

    Parameters
    ----------
    name : str
        The argument of the network that it is given to; of a tuple its place.
    kind : {"float", "integer", "bool", "bytes"}
        What its numbers are; bytes are those of images.
    shape : tuple of int
        Of one row.
    columns : tuple of str or None, default=None
        Names of its columns, where it is a DataFrame.

    Examples
    --------
    >>> from sk_warmstart.state import PartSchema
    >>> PartSchema("input_ids", "integer", (128,)).shape
    (128,)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """Meaning of the inputs and outputs of a network.

    Parameters
    ----------
    n_features : int or None, default=None
        Number of input columns; None where the input is no table.
    columns : tuple of str or None, default=None
        Their names, where they have any.
    classes : ndarray or None, default=None
        Labels, in the order of the outputs.
    targets : tuple of str or None, default=None
        Names of the target columns of a regression.
    framed : bool, default=False
        Whether the names came with the rows, as a DataFrame's do, and not from the transformers before.
    parts : tuple of PartSchema or None, default=None
        The parts of a row, where the input is a dictionary or tuple.
    named : bool, default=True
        Whether the parts go by name, as those of a dictionary do, and not by place.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.state import Schema
    >>> Schema(n_features=2, columns=("age", "height"), classes=np.array(["no", "yes"])).columns
    ('age', 'height')
    """

    n_features: int | None = None
    columns: tuple[str, ...] | None = None
    classes: NDArray | None = None
    targets: tuple[str, ...] | None = None
    framed: bool = False
    parts: tuple[PartSchema, ...] | None = None
    named: bool = True


@dataclass(frozen=True)
class Reindex:
    """The old place of each entry of a new order, -1 for a new entry; ``n_old`` entries there were."""

    source: NDArray[np.int64]
    n_old: int

    @property
    def is_identity(self) -> bool:
        """Whether nothing moved, came or went."""
        return len(self.source) == self.n_old and bool((self.source == np.arange(self.n_old)).all())

    @property
    def added(self) -> NDArray[np.int64]:
        """Places of the new entries."""
        return np.flatnonzero(self.source < 0)

    @property
    def dropped(self) -> NDArray[np.int64]:
        """Old places of the entries that are gone."""
        return np.setdiff1d(np.arange(self.n_old), self.source)


def map_names(old: Sequence[str], new: Sequence[str], what: str = "columns") -> Reindex:
    """Map names onto the places that they had."""
    for names in (old, new):
        if len(set(names)) != len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise ValueError(f"schema='adapt' maps {what} by name, but the name {twice!r} occurs more than once")
    places = {name: i for i, name in enumerate(old)}
    source = np.array([places.get(name, -1) for name in new], dtype=np.int64)
    if len(old) and not (source >= 0).any():
        raise ValueError(
            f"schema='adapt' maps {what} by name, but none of the {len(old)} old names ({_some(old)}) is among "
            f"the {len(new)} new ones ({_some(new)})"
        )
    return Reindex(source, len(old))


def map_columns(old: Schema, new: Schema) -> Reindex | None:
    """Map the input columns of a new schema onto those of an old one."""
    if old.n_features is None or new.n_features is None:
        return None
    if old.columns is not None and new.columns is not None:
        return map_names(old.columns, new.columns)
    if old.n_features == new.n_features:
        return Reindex(np.arange(old.n_features), old.n_features)
    nameless = "now" if old.columns is not None else "in the donor"
    raise ValueError(
        f"schema='adapt' maps columns by name: there were {old.n_features} columns and are {new.n_features}, and "
        f"{nameless} they have no names. Pass a DataFrame whose columns are named by text (numbers are no names: "
        "X.columns = X.columns.astype(str)); in a Pipeline the names come from the transformers' "
        "get_feature_names_out"
    )


def merge_labels(old: NDArray, new: NDArray) -> NDArray:
    """Return all labels, old and new: sorted if the old ones were, else the new ones after them."""
    new = np.unique(new)
    if old.dtype != object:
        new = _natural(new)  # a Series of strings holds objects, a list of them does not
    if not _comparable(_natural(old).dtype, _natural(new).dtype):
        raise ValueError(
            f"labels of another kind than before: they were {old.dtype} ({_some(old)}) and are {new.dtype} "
            f"({_some(new)})"
        )
    unseen = new[~np.isin(new, old, kind="sort")]  # NumPy 2.0: a table overflows
    if not len(unseen):
        return old
    merged = np.concatenate([old, unseen])
    ordered = len(old) < 2 or bool((old[:-1] <= old[1:]).all())
    return np.sort(merged) if ordered else merged


def map_labels(old: NDArray, new: NDArray) -> Reindex:
    """Map labels onto the outputs that they had."""
    if not len(old):
        return Reindex(np.full(len(new), -1, dtype=np.int64), 0)
    order = np.argsort(old, kind="stable")
    place = np.searchsorted(old, new, sorter=order).clip(max=len(old) - 1)
    candidates = order[place]
    return Reindex(np.where(old[candidates] == new, candidates, -1).astype(np.int64), len(old))


def _comparable(a: np.dtype, b: np.dtype) -> bool:
    return a.kind == b.kind or (a.kind in "iufb" and b.kind in "iufb")


def _natural(labels: NDArray) -> NDArray:
    """Objects as the strings or numbers that they are."""
    return np.array(labels.tolist()) if labels.dtype == object else labels


def _some(names: Sequence | NDArray, n: int = 4) -> str:
    first = names[:n]
    shown = ", ".join(map(repr, first.tolist() if isinstance(first, np.ndarray) else first))
    return shown + (", ..." if len(names) > n else "")
