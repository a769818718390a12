"""Long runs of partial_fit and of warm fits: do time, memory, history and pickle stay flat, and predictions right?

OMP_NUM_THREADS=1 python benchmarks/long_runs.py --out benchmarks/results/long_runs
"""

from __future__ import annotations

import argparse
import itertools
import pickle
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import made_by, write

from sk_warmstart import WarmStartClassifier

SEED = 0
BLOCKS = 10
N_FEATURES = 20
N_HELD_OUT = 2000
WINDOW, STEP = 500, 10  # rows of a warm fit, and how many of them are new


def main() -> None:
    """Time the calls in blocks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000, help="calls of partial_fit with one new row")
    parser.add_argument("--fits", type=int, default=500, help="warm fits on a window that moves")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stream, windows = partial_fits(options.calls), warm_fits(options.fits)
    told = {
        "old over young in the last block": {
            "partial_fit": stream[-1]["old / young"],
            "fit": windows[-1]["old / young"],
        },
        "target": 1.1,
        "window": WINDOW,
        "new rows a fit": STEP,
    }
    about = made_by("benchmarks/long_runs.py", calls=options.calls, fits=options.fits, seed=SEED)
    write(options.out, stream + windows, {**told, **about})


def partial_fits(calls: int) -> list[dict[str, Any]]:
    """One new row a call."""
    X, y = _rows(calls)

    def call(net: WarmStartClassifier, i: int) -> None:
        net.partial_fit(X[i : i + 1], y[i : i + 1], classes=[0, 1])

    return _blocks("partial_fit", calls, call, young_every=50)


def warm_fits(fits: int) -> list[dict[str, Any]]:
    """The last rows of a stream each time, from the state before."""
    X, y = _rows(WINDOW + STEP * fits)

    def call(net: WarmStartClassifier, i: int) -> None:
        window = slice(STEP * i, STEP * i + WINDOW)
        net.fit(X[window], y[window])

    return _blocks("fit", fits, call, young_every=1)


def _rows(n_rows: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n_rows, N_FEATURES)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.int64)


def _blocks(
    method: str, calls: int, call: Callable[[WarmStartClassifier, int], None], young_every: int
) -> list[dict[str, Any]]:
    """Time every call; the rest is looked at between blocks.

    Right after some calls the same is timed on a young net, begun with the block: what else the machine is busy
    with slows both alike.
    """
    X, y = _rows(N_HELD_OUT, seed=SEED + 1)
    net, rows = _net(), []
    edges = np.linspace(0, calls, BLOCKS + 1).astype(int).tolist()
    for first, last in itertools.pairwise(edges):
        young = _net()
        call(young, first)
        times, youngs, ratios = [], [], []
        for i in range(first, last):
            times.append(_timed(call, net, i))
            if i % young_every == 0:
                youngs.append(_timed(call, young, i))
                ratios.append(times[-1] / youngs[-1])
        rows.append(
            {
                "method": method,
                "calls": f"{first + 1} to {last}",
                "median call [ms]": statistics.median(times) * 1e3,
                "of a young net [ms]": statistics.median(youngs) * 1e3,
                "old / young": round(statistics.median(ratios), 3),
                "resident [MB]": _resident(),
                "epochs in history": len(net.history),
                "distinct rows": len(net.learned_.memory.own | net.learned_.memory.ancestors),
                "pickle [kB]": len(pickle.dumps(net)) / 1e3,
                "of it known rows [kB]": len(pickle.dumps(net.learned_.memory)) / 1e3,
                "held-out accuracy": float(np.mean(net.predict(X) == y)),
            }
        )
    return rows


def _net() -> WarmStartClassifier:
    return WarmStartClassifier(
        module__hidden_layer_sizes=(32, 32), random_state=SEED, max_epochs=5, warm_start=True
    )


def _timed(call: Callable[[WarmStartClassifier, int], None], net: WarmStartClassifier, i: int) -> float:
    began = time.process_time()
    call(net, i)
    return time.process_time() - began


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
