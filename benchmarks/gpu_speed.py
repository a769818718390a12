"""Time fits and a grid search on a CUDA device: ours and skorch, same network, settings and device.

A fit: 2,000 x 20 rows, 32 and 32 units, batches of 64, 20 epochs of Adam; our default network, and one that this
library does not know. A search: unmodified GridSearchCV over 256 candidates (16 learning rates, 16 seeds) times
three folds, packed. skorch's search is timed on fewer candidates and scaled to all of them, which the table says.
Peers take turns in one process; each number is a median of wall time, the device being idle before and after.

    python benchmarks/gpu_speed.py --out benchmarks/results/gpu_speed
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from _timing import interleaved, made_by, write
from fit_speed import CASES, CLASSES, SEED, Own
from search_speed import SeededSkorch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from torch import nn

from sk_warmstart import WarmStartClassifier

SIZE = CASES["a"]
FOLDS = 3


def main() -> None:
    """Time fits and searches and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=SIZE["epochs"])
    parser.add_argument("--candidates", type=int, default=256)
    parser.add_argument("--skorch-candidates", type=int, default=8, help="candidates that skorch searches")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    parser.add_argument("--device", default="cuda", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        sys.exit(
            "gpu_speed.py needs a CUDA device, and torch finds none here: benchmarks/fit_speed.py is for the CPU"
        )
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = make_classification(
        SIZE["rows"], SIZE["columns"], n_informative=10, n_classes=CLASSES, random_state=SEED
    )
    X = X.astype(np.float32)
    rows = fits(X, y, options) + searches(X, y, options)
    name = torch.cuda.get_device_name(options.device) if options.device != "cpu" else "cpu"
    about = made_by("benchmarks/gpu_speed.py", device=name, cuda=torch.version.cuda, runs=options.runs)
    write(options.out, rows, {**about, "epochs": options.epochs, "seed": SEED})


def nets(options: Any) -> dict[str, Any]:
    """The estimators."""
    settings: dict[str, Any] = {
        "batch_size": SIZE["batch"],
        "max_epochs": options.epochs,
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "device": options.device,
    }
    skorch = SeededSkorch(
        Own,
        module__n_features=SIZE["columns"],
        module__n_outputs=CLASSES,
        module__hidden=SIZE["hidden"],
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        **settings,
    )
    settings["random_state"] = SEED
    return {
        "ours, default network": WarmStartClassifier(module__hidden_layer_sizes=SIZE["hidden"], **settings),
        "ours, own module": WarmStartClassifier(Own, module__hidden=SIZE["hidden"], **settings),
        "skorch": skorch,
    }


def fits(X: np.ndarray, y: np.ndarray, options: Any) -> list[dict[str, Any]]:
    """Time one fit of each."""
    calls = {name: finished(lambda net=net: net.fit(X, y), options.device) for name, net in nets(options).items()}
    taken = interleaved(calls, options.runs)
    return [row("one fit", name, its["wall"], taken["skorch"]["wall"]) for name, its in taken.items()]


def searches(X: np.ndarray, y: np.ndarray, options: Any) -> list[dict[str, Any]]:
    """Time one search of each; skorch's is scaled."""
    its, few, all_ = nets(options), min(options.skorch_candidates, options.candidates), options.candidates

    def search(name: str, seed: str, count: int) -> None:
        seeds = max(1, round(count**0.5))
        grid = {"lr": np.logspace(-4, -2, count // seeds), seed: list(range(seeds))}
        found = GridSearchCV(its[name], grid, cv=FOLDS, refit=False).fit(X, y)
        counted[name] = len(found.cv_results_["params"])

    def packed(name: str) -> None:
        with joblib.parallel_config(backend="packed", n_jobs=all_ * FOLDS):
            search(name, "random_state", all_)

    counted: dict[str, int] = {}
    calls: dict[str, Callable[[], Any]] = {
        name: finished(lambda name=name: packed(name), options.device) for name in its if name != "skorch"
    }
    calls["skorch"] = finished(lambda: search("skorch", "seed", few), options.device)
    taken = interleaved(calls, max(1, options.runs // 2))
    asked = counted["ours, own module"]
    scaled = taken["skorch"]["wall"] * asked / counted["skorch"]
    what = f"search of {asked} candidates"
    rows = [row(what, f"{name}, packed", taken[name]["wall"], scaled) for name in its if name != "skorch"]
    return [*rows, row(what, f"skorch, scaled from {counted['skorch']} candidates", scaled, scaled)]


def finished(call: Callable[[], Any], device: str) -> Callable[[], None]:
    """Return a call that ends when the device has done what it launched."""

    def run() -> None:
        call()
        if device != "cpu":
            torch.cuda.synchronize(device)

    return run


def row(what: str, name: str, wall: float, skorch: float) -> dict[str, Any]:
    """One line of the table."""
    return {"what": what, "who": name, "wall [ms]": wall, "skorch / this": skorch / wall}


if __name__ == "__main__":
    main()
