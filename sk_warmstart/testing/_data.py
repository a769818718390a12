"""Rows and labels of the checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_regression

N_FEATURES = 30  # of all rows that the checks give, so that a network of fixed shape can be checked
N_CLASSES = 3  # at most
_MEMORY_ROWS = 60  # so few that a linear model can learn random labels of N_FEATURES columns by heart


def draw_rows(
    estimator: Any, n: int, seed: int = 0, n_classes: int = N_CLASSES, dtype: str = "float64"
) -> tuple[NDArray, NDArray]:
    """Draw rows of which those of another seed follow another rule."""
    if is_classifier(estimator):
        X, y = make_classification(
            n, N_FEATURES, n_informative=10, n_redundant=0, n_classes=n_classes, class_sep=2.0, random_state=seed
        )
        y = y.astype(np.int64)
    else:
        X, y = make_regression(n, N_FEATURES, n_informative=10, noise=1.0, random_state=seed)
        y = ((y - y.mean()) / y.std()).astype(dtype)
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(dtype), y


def draw_random_labels(estimator: Any) -> tuple[NDArray, NDArray, float]:
    """Draw rows and labels that have nothing to do with each other, and the score that chance stays below."""
    rng = np.random.default_rng(0)
    n = _MEMORY_ROWS
    X = rng.normal(size=(n, N_FEATURES))
    if is_classifier(estimator):
        return X, rng.permutation(np.arange(n) % 2), 0.5 + 5 * 0.5 / n**0.5
    # Of a prediction that knows nothing, r2 is at most the square of its correlation, here at five sigma.
    return X, rng.normal(size=n), 25 / n
