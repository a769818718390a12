"""Time one fit: ours, skorch, scikit-learn's MLPClassifier and a loop written by hand, on the same rows.

All train the same network with Adam and as many epochs; the loop by hand is as short as PyTorch allows (rows
permuted once an epoch, fused Adam). The floor is the time of the matrix products of one fit alone: one forward and
two backward in every layer, same shapes, into memory that is there already. (The first layer needs one backward
only: the floor is a little high.) Peers take turns in one process with one thread; each number is a median.

    OMP_NUM_THREADS=1 python benchmarks/fit_speed.py --out benchmarks/results/fit_speed
"""

from __future__ import annotations

import argparse
import warnings
from itertools import pairwise
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

CASES: dict[str, dict[str, Any]] = {
    "a": {"rows": 2_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 20},
    "b": {"rows": 10_000, "columns": 50, "hidden": (128, 128), "batch": 128, "epochs": 10},
}
CLASSES = 3
SEED = 0
# What the project set itself: ratios of ours over the peer.
TARGETS = {
    ("a", "MLP"): {"skorch": 0.15, "MLPClassifier": 0.50, "by hand": 0.50},
    ("b", "MLP"): {"skorch": 0.40, "MLPClassifier": 0.65, "by hand": 0.90},
    ("a", "own module"): {"skorch": 0.40, "by hand": 1.15},
    ("b", "own module"): {"skorch": 0.50, "by hand": 1.10},
}


class Own(nn.Module):
    """A network that this library does not know."""

    def __init__(self, n_features: int, n_outputs: int, hidden: tuple[int, ...]):
        super().__init__()
        sizes = (n_features, *hidden)
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.layers(X)


def main() -> None:
    """Time both cases and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for case in options.cases for row in measure(case, options.runs)]
    write(options.out, rows, made_by("benchmarks/fit_speed.py", runs=options.runs, seed=SEED))


def measure(case: str, runs: int) -> list[dict[str, Any]]:
    """Time the peers of one case."""
    size = CASES[case]
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(size["rows"], size["columns"])).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] + X[:, 2] ** 2 > 0.5)
    settings: dict[str, Any] = {
        "batch_size": size["batch"],
        "max_epochs": size["epochs"],
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
    }
    shape = {"module__n_features": X.shape[1], "module__n_outputs": CLASSES}
    skorch = NeuralNetClassifier(
        Own,
        criterion=nn.CrossEntropyLoss,
        train_split=None,
        verbose=0,
        iterator_train__shuffle=True,
        module__hidden=size["hidden"],
        **shape,
        **settings,
    )
    peer = MLPClassifier(
        size["hidden"],
        batch_size=size["batch"],
        max_iter=size["epochs"],
        n_iter_no_change=10**6,
        alpha=0.0,
        tol=0.0,
    )
    peers = {
        "ours, MLP": WarmStartClassifier(MLP, module__hidden_layer_sizes=size["hidden"], **settings),
        "ours, own module": WarmStartClassifier(Own, module__hidden=size["hidden"], **settings),
        "skorch": skorch,
        "MLPClassifier": peer,
    }
    calls = {name: (lambda net=net: _fit(net, X, y)) for name, net in peers.items()}
    calls["by hand"] = lambda: by_hand(X, y, size)
    calls["floor: products alone"] = lambda: products(X, size)
    taken = interleaved(calls, runs)
    rows = []
    for (key, network), targets in TARGETS.items():
        if key != case:
            continue
        ours = taken[f"ours, {network}"]
        for name in ("skorch", "MLPClassifier", "by hand", "floor: products alone"):
            rows.append(
                {
                    "case": f"{case}: {size['rows']} x {size['columns']}, {size['hidden']}, "
                    f"batch {size['batch']}, {size['epochs']} epochs",
                    "network": network,
                    "ours [ms]": ours["process"],
                    "peer": name,
                    "peer [ms]": taken[name]["process"],
                    "ratio": ours["process"] / taken[name]["process"],
                    "ratio, wall": ours["wall"] / taken[name]["wall"],
                    "target": targets.get(name),
                }
            )
    return rows


def _fit(net: Any, X: np.ndarray, y: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs ends before the loss does
        net.fit(X, y)


def by_hand(X: np.ndarray, y: np.ndarray, size: dict[str, Any]) -> nn.Module:
    """Train with as little as PyTorch's autograd needs."""
    rows, codes = torch.from_numpy(X), torch.from_numpy(y)
    net = Own(X.shape[1], CLASSES, size["hidden"])
    adam, loss_of = torch.optim.Adam(net.parameters(), 1e-3, fused=True), nn.CrossEntropyLoss()
    for _ in range(size["epochs"]):
        order = torch.randperm(len(rows))
        permuted, targets = rows[order], codes[order]
        for first in range(0, len(rows), size["batch"]):
            part = slice(first, first + size["batch"])
            loss = loss_of(net(permuted[part]), targets[part])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return net


def products(X: np.ndarray, size: dict[str, Any]) -> None:
    """Multiply the matrices of one fit, and nothing else."""
    shapes = list(pairwise((X.shape[1], *size["hidden"], CLASSES)))
    epoch = []  # the operands of every batch; a shorter last one has its own
    for first in range(0, len(X), size["batch"]):
        count = min(size["batch"], len(X) - first)
        if not epoch or count != size["batch"]:
            step = [(torch.rand(count, a), torch.rand(a, b), torch.rand(count, b)) for a, b in shapes]
            step_out = [(torch.empty(count, b), torch.empty(a, b), torch.empty(count, a)) for a, b in shapes]
        epoch.append(list(zip(step, step_out, strict=True)))
    for _ in range(size["epochs"]):
        for layers in epoch:
            for (inputs, weights, _grad), (outputs, _to_weights, _to_inputs) in layers:
                torch.mm(inputs, weights, out=outputs)
            for (inputs, weights, grad), (_outputs, to_weights, to_inputs) in reversed(layers):
                torch.mm(inputs.T, grad, out=to_weights)
                torch.mm(grad, weights.T, out=to_inputs)


if __name__ == "__main__":
    main()
