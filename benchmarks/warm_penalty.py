"""Where a warm start costs accuracy: trained to the end without regularisation, and the same with it.

A perceptron knows a tenth of the rows by heart, and then gets them all: the protocol under which the penalty of
warm starts was published (Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020), on Fashion-
MNIST (1,000 and then 10,000 rows; its own 10,000 test rows) and digits (120, 1,200; the other 597). SGD with
momentum at a constant and rather high rate, no validation, so many epochs that all training rows are right in
the bare regime. Regularised means that weights decay by 0.001. The rows are the same in all replicates, which
differ in their seeds (fresh draws, orders, noise), so the intervals hold for these rows. The ROPE is 0.002,
twenty of the 10,000 test images.

    OMP_NUM_THREADS=1 python benchmarks/warm_penalty.py --data FOLDER --out benchmarks/results/warm_penalty

FOLDER holds fashion_mnist.npz with ``X_train``, ``y_train``, ``X_test``, ``y_test`` (uint8); ``fetch_openml`` of
scikit-learn has it as "Fashion-MNIST". Without it only digits run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import made_by, write
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from sk_warmstart import WarmStartClassifier, WarmStartComparator

ROPE = 0.002
SEED = 0
ARMS = ("cold", "warm", "shrink_perturb")
EPOCHS = 200
REGIMES: dict[str, dict[str, Any]] = {
    "bare": {"optimizer__weight_decay": 0.0},
    "regularised": {"optimizer__weight_decay": 1e-3},
}


def main() -> None:
    """Compare the starts in each regime, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of fashion_mnist.npz; without it only digits run")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = {"digits": digits()} | ({} if options.data is None else {"fashion": fashion(options.data)})
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()
    for table, (X, y, phases, batch_size) in tables.items():
        for regime, settings in REGIMES.items():
            net = WarmStartClassifier(
                module__hidden_layer_sizes=(128, 128),
                optimizer=torch.optim.SGD,
                optimizer__momentum=0.9,
                lr=0.05,
                batch_size=batch_size,
                max_epochs=EPOCHS,
                **settings,
            )
            comparator = WarmStartComparator(
                *(net, ARMS, phases),
                n_repeats=options.repeats,
                rope=ROPE,
                refit=None,
                packed=False,
                n_jobs=options.jobs,
                random_state=SEED,
            ).fit(X, y)
            rows += told(f"{table}, {regime}", comparator)
    about = made_by("benchmarks/warm_penalty.py", repeats=options.repeats, epochs=EPOCHS, rope=ROPE, seed=SEED)
    write(options.out, rows, {**about, "took_s": round(time.perf_counter() - began)})


def told(setting: str, comparator: WarmStartComparator) -> list[dict[str, Any]]:
    """One row an arm."""
    curves = comparator.curves_
    losses = curves[curves["epoch"] == EPOCHS].groupby("arm")["train_loss"].mean()
    return [
        {
            "setting": setting,
            "start": arm,
            "test accuracy": row["score"],
            "gain [points]": None if row["verdict"] == "reference" else round(100 * row["gain"], 3),
            "low": None if row["verdict"] == "reference" else round(100 * row["gain_low"], 3),
            "high": None if row["verdict"] == "reference" else round(100 * row["gain_high"], 3),
            "verdict": row["verdict"],
            "training loss at the end": losses[arm],
        }
        for arm, row in comparator.gain_.iterrows()
    ]


def digits() -> tuple[NDArray, NDArray, Any, int]:
    """scikit-learn's digits, in an order drawn once."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(y))
    test = np.arange(1_200, len(y))
    return (X[order] / 16).astype(np.float32), y[order], [(range(120), test), (range(1_200), test)], 32


def fashion(folder: Path) -> tuple[NDArray, NDArray, Any, int]:
    """The first 10,000 training images of Fashion-MNIST, and its own test images."""
    with np.load(folder / "fashion_mnist.npz") as data:
        X = np.concatenate([data["X_train"][:10_000], data["X_test"]])
        y = np.concatenate([data["y_train"][:10_000], data["y_test"]])
    test = np.arange(10_000, len(y))
    rows = (X.reshape(len(X), -1) / 255).astype(np.float32)
    return rows, y.astype(np.int64), [(range(1_000), test), (range(10_000), test)], 128


if __name__ == "__main__":
    main()
