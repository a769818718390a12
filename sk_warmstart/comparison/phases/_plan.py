"""Plans of phases, from whatever the user passes as ``phases``."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._compat._sklearn import num_samples
from .._rows import numbered
from ._class_incremental import ClassIncremental
from ._draws import evenly_by_class, group_by_group, group_codes
from ._phase import Index, Phase, Plan, Replicate


def plan_phases(
    phases: Any,
    X: Any,
    y: Any,
    labels: NDArray | None,
    rng: np.random.Generator,
    groups: Any = None,
    replicate: Replicate | None = None,
) -> Plan:
    """Make the plan of one replicate from a plan, a scikit-learn splitter or a list of pairs of rows.

    They are given rows in several parts, and those of a Dataset, by their numbers.

    Splits whose test rows are never trained on before (``TimeSeriesSplit``) are one stream. With others
    (``KFold``, ``ShuffleSplit``) a later fit would have seen the test rows of its own donor, so each split
    is a stream of its own: half of its training rows, then all of them. A splitter that draws gets a seed of
    ``rng`` whatever ``random_state`` it has, and its splits are not fixed.
    """
    X = numbered(X)
    if isinstance(phases, type):
        raise TypeError(f"phases is the class {phases.__name__}: pass an object, such as {phases.__name__}()")
    if hasattr(phases, "plan"):
        if labels is not None and isinstance(phases, ClassIncremental):
            labels = _names(y)  # the user's own labels: their order matters
        # A user's plan need not take more than these three.
        further = {} if groups is None else {"groups": groups}
        if "replicate" in inspect.signature(phases.plan).parameters:
            further["replicate"] = replicate
        return phases.plan(X, labels, rng, **further)
    random = False
    if isinstance(phases, Sequence) and not isinstance(phases, str):
        pairs = list(phases)
    elif hasattr(phases, "split") and not isinstance(phases, str):
        splitter = copy.copy(phases)
        random = bool(hasattr(splitter, "random_state") and getattr(splitter, "shuffle", True))
        if random:
            splitter.random_state = int(rng.integers(2**31))
        pairs = list(splitter.split(X, y, groups) if _wants(splitter, groups) else splitter.split(X, y))
    else:
        raise TypeError(
            "phases must be DataIncremental(...) or another plan, a scikit-learn splitter, or a list of (train, "
            f"test) pairs of row numbers, got {type(phases).__name__}"
        )
    n = num_samples(X)
    codes = None if groups is None else group_codes(groups, n)
    splits = [_checked(pair, number, n, codes) for number, pair in enumerate(pairs, start=1)]
    if not splits:
        raise ValueError("phases has no splits")
    if len(splits) > 1 and _never_looks_ahead(splits):
        return Plan([splits], fixed=not random)
    return Plan([[_first_half(split, labels, codes, rng), split] for split in splits], fixed=not random)


def _names(y: Any) -> NDArray:
    values = np.asarray(y)
    return values if values.ndim == 1 else values[:, 0]


def _wants(splitter: Any, groups: Any) -> bool:
    """Tell whether a splitter is to be given the groups; scikit-learn's warn where they ignore them."""
    if groups is None:
        return False
    if hasattr(splitter, "get_metadata_routing"):
        return bool(splitter.get_metadata_routing().consumes("split", ["groups"]))
    return True


def _checked(pair: Any, number: int, n: int, codes: Index | None) -> Phase:
    try:
        train, test = pair
    except (TypeError, ValueError):
        raise TypeError(f"split {number} of phases must be a pair (train, test) of row numbers") from None
    phase = Phase(_row_numbers(train, "training", number, n), _row_numbers(test, "test", number, n))
    both = np.intersect1d(phase.train, phase.test)
    if len(both):
        raise ValueError(f"split {number} of phases has row {both[0]} among its training and its test rows")
    if codes is not None and len(np.intersect1d(codes[phase.train], codes[phase.test])):
        raise ValueError(
            f"split {number} of phases has rows of the same group among its training and its test rows: use a "
            "splitter that respects groups, such as GroupKFold"
        )
    return phase


def _row_numbers(rows: Any, kind: str, number: int, n: int) -> Index:
    index = np.asarray(rows)
    if index.dtype == bool and index.shape == (n,):
        index = np.flatnonzero(index)
    if index.ndim != 1 or not index.size:
        raise ValueError(f"split {number} of phases needs a list of {kind} rows, and at least one")
    if not np.issubdtype(index.dtype, np.integer) or index.min() < 0 or index.max() >= n:
        raise ValueError(f"split {number} of phases must have {kind} rows numbered from 0 to {n - 1}")
    return index.astype(np.intp)


def _never_looks_ahead(splits: list[Phase]) -> bool:
    trained: set[int] = set()
    for split in splits:
        trained.update(split.train.tolist())
        if not trained.isdisjoint(split.test.tolist()):
            return False
    return True


def _first_half(split: Phase, labels: NDArray | None, codes: Index | None, rng: np.random.Generator) -> Phase:
    own = None if labels is None else labels[split.train]
    if codes is None:
        order = evenly_by_class(own, len(split.train), rng)
        return Phase(split.train[order[: max(1, len(order) // 2)]], split.test)
    if len(np.unique(codes[split.train])) < 2:
        raise ValueError("the training rows of a split are all of one group, which cannot come in two phases")
    order, ends = group_by_group(codes[split.train], own, 2, rng)
    return Phase(split.train[order[: ends[0]]], split.test)
