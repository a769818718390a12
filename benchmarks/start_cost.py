"""Time what each start costs: making it, and all of a fit that is not an epoch, told in epochs.

A donor (MLP of 128 and 128 units, 50 columns) hands over to the same network by every policy that has a
name. ``start`` is what ``start_["seconds"]`` says: fitting the donor to the network and what the policy does, its
gradients, probes and races included. ``all before`` is a fit of no epochs: checking the rows, building the
network, the start, its score on the rows before the first step. An epoch is what a cold fit of one epoch takes
longer than one of none, the same for all policies. ``target`` is what the project set itself for the start, in
epochs, and ``met`` whether the median meets it; ``beyond warm`` is what the policy itself adds to what every start
from a donor costs. Peers take turns in one process with one thread; each number is a median.

    OMP_NUM_THREADS=1 python benchmarks/start_cost.py --out benchmarks/results/start_cost
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import interleaved, made_by, write
from sklearn.frozen import FrozenEstimator

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import PlainShrinkWarning, policy_names

COLUMNS, HIDDEN = 50, (128, 128)
SEED = 0
CHEAP, A_PASS = 0.01, 1.0  # epochs
TARGETS = dict.fromkeys(("shrink_perturb", "interpolate", "reset_layers"), CHEAP)
TARGETS |= dict.fromkeys(("dash", "recycle_dormant"), A_PASS)


def main() -> None:
    """Time every policy and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=25, help="rounds for 10,000 rows; fewer for more")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", PlainShrinkWarning)  # Dash in wide layers: its docstring has it
    about = made_by(
        "benchmarks/start_cost.py",
        runs=options.runs,
        seed=SEED,
        columns=COLUMNS,
        hidden=HIDDEN,
        batch=128,
    )
    rows: list[dict[str, Any]] = []
    for n in options.rows:
        rows += measure(n, max(3, min(options.runs, options.runs * 10_000 // n)))
    write(options.out, rows, about)


def measure(n: int, runs: int) -> list[dict[str, Any]]:
    """Time fits of no epoch from every start, and one epoch."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=n) > 1).astype(np.int64)
    settings: dict[str, Any] = {"module__hidden_layer_sizes": HIDDEN, "random_state": SEED}
    donor = FrozenEstimator(WarmStartClassifier(max_epochs=1, **settings).fit(X, y))
    starts: dict[str, list[float]] = {name: [] for name in policy_names()}

    def fit(name: str, epochs: int) -> None:
        net = WarmStartClassifier(init_policy=name, warm_start_from=donor, max_epochs=epochs, **settings)
        starts[name].append(net.fit(X, y).start_["seconds"])

    peers = {f"{name} 0": (lambda name=name: fit(name, 0)) for name in starts}
    peers["one epoch"] = lambda: fit("cold", 1)
    took = interleaved(peers, runs)
    epoch = took["one epoch"]["process"] - took["cold 0"]["process"]
    # The first round is not counted.
    made = {name: statistics.median(seconds[2 if name == "cold" else 1 :]) for name, seconds in starts.items()}
    rows = []
    for name, start in made.items():
        target = TARGETS.get(name)
        before = took[f"{name} 0"]["process"]
        rows.append(
            {
                "rows": n,
                "policy": name,
                "start [ms]": start * 1e3,
                "start [epochs]": start * 1e3 / epoch,
                "beyond warm [epochs]": (start - made["warm"]) * 1e3 / epoch,
                "target [epochs]": target,
                "met": None if target is None else "yes" if start * 1e3 / epoch <= target else "NO",
                "all before [ms]": before,
                "all before [epochs]": before / epoch,
                "one epoch [ms]": epoch,
            }
        )
    return rows


if __name__ == "__main__":
    main()
