"""Call partial_fit again and again with one row: does a call cost more the more there were, and does memory grow?

OMP_NUM_THREADS=1 python benchmarks/partial_fit_flat.py --out benchmarks/results/partial_fit_flat
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import made_by, write

from sk_warmstart import WarmStartClassifier

SEED = 0
BLOCK = 1000


def main() -> None:
    """Time the calls in blocks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(options.calls)
    first, last = rows[0]["median call [us]"], rows[-1]["median call [us]"]
    about = made_by("benchmarks/partial_fit_flat.py", calls=options.calls, seed=SEED)
    write(options.out, rows, {"last over first thousand": round(last / first, 3), "target": 1.1, **about})


def measure(calls: int) -> list[dict[str, Any]]:
    """Time every call; memory is looked at between blocks."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(calls, 20)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    net = WarmStartClassifier(module__hidden_layer_sizes=(32, 32), random_state=SEED)
    net.partial_fit(X[:1], y[:1], classes=[0, 1])
    rows = []
    for first in range(0, calls, BLOCK):
        taken = []
        for i in range(first, min(first + BLOCK, calls)):
            began = time.process_time()
            net.partial_fit(X[i : i + 1], y[i : i + 1])
            taken.append(time.process_time() - began)
        rows.append(
            {
                "calls": f"{first + 1} to {first + len(taken)}",
                "median call [us]": statistics.median(taken) * 1e6,
                "mean call [us]": statistics.fmean(taken) * 1e6,
                "resident [MB]": _resident(),
            }
        )
    return rows


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
