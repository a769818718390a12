"""Small fitted estimators and comparators for bad input, and the rows that they were fitted on."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator, WarmStartRegressor

N_ROWS = 40
_rng = np.random.default_rng(0)
X = _rng.normal(size=(N_ROWS, 4))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.3)
NUMBERS = X @ [1.0, -1.0, 0.5, 0.0]
TABLE = pd.DataFrame(X, columns=["age", "height", "weight", "pulse"])
SMALL: dict[str, Any] = {"module__hidden_layer_sizes": (6,), "max_epochs": 2, "batch_size": 16, "random_state": 0}
# Parameters that predictions depend on; all others are those of training.
_PREDICTED_BY = (
    "batch_size", "criterion", "dataset", "device", "estimator", "iterator_valid", "iterator_valid__batch_size",
    "predict_nonlinearity", "use_caching",
)  # fmt: skip


def classifier(named: bool = False, **params: Any) -> WarmStartClassifier:
    """Return a fitted classifier; with names it has seen a DataFrame."""
    return copy.deepcopy(_fitted(WarmStartClassifier, named, tuple(sorted(params.items()))))


def regressor(named: bool = False, **params: Any) -> WarmStartRegressor:
    """Return a fitted regressor; with names it has seen a DataFrame."""
    return copy.deepcopy(_fitted(WarmStartRegressor, named, tuple(sorted(params.items()))))


def comparator() -> WarmStartComparator:
    """Return a fitted comparator of classifiers."""
    return copy.deepcopy(_compared())


def both(named: bool = False, **params: Any) -> dict[str, Any]:
    """Return makers of a classifier and of a regressor."""
    return {
        "classifier": functools.partial(classifier, named, **params),
        "regressor": functools.partial(regressor, named, **params),
    }


@functools.cache
def _fitted(cls: Any, named: bool, params: tuple[tuple[str, Any], ...]) -> Any:
    y = LABELS if cls is WarmStartClassifier else NUMBERS
    return cls(**{**SMALL, **dict(params)}).fit(TABLE if named else X, y)


@functools.cache
def _compared() -> WarmStartComparator:
    net = WarmStartClassifier(**SMALL)
    return WarmStartComparator(net, ("cold", "warm"), DataIncremental(2), n_repeats=2, random_state=0).fit(
        X, LABELS
    )


def target_of(net: Any) -> Any:
    """Return good targets for a subject."""
    return NUMBERS if isinstance(net, WarmStartRegressor) else LABELS


def outputs(subject: Any) -> bytes:
    """Return what a subject predicts, to the bit; a comparator's tables too."""
    rows: Any = TABLE if hasattr(subject, "feature_names_in_") else getattr(subject, "good_rows_", X)
    gain = subject.gain_.to_csv().encode() if isinstance(subject, WarmStartComparator) else b""
    return gain + np.asarray(getattr(subject, "predict_proba", subject.predict)(rows)).tobytes()


def put_back(subject: Any, params: Mapping[str, Any]) -> None:
    """Set the parameters that predictions depend on back to those from before, as a user would."""
    for name in set(_PREDICTED_BY) & vars(subject).keys():
        if name not in params:
            delattr(subject, name)
        elif vars(subject)[name] is not params[name]:
            subject.set_params(**{name: params[name]})
