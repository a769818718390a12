"""Random draws of plans: rows that test, the order of the others, and where phases end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._phase import Index, Replicate

_FEW = 10  # groups, below which all sets of them can be gone through
_DRAWS = 100


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


def fold(n: int, n_test: int, labels: NDArray | None, replicate: Replicate, *key: int) -> Index:
    """Return which of n rows test in a replicate, sorted; ``key`` tells draws of one replicate apart.

    As many replicates in a row as there are whole test sets in n rows test disjoint folds of one order; then
    comes the next order. Classes are in all folds in their shares, and a class of two rows or more is never
    all in one.
    """
    n_folds = n // n_test
    round_, number = divmod(replicate.number, n_folds)
    rng = replicate.generator(round_, *key)
    order = rng.permutation(n)
    if labels is None:
        return np.sort(order[number * n_test : (number + 1) * n_test])
    if n_folds == 1:
        return np.sort(order[evenly_by_class(labels[order], n, rng)][n - n_test :])
    kinds = np.unique(labels, return_inverse=True)[1]
    rank = rng.permutation(int(kinds.max()) + 1)[kinds]
    order = order[np.argsort(rank[order], kind="stable")]  # class by class, dealt like cards
    dealt = np.delete(order, _left_over(np.bincount(rank), n_folds, n - n_folds * n_test, rng))
    return np.sort(dealt[(number + rng.integers(n_folds)) % n_folds :: n_folds])


def _left_over(counts: NDArray, n_folds: int, n_left: int, rng: np.random.Generator) -> Index:
    """Return evenly spread positions of the rows, ordered by class, that no fold of a round has.

    A class that can spare none keeps a row for each fold.
    """
    n = int(counts.sum())
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    spare = np.flatnonzero(place >= n_folds)
    if len(spare) < n_left:
        spare = np.arange(n)
    if not n_left:
        return spare[:0]
    return spare[(np.arange(n_left) * len(spare) + rng.integers(len(spare))) // n_left]


def hold_out_groups(
    codes: Index, labels: NDArray | None, test_size: float, kept: int, replicate: Replicate
) -> tuple[Index, Index]:
    """Draw the rows that test, whole groups at a time, and leave a number of groups to train on.

    All sets of groups whose size is near the one asked for, and which leave no class without rows to train or
    test on, are as likely. Of few groups, each tests about as often as any other over the replicates.
    """
    n_groups = int(codes.max()) + 1
    kinds = np.zeros(len(codes), dtype=np.intp) if labels is None else np.unique(labels, return_inverse=True)[1]
    counts = np.zeros((n_groups, kinds.max() + 1))
    np.add.at(counts, (codes, kinds), 1)
    draw = _in_turn if n_groups < _FEW else _at_random
    tests = draw(counts, test_size, kept, replicate)[codes]
    return np.flatnonzero(~tests), np.flatnonzero(tests)


def _absent(chosen: NDArray, counts: NDArray) -> NDArray:
    """Count the classes that each of some sets of groups leaves without rows to train or to test on.

    Classes of one group, of which that is true of all sets, do not count.
    """
    shared = counts[:, (counts > 0).sum(axis=0) > 1]
    test = chosen.astype(float) @ shared
    return ((test == 0) | (test == shared.sum(axis=0))).sum(axis=1)


def _near(sizes: NDArray, test_size: float) -> float:
    """Return how many rows a set may have more or less than was asked for: 30 %, or half a group."""
    return max(0.3 * test_size * float(sizes.sum()), float(sizes.mean()) / 2)


def _at_random(counts: NDArray, test_size: float, kept: int, replicate: Replicate) -> NDArray[np.bool_]:
    """Draw one set of groups: the first that will do, or the least bad of many."""
    rng, sizes = replicate.generator(0, replicate.number), counts.sum(axis=1)
    wanted, near = test_size * sizes.sum(), _near(sizes, test_size)
    best, least = np.zeros(len(sizes), dtype=bool), np.inf
    for _ in range(_DRAWS):
        order = rng.permutation(len(sizes))
        off = np.abs(np.cumsum(sizes[order])[: len(sizes) - kept] - wanted)
        n_chosen = int(off.argmin()) + 1
        chosen = np.zeros(len(sizes), dtype=bool)
        chosen[order[:n_chosen]] = True
        # Only kinds of fault count: the best by a finer measure would be much the same set in all replicates.
        bad = int(_absent(chosen[None], counts)[0]) + 0.5 * (off[n_chosen - 1] > near)
        if bad < least:
            best, least = chosen, bad
        if not bad:
            break
    return best


def _in_turn(counts: NDArray, test_size: float, kept: int, replicate: Replicate) -> NDArray[np.bool_]:
    """Return the set of groups whose turn it is: each replicate draws among the sets that tested least so far."""
    sizes = counts.sum(axis=1)
    sets = np.arange(1, 2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1 == 1
    sets = sets[sets.sum(axis=1) <= len(sizes) - kept]
    absent = _absent(sets, counts)
    sets = sets[absent == absent.min()]
    off = np.abs(sets @ sizes - test_size * sizes.sum())
    sets = sets[off <= max(_near(sizes, test_size), 1.5 * off.min()) * (1 + 1e-9)]
    rng, tested = replicate.generator(0), np.zeros(len(sizes))
    for _ in range(replicate.number + 1):
        load = sets @ tested / sets.sum(axis=1)
        chosen = sets[rng.choice(np.flatnonzero(load <= load.min() + 1e-9))]
        tested += chosen
    return chosen


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
