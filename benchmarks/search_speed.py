"""Time one grid search: packed, one by one, on all cores, and with skorch; the same code but for the estimator.

32 candidates (four learning rates, two start policies, four seeds) times three folds on 2,000 x 20 rows, a
network of 32 and 32 units, batches of 64, 30 epochs of Adam. skorch has no start policies: its candidates are
eight rates and four seeds. The share of a packed search that is not training (scikit-learn's cloning and
scoring, building networks, hashing rows) is told apart. Peers take turns in one process with one thread.

    OMP_NUM_THREADS=1 python benchmarks/search_speed.py --out benchmarks/results/search_speed
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from _timing import interleaved, made_by, write
from fit_speed import Own
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from sk_warmstart import WarmStartClassifier

HIDDEN = (32, 32)
SEEDS = [0, 1, 2, 3]
RATES = np.logspace(-4, -2, 4)


class SeededSkorch(NeuralNetClassifier):
    """skorch, with a seed that a grid can hold."""

    def __init__(self, *args: Any, seed: int = 0, **kwargs: Any):
        self.seed = seed
        super().__init__(*args, **kwargs)

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit from this seed."""
        torch.manual_seed(self.seed)
        return super().fit(X, y, **fit_params)


def main() -> None:
    """Time the searches and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--no-skorch", action="store_true", help="leave skorch out, which takes most of the time")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = make_classification(2000, 20, n_informative=10, n_classes=3, random_state=0)
    X = X.astype(np.float32)
    rows: list[dict[str, Any]] = []
    for module in ("MLP", "own module"):
        rows += compare(module, X, y, options)
    write(options.out, rows, made_by("benchmarks/search_speed.py", runs=options.runs, epochs=options.epochs))


def compare(module: str, X: Any, y: Any, options: Any) -> list[dict[str, Any]]:
    """Time the searches over one module."""
    search = search_of(
        ours(module, options.epochs, X, y), {"init_policy": ["cold", "warm"], "random_state": SEEDS}
    )
    scores: dict[str, Any] = {}

    def one_by_one() -> None:
        scores["one by one"] = clone(search).fit(X, y).cv_results_["mean_test_score"]

    def packed() -> None:
        with joblib.parallel_config(backend="packed", n_jobs=96):
            scores["packed"] = clone(search).fit(X, y).cv_results_["mean_test_score"]

    def all_cores() -> None:
        scores["n_jobs=-1"] = clone(search).set_params(n_jobs=-1).fit(X, y).cv_results_["mean_test_score"]

    peers: dict[str, Callable[[], Any]] = {"packed": packed, "one by one": one_by_one, "n_jobs=-1": all_cores}
    if not options.no_skorch:
        skorch = SeededSkorch(
            Own,
            module__n_features=20,
            module__n_outputs=3,
            module__hidden=HIDDEN,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            max_epochs=options.epochs,
            batch_size=64,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        )
        grid = {"lr": np.logspace(-4, -2, 8), "seed": SEEDS}
        peers["skorch"] = lambda: GridSearchCV(skorch, grid, cv=3, refit=False).fit(X, y)
    took = interleaved(peers, options.runs)
    outside = share_outside_of_training(packed)
    differences = {name: float(np.abs(found - scores["one by one"]).max()) for name, found in scores.items()}
    return [
        {
            "module": module,
            "search": name,
            "seconds, wall": its["wall"] / 1e3,
            "seconds, process": its["process"] / 1e3,
            "ratio to packed": its["wall"] / took["packed"]["wall"],
            "largest difference of a score": differences.get(name),
            "share outside of training": outside if name == "packed" else None,
        }
        for name, its in took.items()
    ]


def ours(module: str, epochs: int, X: Any, y: Any) -> WarmStartClassifier:
    """The estimator, with a donor that saw other rows."""
    params: dict[str, Any] = {"module__hidden_layer_sizes": HIDDEN}
    if module != "MLP":
        params = {"module": Own, "module__hidden": HIDDEN}
    net = WarmStartClassifier(
        **params, max_epochs=epochs, batch_size=64, optimizer=torch.optim.Adam, random_state=0
    )
    draws = np.random.default_rng(1)
    elsewhere = draws.normal(size=(300, 20)).astype(np.float32)
    donor = clone(net).set_params(max_epochs=3).fit(elsewhere, draws.integers(0, 3, 300))
    return net.set_params(warm_start_from=FrozenEstimator(donor))


def search_of(estimator: Any, grid: dict[str, Any]) -> GridSearchCV:
    """The search, unmodified scikit-learn."""
    return GridSearchCV(estimator, {"lr": RATES, **grid}, cv=3, refit=False)


def share_outside_of_training(packed: Callable[[], Any]) -> float:
    """The share of one packed search, in one run, that is not training."""
    from sk_warmstart.training.packed import _backend

    seconds = [0.0]
    train = _backend.train_together

    def timed(*args: Any) -> None:
        began = time.perf_counter()
        train(*args)
        seconds[0] += time.perf_counter() - began

    _backend.train_together = timed  # type: ignore[assignment]
    began = time.perf_counter()
    try:
        packed()
    finally:
        _backend.train_together = train
    return 1 - seconds[0] / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
