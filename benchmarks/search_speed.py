"""Time one grid search: packed, one by one, on all cores, and with skorch; the same code but for the estimator.

32 candidates (four learning rates, two start policies, four seeds) times three folds on 2,000 x 20 rows, a
network of 32 and 32 units, batches of 64, 30 epochs of Adam. skorch has no start policies: its candidates are
eight rates and four seeds, of the own module whatever ours trains, so it is timed once. Searches take turns in one
process with one thread, but for those of default settings: they run in a process without OMP_NUM_THREADS, alone
and while another program keeps one core busy. The floor is the arithmetic of all 96 fits, written by hand, without
scikit-learn, callbacks and scores. Phases of a packed search: training is the epochs alone, between them is what
skorch's callbacks do, outside is the rest (cloning, validation, building networks, scores).

``--modules`` and ``--searches`` choose what is timed; other rows of OUT.json stay as they are.

    OMP_NUM_THREADS=1 python benchmarks/search_speed.py --out benchmarks/results/search_speed
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from _packed_floor import floor
from _timing import interleaved, made_by, write
from fit_speed import Own
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.training.packed import _pack

MODULES = ("MLP", "own module")
BY_DEFAULT = ("packed, default settings", "packed, default settings, one core busy")
SEARCHES = ("packed", *BY_DEFAULT, "floor", "one by one", "n_jobs=-1", "skorch")
COLUMNS = (
    "module",
    "search",
    "threads",
    "runs",
    "seconds, wall",
    "seconds, process",
    "ratio to packed",
    "largest difference of a score",
    "seconds of training",
    "seconds between epochs",
    "seconds outside",
)
DEFAULT_SETTINGS = "SEARCH_SPEED_DEFAULT_SETTINGS"  # set where torch's own number of threads is to stay
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
    parser.add_argument("--modules", nargs="+", default=list(MODULES), choices=MODULES)
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--no-warm-up", action="store_true", help="count the first round too")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if DEFAULT_SETTINGS not in os.environ:
        torch.set_num_threads(1)
    X, y = make_classification(2000, 20, n_informative=10, n_classes=3, random_state=0)
    X = X.astype(np.float32)
    found = earlier_rows(options.out)
    for module in options.modules:
        for row in compare(module, X, y, options):
            found[row["module"], row["search"]] = row
            if row["search"] == "skorch":
                found |= {(other, "skorch"): {**row, "module": other} for other in MODULES}
                options.searches = [name for name in options.searches if name != "skorch"]
    about = made_by("benchmarks/search_speed.py", epochs=options.epochs)
    write(options.out, in_order(found), about)


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

    def by_hand() -> None:
        rates = [rate for _ in range(2) for rate in RATES for _ in range(12)]
        with torch.inference_mode():
            floor(torch.from_numpy(X[:1333]), torch.from_numpy(y[:1333]), rates, options.epochs, HIDDEN)

    peers: dict[str, Callable[[], Any]] = {
        "packed": packed,
        "one by one": one_by_one,
        "n_jobs=-1": all_cores,
        "floor": by_hand,
        "skorch": lambda: skorch_search(options.epochs).fit(X, y),
    }
    if module != "MLP":
        del peers["floor"]
    peers = {name: peer for name, peer in peers.items() if name in options.searches}
    took = interleaved(peers, options.runs, warm_up=not options.no_warm_up) if peers else {}
    rows = [
        {
            "module": module,
            "search": name,
            "threads": torch.get_num_threads(),
            "runs": options.runs,
            "seconds, wall": its["wall"] / 1e3,
            "seconds, process": its["process"] / 1e3,
        }
        for name, its in took.items()
    ]
    for row in rows:
        if row["search"] == "packed":
            row.update(phases(packed))
        if row["search"] in scores and "one by one" in scores:
            difference = np.abs(scores[row["search"]] - scores["one by one"]).max()
            row["largest difference of a score"] = float(difference)
    for name in BY_DEFAULT:
        if name in options.searches:
            rows.append(by_default(module, name, options))
    return rows


def by_default(module: str, name: str, options: Any) -> dict[str, Any]:
    """Time a packed search in a process with default settings, perhaps beside one that keeps a core busy."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    out = Path(tempfile.mkdtemp()) / "default"
    command = [sys.executable, __file__, "--runs", str(options.runs), "--epochs", str(options.epochs)]
    command += ["--modules", module, "--searches", "packed", "--out", str(out)]
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if name == BY_DEFAULT[1] else None
    try:
        subprocess.run(command, env={**environment, DEFAULT_SETTINGS: "1"}, check=True, stdout=subprocess.DEVNULL)
        (row,) = json.loads(out.with_suffix(".json").read_text())["rows"]
    finally:
        if busy is not None:
            busy.kill()
        shutil.rmtree(out.parent)
    return {**row, "search": name}


def earlier_rows(out: Path | None) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows that an earlier run has left."""
    if out is None or not out.with_suffix(".json").exists():
        return {}
    rows = json.loads(out.with_suffix(".json").read_text())["rows"]
    return {(row["module"], row["search"]): row for row in rows}


def in_order(found: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with all columns, and ratios to the packed search of the same module."""
    rows = []
    for module in MODULES:
        packed = found.get((module, "packed"), {}).get("seconds, wall")
        for name in SEARCHES:
            row = found.get((module, name))
            if row is not None:
                ratio = row["seconds, wall"] / packed if packed else None
                rows.append({**dict.fromkeys(COLUMNS), **row, "ratio to packed": ratio})
    return rows


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


def skorch_search(epochs: int) -> GridSearchCV:
    """The search with skorch: rates in place of start policies."""
    skorch = SeededSkorch(
        Own,
        module__n_features=20,
        module__n_outputs=3,
        module__hidden=HIDDEN,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=epochs,
        batch_size=64,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )
    return GridSearchCV(skorch, {"lr": np.logspace(-4, -2, 8), "seed": SEEDS}, cv=3, refit=False)


def phases(packed: Callable[[], Any]) -> dict[str, float]:
    """Seconds of one packed search, in one run: epochs, callbacks between them, all else.

    Packs may train at the same time, so what counts is the time in which any did.
    """
    spans: dict[str, list[tuple[float, float]]] = {"_train_pack": [], "epoch": []}
    originals = {"_train_pack": (_pack, _pack._train_pack), "epoch": (_pack.Pack, _pack.Pack.epoch)}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args)
            finally:
                spans[name].append((began, time.perf_counter()))

        return run

    for name, (owner, function) in originals.items():
        setattr(owner, name, timed(name, function))
    began = time.perf_counter()
    try:
        packed()
    finally:
        ended = time.perf_counter()
        for name, (owner, function) in originals.items():
            setattr(owner, name, function)
    packs, epochs = covered(spans["_train_pack"]), covered(spans["epoch"])
    return {
        "seconds of training": epochs,
        "seconds between epochs": packs - epochs,
        "seconds outside": ended - began - packs,
    }


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of what spans of time cover together."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


if __name__ == "__main__":
    main()
