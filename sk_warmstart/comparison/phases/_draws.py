"""Random draws of plans: rows that test, the order of the others, and where phases end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._phase import Index

_DRAWS = 32


def group_codes(groups: Any, n: int) -> Index:
    """Number the groups of all rows in the order in which they first occur."""
    return as_labels(groups, n).factorize()[0]


def as_labels(groups: Any, n: int) -> pd.Series:
    """Return one label for each of n rows, or raise a ValueError; pandas' types (categories, periods) stay."""
    typed = isinstance(groups, (pd.Series, pd.Index, pd.Categorical))
    given = groups if typed else np.asarray(groups)
    if given.ndim != 1:
        raise ValueError(f"groups must have one label for each row, got an array of shape {given.shape}")
    labels = pd.Series(given).reset_index(drop=True)
    if len(labels) != n:
        raise ValueError(f"groups must have one label for each of the {n} rows, got {len(labels)}")
    if missing := int(labels.isna().sum()):
        raise ValueError(
            f"groups has {missing} missing {'label' if missing == 1 else 'labels'}: every row needs a group"
        )
    return labels


def hold_out_groups(
    codes: Index, labels: NDArray | None, test_size: float, kept: int, rng: np.random.Generator
) -> tuple[Index, Index]:
    """Draw the rows that test, whole groups at a time, and leave a number of groups to train on.

    Of some draws the one is taken whose size, and whose shares of the classes, come nearest.
    """
    sizes = np.bincount(codes)
    kinds = np.zeros(len(codes), dtype=np.intp) if labels is None else np.unique(labels, return_inverse=True)[1]
    counts = np.zeros((len(sizes), kinds.max() + 1))
    np.add.at(counts, (codes, kinds), 1)
    best, least = np.empty(0, dtype=np.intp), np.inf
    for _ in range(_DRAWS):
        order = rng.permutation(len(sizes))
        held = np.cumsum(sizes[order])[: len(sizes) - kept]
        chosen = order[: int(np.abs(held - test_size * len(codes)).argmin()) + 1]
        test = counts[chosen].sum(axis=0)
        unfair = np.abs(test / counts.sum(axis=0) - test_size).mean()
        # A class that is all on one side cannot be learnt, or cannot be judged.
        absent = ((test == 0) | (test == counts.sum(axis=0))).sum()
        if unfair + absent < least:
            best, least = chosen, unfair + absent
    tests = np.isin(codes, best)
    return np.flatnonzero(~tests), np.flatnonzero(tests)


def group_by_group(
    codes: Index, labels: NDArray | None, n_parts: int, rng: np.random.Generator
) -> tuple[Index, list[int]]:
    """Draw an order of whole groups, cut into parts of about as many rows: positions, and where each part ends.

    Groups that bring a class not met before come first.
    """
    drawn = rng.permutation(np.unique(codes))
    if labels is not None:
        place, kinds = _places(drawn)[codes], np.unique(labels, return_inverse=True)[1]
        bringing = np.full(int(kinds.max()) + 1, len(drawn))
        np.minimum.at(bringing, kinds, place)  # the group that brings each class
        drawn = drawn[np.argsort(~np.isin(np.arange(len(drawn)), bringing), kind="stable")]
    rank = _places(drawn)
    order = np.argsort(rank[codes], kind="stable")
    arrived = np.cumsum(np.bincount(rank[codes]))  # rows by the end of each group
    parts: list[int] = []
    for part in range(n_parts):
        first, last = parts[-1] + 1 if parts else 0, len(arrived) - n_parts + part
        nearest = int(np.abs(arrived - (part + 1) / n_parts * len(codes)).argmin())
        parts.append(min(max(nearest, first), last))
    return order, [int(arrived[part]) for part in parts]


def _places(drawn: Index) -> Index:
    """Return the position of each group's number among those drawn."""
    places = np.empty(int(drawn.max()) + 1, dtype=np.intp)
    places[drawn] = np.arange(len(drawn))
    return places


def evenly_by_class(labels: NDArray | None, n: int, rng: np.random.Generator) -> Index:
    """Draw an order in which every prefix holds the classes in their shares, and begins with all of them."""
    shuffled = rng.permutation(n)
    if labels is None:
        return shuffled
    position = np.empty(n)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        position[members] = np.r_[-1.0, (np.arange(1, len(members)) + rng.random()) / len(members)]
    return np.argsort(position, kind="stable")
