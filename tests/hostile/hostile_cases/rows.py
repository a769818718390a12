"""Rows that are wrong, or odd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.exceptions import UndefinedMetricWarning

from ._case import Call, Case, Group
from ._subjects import N_ROWS, TABLE, X, both, classifier, regressor, target_of

METHODS = ("fit", "partial_fit", "predict", "score")


def _with(value: Any, dtype: Any = float) -> Any:
    rows = X.astype(dtype)
    rows[3, 1] = value
    return rows


def _feed(method: str, rows: Any) -> Call:
    def call(net: Any) -> Any:
        if method == "predict":
            return net.predict(rows)
        n = rows.shape[0] if getattr(rows, "ndim", 0) else N_ROWS
        return getattr(net, method)(rows, np.resize(target_of(net), n))

    return call


_BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "X has one dimension": (X[:, 0], ValueError, "Expected 2D array"),
    "X has three dimensions": (np.zeros((N_ROWS, 4, 2)), ValueError, "dim 3"),
    "X is a number": (3.0, ValueError, "Expected 2D array"),
    "X is None": (None, ValueError, "X is None: pass the rows"),
    "X is a string": ("rows", ValueError, "X"),
    "X has no rows": (X[:0], ValueError, "0 sample"),
    "X has no columns": (X[:, :0], ValueError, "0 feature"),
    "X has NaN": (_with(np.nan), ValueError, "X contains NaN"),
    "X has inf": (_with(np.inf), ValueError, "X contains infinity"),
    "X has None": (_with(None, object), ValueError, "NaN"),
    "X has text": (_with("tall", object), ValueError, "column 1 of X is not numeric: encode it"),
    "X has a dict": (_with({"a": 1}, object), TypeError, "dict"),
    "X is complex": (X.astype(complex), ValueError, "Complex data not supported"),
    "X is ragged": ([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0]], ValueError, "inhomogeneous"),
    "X is dates": (np.full((N_ROWS, 4), np.datetime64("2026-01-01")), ValueError, "X holds dates: make numbers"),
    "X is sparse and has NaN": (csr_matrix(_with(np.nan)), ValueError, "X contains NaN"),
}
_ODD: dict[str, Any] = {
    "X is a list of lists": X.tolist(),
    "X holds whole numbers": np.arange(4 * N_ROWS).reshape(N_ROWS, 4) % 7,
    "X holds truth values": X > 0,
    "X is in Fortran order": np.asfortranarray(X),
    "X is not writeable": np.frombuffer(X.tobytes()).reshape(X.shape),
    "X runs backwards": X[::-1],
    "X is half precision": X.astype(np.float16),
    "X has constant columns": np.ones((N_ROWS, 4)),
    "X has numbers as objects": X.astype(object),
    "X is subnormal": np.full((N_ROWS, 4), 5e-324),
    "X has 1e39 in a cell": _with(1e39),
    "X is sparse and empty of numbers": csr_matrix((N_ROWS, 4)),
}
_DOUBLED = TABLE.set_axis(["age", "height", "height", "pulse"], axis=1)
_CATEGORIES = pd.Categorical(["old"] * N_ROWS)
_TEXT = "column 'age' of X is not numeric: encode it (for example OneHotEncoder) or drop it"
_MIXED = TABLE.set_axis(["age", 1, "weight", "pulse"], axis=1)
_MISSING = TABLE.assign(age=pd.array([pd.NA] * N_ROWS, "Float64"))

BAD = [
    Case(f"{method}: {what}", _feed(method, rows), error, words)
    for what, (rows, error, words) in _BAD.items()
    for method in METHODS
]
ODD = [Case(f"{method}: {what}", _feed(method, rows), None) for what, rows in _ODD.items() for method in METHODS]
ONE_ROW = [Case(f"{method}: X has one row", _feed(method, X[:1]), None) for method in METHODS]
R2_OF_ONE_ROW = Case(
    "score: X has one row", _feed("score", X[:1]), UndefinedMetricWarning, "less than two samples"
)

_TOO_LARGE = "Input X contains a value too large for float32"
# To estimators of dtype="float32", which such a number overflows.
TOO_GREAT = [
    Case(
        f"{method}: X has {value:g} in a cell, the network is of float32",
        _feed(method, _with(value)),
        words=_TOO_LARGE,
    )
    for value in (1e39, 1e300)
    for method in METHODS
]

# To estimators that were fitted on a table with names; a fit that starts cold may have other columns.
CONTENT = [
    Case(f"{method}: {what}", _feed(method, rows), error, words)
    for what, rows, error, words in [
        ("a column of text", TABLE.assign(age="old"), ValueError, _TEXT),
        ("a column of categories", TABLE.assign(age=_CATEGORIES), ValueError, _TEXT),
        ("a column of missing values", _MISSING, ValueError, "NaN"),
        ("two columns of one name", _DOUBLED, ValueError, "X has more than one column named 'height'"),
        ("names of mixed kinds", _MIXED, TypeError, "feature names"),
    ]
    for method in METHODS
]
NAMES = [
    Case(f"{method}: {what}", _feed(method, rows), ValueError, words)
    for what, rows, words in [
        ("a column is missing", TABLE.drop(columns="pulse"), "pulse"),
        ("a column is renamed", TABLE.rename(columns={"age": "years"}), "years"),
        ("columns in another order", TABLE[["height", "age", "weight", "pulse"]], "same order"),
        ("a column too many", TABLE.assign(extra=1.0), "extra"),
    ]
    for method in METHODS
]
NUMBER_OF_COLUMNS = [
    Case(f"{method}: X has {n} columns", _feed(method, np.zeros((N_ROWS, n))), words="expecting 4 features")
    for n in (3, 5)
    for method in METHODS
]

GROUPS = [
    Group("wrong rows", both(), BAD),
    Group("a column or its name is wrong", both(named=True), CONTENT),
    Group("other columns than before", both(named=True, warm_start=True), NAMES),
    Group("another number of columns than before", both(warm_start=True), NUMBER_OF_COLUMNS),
    Group("too large for the network", both(dtype="float32"), TOO_GREAT),
    Group("odd rows", both(), ODD),
    Group("one row", {"classifier": classifier}, ONE_ROW),
    Group("one row of numbers", {"regressor": regressor}, [*ONE_ROW[:-1], R2_OF_ONE_ROW]),
]
