"""Time what is done once per fit to know its rows again: hashing, the sketch, the summary of each column.

Each number is the best of a few repetitions, in processor time. Nothing of it uses more than one
thread.

    python benchmarks/row_identity.py --rows 1000000 --columns 100
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import sparse

from sk_warmstart.state import FeatureSummary, row_ids, sample_ids
from sk_warmstart.state.rows._row_sketch import RowSketch, leaked_share

SEED = 0
DENSITY = 0.1


def main() -> None:
    """Time each step and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "row_identity")
    options = parser.parse_args()
    rows = []
    for step, seconds in timings(options):
        rows.append({"step": step, "seconds": seconds})
        print(f"{step:50} {seconds:10.5f} s", flush=True)
    write(rows, options)


def timings(options: Any) -> Iterator[tuple[str, float]]:
    """Yield the name of each step and its seconds."""
    rng = np.random.default_rng(SEED)
    n, d = options.rows, options.columns
    X = rng.random((n, d), dtype=np.float32)

    def best(function: Callable[..., Any], *arguments: Any) -> float:
        return min(_seconds(function, *arguments) for _ in range(options.repeats))

    yield "row_ids, float32", best(row_ids, X)
    yield "FeatureSummary.from_rows, float32", best(FeatureSummary.from_rows, X)
    other = np.asfortranarray(X)
    yield "row_ids, float32, Fortran order", best(row_ids, other)
    other = X.astype(np.float64)
    yield "row_ids, float64", best(row_ids, other)
    yield "FeatureSummary.from_rows, float64", best(FeatureSummary.from_rows, other)
    del other
    thin = sparse.random_array((n, d), density=DENSITY, format="csr", dtype=np.float32, rng=rng)
    yield f"row_ids, sparse ({DENSITY:.0%} filled)", best(row_ids, thin)
    yield f"FeatureSummary.from_rows, sparse ({DENSITY:.0%} filled)", best(FeatureSummary.from_rows, thin)
    del thin
    small = rng.random((1000, 20))
    summary = FeatureSummary.from_rows(small)
    yield "FeatureSummary.from_rows, 1000 x 20", best(FeatureSummary.from_rows, small)
    yield "FeatureSummary.updated, 1000 x 20", best(summary.updated, small)
    numbers = np.arange(n)
    texts = [f"row-{i}" for i in range(n)]
    yield "sample_ids, integers", best(sample_ids, numbers)
    yield "sample_ids, texts", best(sample_ids, texts)
    ids = sample_ids(numbers)
    one, two = RowSketch(ids), RowSketch(sample_ids(numbers + n // 2))
    yield "RowSketch", best(RowSketch, ids)
    yield "RowSketch, union of two", best(one.union, two)
    yield "RowSketch.lookup", best(one.lookup, ids)
    yield "leaked_share", best(leaked_share, ids, one, two)


def _seconds(function: Callable[..., Any], *arguments: Any) -> float:
    began = time.process_time()
    function(*arguments)
    return time.process_time() - began


def write(rows: list[dict[str, Any]], options: Any) -> None:
    """Write the rows with what they were made by."""
    made_by = {
        "script": "benchmarks/row_identity.py",
        "rows": options.rows,
        "columns": options.columns,
        "repeats": options.repeats,
        "seed": SEED,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
    options.out.with_suffix(".json").write_text(json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n")
    lines = ["| step | seconds |", "|---|---|", *(f"| {row['step']} | {row['seconds']:.2g} |" for row in rows)]
    lines += ["", ", ".join(f"{key}: {value}" for key, value in made_by.items())]
    options.out.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
