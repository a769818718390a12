"""Where a warm start costs accuracy: the two-phase protocol of Ash and Adams, trained until the rows are known.

Half of the rows first, then all (Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, section
2): a perceptron, a small residual network and a logistic regression, of which the paper finds the gap in the first
two and not in the third. In both phases training goes on until 99 percent of the training rows are right, measured
without augmentation, or for ``--epochs`` epochs (a logistic regression does not get there). SGD with momentum
and Adam at the rates where the papers find it; regularised means that weights decay and images are cropped and
flipped. Each replicate draws its rows, base fit, weights and orders anew; replicates test disjoint folds.

    OMP_NUM_THREADS=1 python benchmarks/warm_penalty.py --data FOLDER --out benchmarks/results/warm_penalty

FOLDER holds cifar10_small.npz (6,000 + 1,500 images of CIFAR-10) with ``X_train``, ``y_train``, ``X_test``,
``y_test``, bytes; any images in that form will do (``--images NAME``). A setting that OUT.json has already is not
run again; ``--seconds`` begins none after so many.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _networks import ResNet
from _timing import made_by, write
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor, nn

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.augment import Compose, RandomCrop, RandomHorizontalFlip

ROPE = 0.002
SEED = 0
KNOWN = 0.99
ARMS = ("cold", "warm", "shrink_perturb")
SIDE = 16
SGD = {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9}
REGULARISED = {
    "optimizer__weight_decay": 5e-4,
    "augment": Compose([RandomCrop(2), RandomHorizontalFlip()]),
}


class Flat(nn.Module):
    """A perceptron on bytes; without hidden units a logistic regression."""

    def __init__(self, n_outputs: int, channels: int, hidden: tuple[int, ...] = ()):
        super().__init__()
        sizes = (channels * SIDE * SIDE, *hidden)
        body = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*body, nn.Linear(sizes[-1], n_outputs))

    def forward(self, X: Tensor) -> Tensor:
        """Return logits."""
        return self.layers((X.flatten(1).to(torch.float32) - 120) / 64)


PERCEPTRON = {"module": Flat, "module__hidden": (128, 128)}
RESIDUAL = {"module": ResNet, "module__width": 8, "module__blocks": (1, 1, 1)}
SETTINGS: dict[str, dict[str, Any]] = {
    "perceptron, SGD 0.01, bare": PERCEPTRON | SGD | {"lr": 0.01},
    "perceptron, Adam 0.001, bare": PERCEPTRON | {"optimizer": torch.optim.Adam, "lr": 0.001},
    "logistic regression, SGD 0.001, bare": {"module": Flat, "lr": 0.001} | SGD,
    "logistic regression, SGD 0.001, weight decay 0.1": {
        "module": Flat,
        "lr": 0.001,
        "optimizer__weight_decay": 0.1,
    }
    | SGD,
    "ResNet, SGD 0.05, bare": RESIDUAL | SGD | {"lr": 0.05},
    "perceptron, SGD 0.01, regularised": PERCEPTRON | SGD | REGULARISED | {"lr": 0.01},
    "ResNet, SGD 0.05, regularised": RESIDUAL | SGD | REGULARISED | {"lr": 0.05},
}


class UntilKnown(Callback):
    """End training when nearly all training rows are right."""

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Look at the rows once the loss says that it may be worth it."""
        if net.history[-1, "train_loss"] > 0.35:
            return
        right = net.classes_.searchsorted(np.asarray(dataset_train.y)) == net.predict_proba(
            dataset_train.X
        ).argmax(1)
        if right.mean() >= KNOWN:
            raise KeyboardInterrupt  # skorch's way to end early


def main() -> None:
    """Compare the starts in each setting that is missing, and write all that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--images", default="cifar10_small")
    parser.add_argument("--rows", type=int, default=7_500, help="rows of both phases and the test")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    X, y = images(options)
    rows: list[dict[str, Any]] = []
    if options.out is not None and options.out.with_suffix(".json").exists():
        rows = json.loads(options.out.with_suffix(".json").read_text())["rows"]
    about = made_by(
        "benchmarks/warm_penalty.py", images=options.images, rows=len(y), side=SIDE, rope=ROPE, seed=SEED
    )
    began = time.perf_counter()
    for setting in options.settings:
        if any(row["setting"] == setting for row in rows) or time.perf_counter() - began > options.seconds:
            continue
        net = WarmStartClassifier(
            module__channels=X.shape[1],
            batch_size=64,
            max_epochs=options.epochs,
            callbacks=[("until_known", UntilKnown())],
            device="cpu",
            **SETTINGS[setting],
        )
        comparator = WarmStartComparator(
            *(net, ARMS, DataIncremental(2, test_size=0.2)),
            n_repeats=options.repeats,
            rope=ROPE,
            refit=None,
            n_probes=0,
            n_jobs=options.jobs,
            random_state=SEED,
        ).fit(X, y)
        rows += rows_of(setting, comparator, options)
        write(options.out, rows, about)


def rows_of(setting: str, comparator: WarmStartComparator, options: Any) -> list[dict[str, Any]]:
    """One row an arm."""
    last = comparator.results_[comparator.results_["phase"] == comparator.results_["phase"].max()]
    found = []
    for arm, row in comparator.gain_.iterrows():
        its, points = last[last["arm"] == arm], {}
        for name in ("gain", "gain_low", "gain_high"):
            value = None if row["verdict"] == "reference" else round(100 * float(row[name]), 3)
            points[name.replace("gain_", "") if "_" in name else "gain [points]"] = value
        found.append(
            {
                "setting": setting,
                "start": arm,
                "test accuracy": round(float(row["score"]), 4),
                **points,
                "verdict": row["verdict"],
                "epochs": round(float(its["epochs"].mean()), 1),
                "pairs": options.repeats,
            }
        )
    return found


def images(options: Any) -> tuple[NDArray, NDArray]:
    """Return images of bytes of 16 by 16 pixels, means over squares, channels first; and their labels."""
    with np.load(options.data / f"{options.images}.npz") as data:
        X, y = (np.concatenate([data[f"{part}_train"], data[f"{part}_test"]]) for part in "Xy")
    chosen = np.random.default_rng(SEED).permutation(len(y))[: options.rows]
    X, y = X[chosen], y[chosen].ravel().astype(np.int64)
    X = X[..., None] if X.ndim == 3 else X
    factor = X.shape[1] // SIDE
    cut = X[:, : SIDE * factor, : SIDE * factor].reshape(len(X), SIDE, factor, SIDE, factor, -1)
    return np.ascontiguousarray(cut.mean(axis=(2, 4)).round().astype(np.uint8).transpose(0, 3, 1, 2)), y


if __name__ == "__main__":
    main()
