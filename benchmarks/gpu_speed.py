"""Time fits and searches on a CUDA device: ours and skorch, same network, settings and device.

A fit: 2,000 x 20 rows, 32 and 32 units, batches of 64, 20 epochs of Adam; our default network, and one that this
library does not know. Then predictions of 100,000 rows, and a hundred calls of ``partial_fit`` of 64 rows each. A
search: unmodified GridSearchCV over 256 and 1,024 candidates (learning rates and seeds) times three folds, packed.
skorch's search is timed on fewer candidates and scaled to all of them, which the table says. Peers take turns in
one process; each number is a median of wall time, the device being idle before and after; "peak" is the most
memory of the device that was allocated meanwhile.

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
    parser.add_argument("--candidates", type=int, nargs="+", default=[256, 1_024])
    parser.add_argument("--skorch-candidates", type=int, default=8, help="candidates that skorch searches")
    parser.add_argument("--predicted", type=int, default=100_000, help="rows of the prediction")
    parser.add_argument("--calls", type=int, default=100, help="partial fits of the stream")
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
    rows = fits(X, y, options) + streams(X, y, options)
    for candidates in options.candidates:
        rows += searches(X, y, candidates, options)
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
    peaks: dict[str, float | None] = {}
    calls = {
        name: finished(lambda net=net: net.fit(X, y), options.device, name, peaks)
        for name, net in nets(options).items()
    }
    taken = interleaved(calls, options.runs)
    return [row("one fit", name, its["wall"], taken["skorch"]["wall"], peaks[name]) for name, its in taken.items()]


def streams(X: np.ndarray, y: np.ndarray, options: Any) -> list[dict[str, Any]]:
    """Time predictions and a stream of small batches of each, fitted before."""
    its = {name: net.fit(X, y) for name, net in nets(options).items()}
    many = np.tile(X, (max(1, options.predicted // len(X)), 1))
    rows = []

    def stream(net: Any) -> None:
        for first in range(0, 64 * options.calls, 64):
            part = slice(first % 1_024, first % 1_024 + 64)
            net.partial_fit(X[part], y[part])

    for what, run in (
        (f"predict_proba of {len(many)} rows", lambda net: net.predict_proba(many)),
        (f"{options.calls} partial fits of 64 rows", stream),
    ):
        peaks: dict[str, float | None] = {}
        calls = {
            name: finished(lambda net=net, run=run: run(net), options.device, name, peaks)
            for name, net in its.items()
        }
        taken = interleaved(calls, options.runs)
        rows += [
            row(what, name, each["wall"], taken["skorch"]["wall"], peaks[name]) for name, each in taken.items()
        ]
    return rows


def searches(X: np.ndarray, y: np.ndarray, all_: int, options: Any) -> list[dict[str, Any]]:
    """Time one search of each; skorch's is scaled."""
    its, few = nets(options), min(options.skorch_candidates, all_)

    def search(name: str, seed: str, count: int) -> None:
        seeds = max(1, round(count**0.5))
        grid = {"lr": np.logspace(-4, -2, count // seeds), seed: list(range(seeds))}
        found = GridSearchCV(its[name], grid, cv=FOLDS, refit=False).fit(X, y)
        counted[name] = len(found.cv_results_["params"])

    def packed(name: str) -> None:
        with joblib.parallel_config(backend="packed", n_jobs=all_ * FOLDS):
            search(name, "random_state", all_)

    counted: dict[str, int] = {}
    peaks: dict[str, float | None] = {}
    calls: dict[str, Callable[[], Any]] = {
        name: finished(lambda name=name: packed(name), options.device, name, peaks)
        for name in its
        if name != "skorch"
    }
    calls["skorch"] = finished(lambda: search("skorch", "seed", few), options.device, "skorch", peaks)
    taken = interleaved(calls, max(1, options.runs // 3))
    asked = counted["ours, own module"]
    scaled = taken["skorch"]["wall"] * asked / counted["skorch"]
    what = f"search of {asked} candidates"
    rows = [
        row(what, f"{name}, packed", taken[name]["wall"], scaled, peaks[name]) for name in its if name != "skorch"
    ]
    return [
        *rows,
        row(what, f"skorch, scaled from {counted['skorch']} candidates", scaled, scaled, peaks["skorch"]),
    ]


def finished(
    call: Callable[[], Any], device: str, name: str, peaks: dict[str, float | None]
) -> Callable[[], None]:
    """Return a call that ends when the device has done what it launched, and notes the memory that it took."""

    def run() -> None:
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats(device)
        call()
        peaks[name] = None
        if device != "cpu":
            torch.cuda.synchronize(device)
            peaks[name] = torch.cuda.max_memory_allocated(device) / 2**20

    return run


def row(what: str, name: str, wall: float, skorch: float, peak: float | None) -> dict[str, Any]:
    """One line of the table."""
    return {"what": what, "who": name, "wall [ms]": wall, "skorch / this": skorch / wall, "peak [MB]": peak}


if __name__ == "__main__":
    main()
