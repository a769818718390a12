"""Comparators and data that the tests of the comparator share."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_iris

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental

X, Y = load_iris(return_X_y=True)
KEYS = ["repeat", "stream", "phase"]
# What a run costs in time is all that may differ between two of the same seed.
CLOCK = ["seconds", "process_seconds", "memory"]


def net(**params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(**({"max_epochs": 3, "module__hidden_layer_sizes": (8,)} | params))


def comparator(estimator: Any = None, **params: Any) -> WarmStartComparator:
    settings: dict[str, Any] = {
        "policies": ("cold", "warm"),
        "phases": DataIncremental(3),
        "n_repeats": 2,
        "refit": None,
        "n_probes": 0,
        "random_state": 0,
    }
    return WarmStartComparator(net() if estimator is None else estimator, **(settings | params))
