"""Targets, weights, identities, validation rows and classes that are wrong, or odd."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ._case import Call, Case, Group
from ._subjects import LABELS, N_ROWS, NUMBERS, X, both, classifier, regressor, target_of

TRAINING = ("fit", "partial_fit")
_THIRD = np.arange(N_ROWS) == 2
_GAP = np.where(_THIRD, np.nan, NUMBERS)
_TWO = np.c_[NUMBERS, NUMBERS]
_MIXED = np.array(["a", 1] * (N_ROWS // 2), dtype=object)


def _of(method: str, y: Any) -> Call:
    return lambda net: getattr(net, method)(X, y)


def _with(method: str, **others: Any) -> Call:
    return lambda net: getattr(net, method)(X, target_of(net), **others)


def _classes(classes: Any) -> Call:
    return lambda net: net.partial_fit(X, LABELS, classes=classes)


def _all(methods: tuple[str, ...], rows: list[tuple[str, Any, type[Exception], str]]) -> list[Case]:
    return [
        Case(f"{method}: {what}", _of(method, y), error, words)
        for what, y, error, words in rows
        for method in methods
    ]


LABEL_CASES = [
    *_all(
        TRAINING,
        [
            ("y is None", None, ValueError, "y to be passed"),
            ("y is a number", 3, ValueError, "y should have a target for each row of X"),
            ("y is shorter than X", LABELS[:-1], ValueError, "inconsistent numbers of samples"),
            ("y is a table", np.c_[LABELS, LABELS], ValueError, "y should be a 1d array"),
            ("y is numbers, not labels", NUMBERS, ValueError, "Unknown label type"),
            ("y has NaN", np.where(_THIRD, np.nan, LABELS), ValueError, "y contains NaN"),
            ("y has None", np.where(_THIRD, None, LABELS), ValueError, "y"),
            ("y mixes text and numbers", _MIXED, ValueError, "y has labels that cannot be put in order"),
        ],
    ),
    *_all(
        ("score",),
        [
            ("y is None", None, ValueError, "y_true"),
            ("y is shorter than X", LABELS[:-1], ValueError, "inconsistent numbers of samples"),
            ("y is numbers, not labels", NUMBERS, ValueError, "continuous"),
        ],
    ),
    Case("partial_fit: y has a label that is new", _of("partial_fit", LABELS + 1), words="'y' has [1 2 3]"),
]
LABELS_ODD = [
    Case("fit: y has one class only", _of("fit", np.zeros(N_ROWS, int)), None),
    Case("partial_fit: y has one class only", _of("partial_fit", np.zeros(N_ROWS, int)), None),
    Case("score: y has a label that is new", _of("score", LABELS + 1), None),
    Case("partial_fit: classes has a label twice", _classes([0, 0, 1, 2]), None),  # as in scikit-learn
]
# A cold fit may have other labels.
LABELS_WARM = [
    Case("fit: y has a label that is new", _of("fit", LABELS + 1), words="same classes"),
    Case("fit: y has labels of another type", _of("fit", LABELS.astype(str)), words="same classes"),
]
CLASSES = [
    Case(f"partial_fit: classes {what}", _classes(classes), words="classes")
    for what, classes in [
        ("lacks a label of y", [0, 1]),
        ("has others than before", [0, 1, 2, 3]),
        ("is empty", []),
        ("is of another type", ["0", "1", "2"]),
        ("is a table", [[0, 1], [2, 3]]),
        ("has NaN", [0.0, 1.0, np.nan]),
        ("is a number", 3),
    ]
]
NUMBER_CASES = [
    *_all(
        TRAINING,
        [
            ("y is None", None, ValueError, "y to be passed"),
            ("y is a number", 3, ValueError, "y should have a target for each row of X"),
            ("y is shorter than X", NUMBERS[:-1], ValueError, "inconsistent numbers of samples"),
            ("y has three dimensions", np.zeros((N_ROWS, 2, 2)), ValueError, "dim 3"),
            ("y has NaN", _GAP, ValueError, "NaN"),
            ("y has inf", np.where(_THIRD, np.inf, NUMBERS), ValueError, "infinity"),
            ("y is text", np.array(["tall"] * N_ROWS), ValueError, "y is not numeric"),
            ("y is complex", NUMBERS.astype(complex), ValueError, "Complex"),
        ],
    ),
    *_all(
        ("score",),
        [
            ("y is None", None, ValueError, "y_true"),
            ("y is shorter than X", NUMBERS[:-1], ValueError, "inconsistent numbers of samples"),
            ("y has NaN", _GAP, ValueError, "NaN"),
        ],
    ),
    Case("partial_fit: y has two columns where it had one", _of("partial_fit", _TWO), words="y has 2 columns"),
]
NUMBERS_HUGE = [
    Case(f"{method}: y is {value:g}", _of(method, np.full(N_ROWS, value)), words=words)
    for method, words in (("fit", "may contain large values"), ("partial_fit", "scale the inputs and targets"))
    for value in (1e200, 1e308)
]
_TOO_LARGE = "Input y contains a value too large for float32"
NUMBERS_TOO_GREAT = [
    Case(f"{method}: y is 1e39, the network is of float32", _of(method, np.full(N_ROWS, 1e39)), words=_TOO_LARGE)
    for method in TRAINING
]
NUMBERS_ODD = [
    Case("fit: y is constant", _of("fit", np.ones(N_ROWS)), None),
    Case("partial_fit: y is constant", _of("partial_fit", np.ones(N_ROWS)), None),
    Case("fit: y holds whole numbers", _of("fit", LABELS), None),
]

_WEIGHTS: list[tuple[str, Any, str]] = [
    ("is shorter than X", np.ones(N_ROWS - 1), "sample_weight.shape"),
    ("is negative", -np.ones(N_ROWS), "Negative values in data passed to `sample_weight`"),
    ("is zero everywhere", np.zeros(N_ROWS), "weight"),
    ("has NaN", np.full(N_ROWS, np.nan), "sample_weight contains NaN"),
    ("is text", np.array(["heavy"] * N_ROWS), "sample_weight is not numeric"),
    ("is a table", np.ones((N_ROWS, 2)), "Sample weights must be 1D"),
]


def _valid(**others: Any) -> Call:
    """Fit with validation rows given, the first five by default."""

    def call(net: Any) -> Any:
        own = {"X_val": X[:5], "y_val": target_of(net)[:5], **others}
        return net.fit(X, target_of(net), **own)

    return call


BESIDE = [
    *(
        Case(f"{method}: sample_weight {what}", _with(method, sample_weight=weight), words=words)
        for what, weight, words in _WEIGHTS
        for method in TRAINING
    ),
    *(
        Case(
            f"{method}: sample_id is shorter than X", _with(method, sample_id=np.arange(3)), words="has 3 entries"
        )
        for method in ("fit", "score")
    ),
    Case("fit: sample_id is a table", _with("fit", sample_id=np.ones((N_ROWS, 2))), words="sample_id"),
    Case("fit: sample_id has NaN", _with("fit", sample_id=_GAP), words="sample_id"),
    Case("fit: X_val without y_val", _valid(y_val=None), words="X_val needs y_val"),
    Case("fit: y_val without X_val", _valid(X_val=None), words="y_val needs X_val"),
    Case("fit: X_val has other columns", _valid(X_val=X[:5, :3]), words="expecting 4 features"),
    Case("fit: X_val has NaN", _valid(X_val=np.full((5, 4), np.nan)), words="NaN"),
    Case("fit: X_val has no rows", _valid(X_val=X[:0], y_val=[]), words="0 sample"),
    Case("fit: y_val is shorter than X_val", _valid(X_val=X[:7]), words="inconsistent numbers of samples"),
    Case("fit: sample_weight_val is shorter than X_val", _valid(sample_weight_val=[1, 1]), words="sample_weight"),
    Case(
        "fit: sample_weight_val without X_val",
        _valid(X_val=None, y_val=None, sample_weight_val=np.ones(3)),
        words="sample_weight_val needs X_val",
    ),
    Case("fit: an unknown argument", _with("fit", wieght=3), TypeError, "'wieght'"),
    Case("partial_fit: an unknown argument", _with("partial_fit", wieght=3), TypeError, "'wieght'"),
]
VALIDATION_LABELS = [Case("fit: y_val has a label that y has not", _valid(y_val=[7] * 5), words="7")]

GROUPS = [
    Group("labels", {"classifier": classifier}, [*LABEL_CASES, *CLASSES]),
    Group("labels of a warm start", {"classifier": functools.partial(classifier, warm_start=True)}, LABELS_WARM),
    Group("odd labels", {"classifier": classifier}, LABELS_ODD),
    Group("numbers", {"regressor": regressor}, [*NUMBER_CASES, *NUMBERS_HUGE]),
    Group("numbers of float32", {"regressor": functools.partial(regressor, dtype="float32")}, NUMBERS_TOO_GREAT),
    Group("odd numbers", {"regressor": regressor}, NUMBERS_ODD),
    Group("weights, identities and validation rows", both(), BESIDE),
    Group("labels of validation rows", {"classifier": classifier}, VALIDATION_LABELS),
]
