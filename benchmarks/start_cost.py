"""Time what each start costs: making it, and all of a fit that is not an epoch, told in epochs.

A donor (MLP of 128 and 128 units, 10,000 x 50 rows) hands over to the same network by every policy that has a
name. ``start`` is what ``start_["seconds"]`` says: fitting the donor to the network and mixing in the fresh draw.
``all before`` is a fit of no epochs: checking the rows, building the network, the start, its score on the rows
before the first step. An epoch is what a fit of one epoch takes longer. Peers take turns in one process with one
thread; each number is a median.

    OMP_NUM_THREADS=1 python benchmarks/start_cost.py --out benchmarks/results/start_cost
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import interleaved, made_by, write
from sklearn.frozen import FrozenEstimator

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import policy_names

ROWS, COLUMNS, HIDDEN = 10_000, 50, (128, 128)
SEED = 0


def main() -> None:
    """Time every policy and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    about = made_by(
        "benchmarks/start_cost.py",
        runs=options.runs,
        seed=SEED,
        rows=ROWS,
        columns=COLUMNS,
        hidden=HIDDEN,
        batch=128,
    )
    write(options.out, measure(options.runs), about)


def measure(runs: int) -> list[dict[str, Any]]:
    """Time fits of no epoch and of one epoch from every start."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=ROWS) > 1).astype(np.int64)
    settings: dict[str, Any] = {"module__hidden_layer_sizes": HIDDEN, "random_state": SEED}
    donor = FrozenEstimator(WarmStartClassifier(max_epochs=1, **settings).fit(X, y))
    starts: dict[str, list[float]] = {name: [] for name in policy_names()}

    def fit(name: str, epochs: int) -> None:
        net = WarmStartClassifier(init_policy=name, warm_start_from=donor, max_epochs=epochs, **settings)
        starts[name].append(net.fit(X, y).start_["seconds"])

    took = interleaved(
        {
            f"{name} {epochs}": (lambda name=name, epochs=epochs: fit(name, epochs))
            for name in starts
            for epochs in (0, 1)
        },
        runs,
    )
    rows = []
    for name, seconds in starts.items():
        none, one = took[f"{name} 0"], took[f"{name} 1"]
        epoch = one["process"] - none["process"]
        start = statistics.median(seconds[2:]) * 1e3  # the first round is not counted
        rows.append(
            {
                "policy": name,
                "start [ms]": start,
                "start [epochs]": start / epoch,
                "all before [ms]": none["process"],
                "all before [epochs]": none["process"] / epoch,
                "one epoch [ms]": epoch,
                "one epoch, wall [ms]": one["wall"] - none["wall"],
            }
        )
    return rows


if __name__ == "__main__":
    main()
