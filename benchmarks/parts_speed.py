"""Time a fit of rows in a dictionary of one part against the same numbers as an array: they train alike.

The networks and sizes are those of ``fit_speed.py``, a module of one's own; both take turns in one process.

    OMP_NUM_THREADS=1 python benchmarks/parts_speed.py --out benchmarks/results/parts_speed
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import interleaved, made_by, write
from fit_speed import CASES, CLASSES, SEED, Own

from sk_warmstart import WarmStartClassifier


def main() -> None:
    """Time both kinds of rows, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = [compare(case, options.runs) for case in CASES.values()]
    write(options.out, rows, made_by("benchmarks/parts_speed.py", runs=options.runs, seed=SEED))


def compare(case: dict[str, Any], runs: int) -> dict[str, Any]:
    """One line of the table."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(case["rows"], case["columns"])).astype(np.float32)
    y = rng.integers(CLASSES, size=len(X))
    settings = {"module__n_features": X.shape[1], "module__hidden": case["hidden"], "batch_size": case["batch"]}
    one, other = (
        WarmStartClassifier(Own, max_epochs=case["epochs"], random_state=SEED, **settings) for _ in range(2)
    )
    taken = interleaved({"array": lambda: one.fit(X, y), "part": lambda: other.fit({"X": X}, y)}, runs)
    same = bool((one.predict_proba(X) == other.predict_proba({"X": X})).all())
    array, part = (taken[name]["process"] for name in ("array", "part"))
    size = f"{len(X)} x {X.shape[1]}, {case['hidden']}, batch {case['batch']}"
    return {"fit": size, "array [ms]": array, "part [ms]": part, "ratio": part / array, "alike to the bit": same}


if __name__ == "__main__":
    main()
