"""Phases that the rows do not allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import KFold

from sk_warmstart import ClassIncremental, DataIncremental, OldAndNew, RollingWindow

from ._case import Call, Case, Group, literal_of
from ._subjects import LABELS, N_ROWS, X, comparator
from .parameters import NAN

_SHARES = [0, 1, -0.1, 1.5, NAN, "half", None, True]
_COUNTS = [1, 0, 2.5, "five", None, True, 99]
VALUES: dict[Any, tuple[dict[str, Any], dict[str, list[Any]]]] = {
    DataIncremental: ({}, {"n_phases": _COUNTS, "test_size": [*_SHARES, 0.99]}),
    ClassIncremental: (
        {"n_phases": 2},
        {
            "n_phases": _COUNTS,
            "test_size": _SHARES,
            "order": ["reverse", 3, None, [0, 1], [0, 1, 2, 3], [0, 0, 1], [[0], [1, 2], []], [0, [1, 2]]],
            "cumulative": ["yes", None, 2],
        },
    ),
    RollingWindow: (
        {"window": 10},
        {
            "window": [0, -1, 2.5, "wide", None, True, 99],
            "step": [0, 1.5, "one", True],
            "expanding": ["yes", None, 2],
            "min_train": [0, 1.5, "all", True, 99],
        },
    ),
    OldAndNew: (
        {"n_old": 20},
        {
            "n_old": [0, -1, 2.5, "all", None, 40],
            "n_phases": _COUNTS,
            "test_size": _SHARES,
            "keep_old": ["yes", None, 2],
        },
    ),
}
# Where it is the rows that are too few, the message tells of rows.
TOO_MANY = {99: "too", 0.99: "too many", 40: "too few"}


def _set(phases: Any, **others: Any) -> Call:
    return lambda compared: compared.set_params(phases=phases).fit(X, LABELS, **others)


def _words(name: str, value: Any) -> str:
    return TOO_MANY.get(value, name) if isinstance(value, int | float) else name


PARAMETERS = [
    Case(
        f"{cls.__name__}({name}={literal_of(value)})",
        _set(cls(**{**known, name: value})),
        words=_words(name, value),
    )
    for cls, (known, parameters) in VALUES.items()
    for name, values in parameters.items()
    for value in values
]
LISTS = [
    Case(f"phases={literal_of(value)}", _set(value), error, words)
    for value, error, words in [
        (3, TypeError, "phases must be"),
        ("5", TypeError, "phases must be"),
        ([], ValueError, "phases has no splits"),
        ([3], TypeError, "split 1 of phases must be a pair"),
        ([([0], [0])], ValueError, "row 0 among its training and its test rows"),
        ([([0, 1], [99, 100])], ValueError, "numbered from 0 to 39"),
        ([([0.5, 1], [2, 3])], ValueError, "split 1 of phases"),
        ([([], [2, 3])], ValueError, "at least one"),
        (KFold, TypeError, "phases is the class KFold"),
        (KFold(50), ValueError, "n_splits=50"),
    ]
]
_GROUPS: list[tuple[str, Any, str]] = [
    ("one group for all rows", np.ones(N_ROWS), "group"),
    ("groups with NaN", np.where(np.arange(N_ROWS) < 3, NAN, 1.0), "groups has 3 missing labels"),
    ("groups in a table", np.ones((N_ROWS, 2)), "groups must have one label for each row"),
]
GROUPED = [
    Case(f"{cls.__name__}: {what}", _set(cls(**known), groups=groups), words=words)
    for cls, (known, _) in VALUES.items()
    for what, groups, words in _GROUPS
]
OF_TIME = [
    Case(
        "RollingWindow: groups that cannot be sorted",
        _set(RollingWindow(2), groups=np.array(["Jan", 1] * (N_ROWS // 2), dtype=object)),
        words="the groups cannot be sorted",
    ),
    Case(
        "RollingWindow: groups of text out of order",
        _set(RollingWindow(2), groups=np.repeat(["Jan", "Feb", "Mar", "Apr"], N_ROWS // 4)),
        words="the order of the groups is not clear",
    ),
    Case(
        "RollingWindow: no rows",
        lambda compared: RollingWindow(2).plan(X[:0], None, np.random.default_rng(0)),
        words="0 rows are too few",
    ),
]

GROUPS = [Group("phases", {"comparator": comparator}, [*PARAMETERS, *LISTS, *GROUPED, *OF_TIME])]
