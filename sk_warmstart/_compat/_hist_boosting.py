"""Private names of scikit-learn's histogram boosting, whose warm start is for the same rows only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


@contextmanager
def on_other_rows(estimator: Any, X: Any) -> Iterator[None]:
    """Let a warm ``fit`` on other rows start from what the old trees really predict of them.

    scikit-learn bins the new rows anew and hands the new bins to trees that were grown on the old ones.
    """
    if not isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        yield
        return
    prepared = estimator._preprocess_X(X, reset=False)
    raw = np.asfortranarray(estimator._raw_predict(prepared))
    before = _categories(estimator)
    vars(estimator)["_raw_predict"] = lambda X, n_threads=None: raw
    try:
        yield
    finally:
        del vars(estimator)["_raw_predict"]
    after = _categories(estimator)
    if len(before) != len(after) or any(map(_differ, before, after)):
        raise ValueError(
            f"the categories of these rows are not those that the trees of {type(estimator).__name__} were grown "
            "on: encode them before it, by an OrdinalEncoder whose categories are given"
        )


def _categories(estimator: Any) -> list[Any]:
    encoder = getattr(estimator, "_preprocessor", None)
    return [] if encoder is None else list(encoder.named_transformers_["encoder"].categories_)


def _differ(one: Any, other: Any) -> bool:
    return list(map(str, one)) != list(map(str, other))
