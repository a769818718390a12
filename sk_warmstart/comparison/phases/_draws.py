"""Draws that plans are made of: which rows test, in which order the others come, and where phases end."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._phase import Index

_DRAWS = 32


def check_count(name: str, value: Any, least: int) -> int:
    """Check a parameter that counts something.

    Parameters
    ----------
    name : str
        What the user calls it.
    value : object
        What the user gave.
    least : int
        The smallest that makes sense.

    Returns
    -------
    int
        The value.

    Raises
    ------
    ValueError
        If it is no integer, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def check_share(name: str, value: Any) -> float:
    """Check a parameter that is a share of the rows.

    Parameters
    ----------
    name : str
        What the user calls it.
    value : object
        What the user gave.

    Returns
    -------
    float
        The value.

    Raises
    ------
    ValueError
        If it is not between 0 and 1.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"{name} must be in (0, 1), got {value!r}")
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """Check a parameter that is true or false.

    Parameters
    ----------
    name : str
        What the user calls it.
    value : object
        What the user gave.

    Returns
    -------
    bool
        The value.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def group_codes(groups: Any, n: int) -> Index:
    """Number the groups.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Label of each row's group.
    n : int
        Number of rows.

    Returns
    -------
    ndarray of int
        Number of each row's group, in the order in which they first occur.

    Raises
    ------
    ValueError
        If there are not as many labels as rows, or some are missing.
    """
    return as_labels(groups, n).factorize()[0]


def as_labels(groups: Any, n: int) -> pd.Series:
    """Check labels of groups.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Label of each row's group.
    n : int
        Number of rows.

    Returns
    -------
    Series
        The same; pandas' types (categories, periods) stay.

    Raises
    ------
    ValueError
        If there are not as many labels as rows, or some are missing.
    """
    known = isinstance(groups, (pd.Series, pd.Index, pd.Categorical))
    given = groups if known else np.asarray(groups)
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
    """Draw the rows that test, whole groups at a time.

    Of some draws the one is taken whose size, and whose shares of the classes, come nearest.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Number of each row's group.
    labels : ndarray of shape (n_samples,) or None
        Classes, to be shared out evenly as far as the groups allow.
    test_size : float
        Share of the rows that is wanted.
    kept : int
        Number of groups that must be left to train on.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    train, test : ndarray of int
        The rows, in ascending order.
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
    """Draw an order of whole groups, and cut it into parts of about as many rows.

    Groups that bring a class not met before come first.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Number of each row's group; at least as many groups as parts.
    labels : ndarray of shape (n_rows,) or None
        Classes.
    n_parts : int
        Number of parts.
    rng : numpy.random.Generator
        Source of the order.

    Returns
    -------
    order : ndarray of int
        Positions of the rows.
    ends : list of int
        Where in it each part ends.
    """
    drawn = rng.permutation(np.unique(codes))
    if labels is not None:
        place, kinds = _places(drawn)[codes], np.unique(labels, return_inverse=True)[1]
        bringing = np.full(int(kinds.max()) + 1, len(drawn))
        np.minimum.at(bringing, kinds, place)  # the group that brings each class
        drawn = drawn[np.argsort(~np.isin(np.arange(len(drawn)), bringing), kind="stable")]
    rank = _places(drawn)
    order = np.argsort(rank[codes], kind="stable")
    known = np.cumsum(np.bincount(rank[codes]))  # rows known once a group has come
    parts: list[int] = []
    for part in range(n_parts):
        first, last = parts[-1] + 1 if parts else 0, len(known) - n_parts + part
        nearest = int(np.abs(known - (part + 1) / n_parts * len(codes)).argmin())
        parts.append(min(max(nearest, first), last))
    return order, [int(known[part]) for part in parts]


def _places(drawn: Index) -> Index:
    """Where each group's number is among those drawn."""
    places = np.empty(int(drawn.max()) + 1, dtype=np.intp)
    places[drawn] = np.arange(len(drawn))
    return places


def evenly_by_class(labels: NDArray | None, n: int, rng: np.random.Generator) -> Index:
    """Draw an order in which every prefix holds the classes in their shares, and begins with all of them.

    Parameters
    ----------
    labels : ndarray of shape (n,) or None
        Classes.
    n : int
        Number of rows.
    rng : numpy.random.Generator
        Source of the order.

    Returns
    -------
    ndarray of int
        Positions of the rows.
    """
    shuffled = rng.permutation(n)
    if labels is None:
        return shuffled
    position = np.empty(n)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        position[members] = np.r_[-1.0, (np.arange(1, len(members)) + rng.random()) / len(members)]
    return np.argsort(position, kind="stable")
