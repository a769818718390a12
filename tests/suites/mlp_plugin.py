"""pytest plugin: scikit-learn's tests of its perceptron meet the estimators of this library."""

from __future__ import annotations

from typing import Any

import mlp_adapter
import sklearn.neural_network
from expected_failures import ExpectedFailures

REASONS = {
    "rows are held out by what they are, each with the given chance, so that none validates that once trained: "
    "not by class": ("test_mlp.py::test_early_stopping_stratified",),
    "partial_fit trains on all rows, also of an estimator whose fit stops early": (
        "test_mlp.py::test_mlp_partial_fit_after_fit",
    ),
    "the test sets weights by hand, or calls a private gradient": (
        "test_mlp.py::test_fit",
        "test_mlp.py::test_gradient",
    ),
    "a warm start may meet fewer classes than before, which keep their places; other classes are refused": (
        "test_mlp.py::test_warm_start",
    ),
    "a fit whose loss diverges is an error, and what was learned before it stays": (
        "test_mlp.py::test_mlp_diverging_loss",
    ),
}


def pytest_configure(config: Any) -> None:
    sklearn.neural_network.MLPClassifier = mlp_adapter.MLPClassifier
    sklearn.neural_network.MLPRegressor = mlp_adapter.MLPRegressor
    config.pluginmanager.register(ExpectedFailures("scikit-learn's MLP suite", REASONS))
