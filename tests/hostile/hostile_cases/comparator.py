"""Parameters and data that allow no comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold

from sk_warmstart import CheckpointError, WarmStartClassifier, WarmStartComparator

from ._case import Call, Case, Group, literal_of
from ._subjects import LABELS, N_ROWS, NUMBERS, SMALL, X
from ._subjects import comparator as fitted
from .parameters import INF, NAN


def _text_score(estimator: Any, X: Any, y: Any) -> str:
    return "good"


def _no_score(estimator: Any, X: Any, y: Any) -> float:
    return NAN


def _set(**params: Any) -> Call:
    return lambda compared: compared.set_params(**params).fit(X, LABELS)


def _feed(rows: Any, y: Any, **others: Any) -> Call:
    return lambda compared: compared.fit(rows, y, **others)


_NET = WarmStartClassifier(**SMALL)
VALUES: dict[str, list[Any]] = {
    "policies": [None, 3, [], ["cold"], ["warm"], ["cold", "lukewarm"], ["cold", "cold"], "cold", [3, "cold"]],
    "n_repeats": [0, -1, 1.5, "ten", None, True],
    "n_probes": [-1, 1.5, "ten", True],
    "scoring": ["no_such_score", 3, _text_score, _no_score],
    "target": ["high", NAN, INF, [1]],
    "rope": [-0.1, NAN, INF, "wide", None],
    "confidence": [0.5, 1, 95, NAN, "high", None],
    "refit": ["no_such_arm", 3, True],
    "n_jobs": ["all", 0, 1.5],
    "packed": ["yes", None, 3],
    "incumbent": [3, LogisticRegression],
    "tune": [3, ["warm"], {"no_such_arm": {}}, {"warm": 3}, {"warm": {"lr": []}}],
    "resume": [3],
    "random_state": ["seed", -1, 1.5],
    "estimator": [None, 3, "net", WarmStartClassifier, KFold()],
}
WORDS = {"scoring=_no_score": "look at scoring"}
PARAMETERS = [
    *(
        Case(what, _set(**{name: value}), words=WORDS.get(what, name))
        for name, values in VALUES.items()
        for value in values
        for what in [f"{name}={literal_of(value)}"]
    ),
    Case("estimator=LinearRegression()", _set(estimator=LinearRegression()), words="cannot start warm"),
    Case("estimator with max_epochs=-1", _set(estimator=WarmStartClassifier(max_epochs=-1)), words="max_epochs"),
    Case(
        "policies={'cold': 'cold', 'mine': {'shrink': 0.5}}",
        _set(policies={"cold": "cold", "mine": {"shrink": 0.5}}),
        words="the arm 'mine': 'shrink' is no parameter",
    ),
    Case("incumbent='missing.safetensors'", _set(incumbent="missing.safetensors"), CheckpointError, "cannot open"),
    Case("incumbent, not fitted", _set(incumbent=WarmStartClassifier()), NotFittedError, "not fitted"),
    Case(
        "tune={'warm': {'no_such_parameter': [1]}}",
        _set(tune={"warm": {"no_such_parameter": [1]}}),
        words="no_such_parameter",
    ),
]
DATA = [
    Case("fit: X is None", _feed(None, LABELS), words="X is None"),
    Case("fit: y is None", _feed(X, None), words="y is None"),
    Case("fit: y is shorter than X", _feed(X, LABELS[:-1]), words="inconsistent numbers of samples"),
    Case("fit: X has no rows", _feed(X[:0], LABELS[:0]), words="there are no rows"),
    Case("fit: X has one row", _feed(X[:1], LABELS[:1]), words="one class only"),
    Case("fit: X has NaN", _feed(np.where(X > 2, np.nan, X), LABELS), words="X contains NaN"),
    Case("fit: X has text", _feed(X.astype(str).astype(object) + " m", LABELS), words="could not convert"),
    Case("fit: y has one class only", _feed(X, np.zeros(N_ROWS)), words="the target has one class only (0.0)"),
    Case(
        "fit: y has NaN", _feed(X, np.where(LABELS == 1, np.nan, LABELS)), words="missing values: drop those rows"
    ),
    Case("fit: y is numbers, not labels", _feed(X, NUMBERS), words="use a regressor"),
    Case("fit: y is a table", _feed(X, np.c_[LABELS, LABELS]), words="y must be a column"),
    Case("fit: groups are shorter than X", _feed(X, LABELS, groups=[1]), words="inconsistent numbers of samples"),
    Case("fit: sample_weight is shorter than X", _feed(X, LABELS, sample_weight=[1]), words="sample_weight"),
    Case("fit: sample_weight has NaN", _feed(X, LABELS, sample_weight=[NAN] * N_ROWS), words="sample_weight"),
    Case("fit: sample_id", _feed(X, LABELS, sample_id=np.arange(N_ROWS)), words="leave sample_id out"),
    Case("fit: an unknown argument", _feed(X, LABELS, wieght=3), TypeError, "'wieght'"),
    Case("predict: X has 3 columns", lambda compared: compared.predict(X[:, :3]), words="expecting 4 features"),
    Case("score: y is None", lambda compared: compared.score(X, None), words="y_true"),
    Case(
        "predict before fit",
        lambda compared: WarmStartComparator(_NET).predict(X),
        NotFittedError,
        "This WarmStartComparator instance is not fitted yet",
    ),
]

GROUPS = [
    Group("parameters of the comparator", {"comparator": fitted}, PARAMETERS),
    Group("data of the comparator", {"comparator": fitted}, DATA),
]
