"""Time predict_proba on many rows, and on one: ours, skorch, scikit-learn's MLPClassifier.

OMP_NUM_THREADS=1 python benchmarks/predict_speed.py --out benchmarks/results/predict_speed
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import interleaved, made_by, write
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.modules import MLP

SEED = 0
SHAPES = {"32-32": (20, (32, 32)), "128-128": (50, (128, 128))}
# A single row costs what the checks cost; the project's target is for many.
TARGETS = {10_000: 0.10, 1: None}


def main() -> None:
    """Time each shape and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for shape in SHAPES for row in measure(shape, options.runs)]
    write(options.out, rows, made_by("benchmarks/predict_speed.py", runs=options.runs, seed=SEED))


def measure(shape: str, runs: int) -> list[dict[str, Any]]:
    """Time the peers with one shape of network."""
    columns, hidden = SHAPES[shape]
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(10_000, columns)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
    settings = {"module__hidden_layer_sizes": hidden, "max_epochs": 1}
    named = {"module__n_features": columns, "module__n_outputs": 3}
    fitted = {
        "ours": WarmStartClassifier(MLP, **settings).fit(X, y),
        "skorch": NeuralNetClassifier(
            MLP, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0, **settings, **named
        ).fit(X, y),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted["MLPClassifier"] = MLPClassifier(hidden, max_iter=1).fit(X, y)
    rows = []
    for n, target in TARGETS.items():
        repeats = 1 if n > 1 else 50
        calls = {name: partial(_predict, net, X[:n], repeats) for name, net in fitted.items()}
        taken = interleaved(calls, runs)
        for name in ("skorch", "MLPClassifier"):
            rows.append(
                {
                    "network": shape,
                    "rows": n,
                    "ours [ms]": taken["ours"]["process"] / repeats,
                    "peer": name,
                    "peer [ms]": taken[name]["process"] / repeats,
                    "ratio": taken["ours"]["process"] / taken[name]["process"],
                    "target": target if name == "skorch" else None,
                }
            )
    return rows


def _predict(net: Any, X: np.ndarray, repeats: int) -> None:
    for _ in range(repeats):
        net.predict_proba(X)


if __name__ == "__main__":
    main()
