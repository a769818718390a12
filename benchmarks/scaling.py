"""Time one epoch, and the memory that it takes, as rows, width and members of a pack grow.

A fit of one epoch, everything that a fit does included. Rows: a default WarmStartClassifier on a float32
``np.memmap`` of 20 columns in a temporary file. Width: two hidden layers, 10,000 rows in memory. Members: 10,000
rows, two layers of 32 units, batches of 64, one fit a seed in the packed backend of joblib; times are per member.

Every measurement is a process of its own, after a small fit that is not timed. Its peak memory is ``ru_maxrss`` at
the end less ``ru_maxrss`` before any fit, with everything imported and the labels in memory; pages of the file
that are mapped count, and so does what a first fit loads once (some 90 MB). Sizes take turns, one thread; each
number is a median, of memory the largest.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py --out benchmarks/results/scaling
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from _timing import made_by, write
from joblib import Parallel, delayed

from sk_warmstart import WarmStartClassifier

COLUMNS = 20
ROWS = [10**3, 10**4, 10**5, 10**6, 10**7]
WIDTHS = [32, 64, 128, 256, 512]
MEMBERS = [1, 2, 4, 8, 16, 32, 64, 128]
LINEAR_FROM, TOLERANCE, MEMORY = 10**5, 0.15, 2.0  # what the project set itself for rows on disk
CHUNK = 10_000
SEED = 0


def main() -> None:
    """Measure every size, in processes of their own, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--largest", type=float, default=1e7, help="most rows")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.measure:
        print(json.dumps(measure(**json.loads(options.measure))))
        return
    sizes = sorted({*(rows for rows in ROWS if rows < options.largest), int(options.largest)})
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), sizes[-1])
        cases = [{"grows": "rows", "size": size} for size in sizes]
        cases += [{"grows": "width", "size": size} for size in WIDTHS]
        cases += [{"grows": "members", "size": size} for size in MEMBERS]
        taken: list[list[dict[str, float]]] = [[] for _ in cases]
        for done in range(1, options.runs + 1):
            for case, its in zip(cases, taken, strict=True):
                its.append(apart({**case, "folder": folder}))
            rows = [summary(case, its) for case, its in zip(cases, taken, strict=True)]
            relate(rows)
            write(options.out, rows, made_by("benchmarks/scaling.py", runs=done, columns=COLUMNS, seed=SEED))


def make(folder: Path, rows: int) -> None:
    """Write rows and noisy labels in small pieces, since a child begins with the peak of its parent."""
    rng = np.random.default_rng(SEED)
    with (folder / "X").open("wb") as values, (folder / "y").open("wb") as labels:
        for first in range(0, rows, CHUNK):
            X = rng.standard_normal((min(CHUNK, rows - first), COLUMNS), dtype=np.float32)
            y = (X[:, 0] + X[:, 1] ** 2 + rng.standard_normal(len(X), dtype=np.float32) > 1).astype(np.int64)
            values.write(X.tobytes())
            labels.write(y.tobytes())


def apart(case: dict[str, Any]) -> dict[str, float]:
    """Measure one case in a fresh process."""
    command = [sys.executable, __file__, "--measure", json.dumps(case)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def measure(grows: str, size: int, folder: str) -> dict[str, float]:
    """Fit once, in this process; return milliseconds and MB."""
    rows = size if grows == "rows" else 10_000
    X: Any = np.memmap(Path(folder) / "X", dtype=np.float32, mode="r", shape=(rows, COLUMNS))
    y = np.fromfile(Path(folder) / "y", dtype=np.int64, count=rows)
    settings: dict[str, Any] = {"max_epochs": 1}
    if grows != "rows":
        X = np.array(X)
    if grows == "width":
        settings["module__hidden_layer_sizes"] = (size, size)
    if grows == "members":
        settings.update(module__hidden_layer_sizes=(32, 32), batch_size=64)
    before = peak()
    fit(X[: CHUNK // 10], y[: CHUNK // 10], settings, min(size, 2) if grows == "members" else None)
    wall, process = time.perf_counter(), time.process_time()
    fit(X, y, settings, size if grows == "members" else None)
    wall, process = time.perf_counter() - wall, time.process_time() - process
    return {"process": process * 1e3, "wall": wall * 1e3, "memory": peak() - before}


def fit(X: Any, y: Any, settings: dict[str, Any], members: int | None) -> None:
    """Fit one network, or as many as there are members."""
    if members is None:
        WarmStartClassifier(random_state=SEED, **settings).fit(X, y)
        return
    with joblib.parallel_config(backend="packed", n_jobs=members):
        Parallel()(delayed(_fit_member)(X, y, settings, seed) for seed in range(members))


def _fit_member(X: Any, y: Any, settings: dict[str, Any], seed: int) -> float:
    return WarmStartClassifier(random_state=seed, **settings).fit(X, y).history[-1]["train_loss"]


def peak() -> float:
    """Most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts in KiB


def summary(case: dict[str, Any], taken: list[dict[str, float]]) -> dict[str, Any]:
    """Return the row of one case."""
    process, wall = (statistics.median(each[clock] for each in taken) for clock in ("process", "wall"))
    each = case["size"] if case["grows"] == "members" else 1
    return {
        "what grows": case["grows"],
        "size": case["size"],
        "one epoch [ms]": process / each,
        "wall [ms]": wall / each,
        "peak memory [MB]": max(run["memory"] for run in taken),
        "peak / array": None,
        "relative": None,
        "relative to": None,
        "within targets": None,
    }


def relate(rows: list[dict[str, Any]]) -> None:
    """Add how times grow: per row against 1e5 rows, per width against the least, per member against one alone."""
    words = {"rows": "a row of 1e5", "width": "the least width", "members": "one member alone"}
    least = {"rows": LINEAR_FROM, "width": WIDTHS[0], "members": MEMBERS[0]}
    known = {(row["what grows"], row["size"]): row["one epoch [ms]"] for row in rows}
    for row in rows:
        what, size = row["what grows"], row["size"]
        row["relative"] = row["one epoch [ms]"] / known.get((what, least[what]), float("nan"))
        row["relative to"] = words[what]
        if what == "rows":
            row["relative"] *= LINEAR_FROM / size
            row["peak / array"] = row["peak memory [MB]"] / (size * COLUMNS * 4 / 1e6)
            if size >= LINEAR_FROM:
                linear = abs(row["relative"] - 1) <= TOLERANCE
                small = row["peak / array"] < MEMORY or size < ROWS[-1]
                row["within targets"] = "yes" if linear and small else "NO"


if __name__ == "__main__":
    main()
