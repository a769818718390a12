"""What torch's own choice of threads costs: fits and a packed search at default settings, beside one thread.

Nobody sets OMP_NUM_THREADS, and torch then takes as many threads as there are cores, which a small step pays for:
most of all while another program keeps a core busy. Each peer is a process of its own, at default settings or with
OMP_NUM_THREADS=1; they take turns, first alone and then beside a process that does nothing but count. A loop
written by hand stands for what torch does when it is left to itself. Each number is a median on the wall.

    python benchmarks/threads.py --out benchmarks/results/threads
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _timing import made_by, write

CASES: dict[str, dict[str, Any]] = {
    "fit, 32-32": {"rows": 2_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 20},
    "fit, 128-128": {"rows": 10_000, "columns": 50, "hidden": (128, 128), "batch": 128, "epochs": 5},
    "fit, 512-512": {"rows": 10_000, "columns": 50, "hidden": (512, 512), "batch": 128, "epochs": 2},
    "own module, 32-32": {"rows": 2_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 10},
    "predict, 32-32": {"rows": 100_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 1},
    "packed search, 96 x 32-32": {"rows": 2_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 5},
    "loop by hand, 32-32": {"rows": 2_000, "columns": 20, "hidden": (32, 32), "batch": 64, "epochs": 5},
}
SEED = 0
# What the project set itself: at default settings over one thread, and beside a busy core over alone.
TARGETS = {
    "fit, 32-32": (1.1, 3.0),
    "fit, 128-128": (1.1, None),
    "fit, 512-512": (1.0, None),
    "packed search, 96 x 32-32": (1.1, None),
}


def main() -> None:
    """Time all cases and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    if options.child:
        serve(options.child)
        return
    rows = [row_of(case, options.runs) for case in options.cases]
    write(options.out, rows, made_by("benchmarks/threads.py", runs=options.runs, seed=SEED))


def row_of(case: str, runs: int) -> dict[str, Any]:
    """Time one case."""
    with peer(case, None) as default, peer(case, "1") as one:
        peers = {"default": default, "one": one}
        alone = in_turn(peers, runs)
        with busy_core():
            beside = in_turn(peers, runs)
    target, busy_target = TARGETS.get(case, (None, None))
    return {
        "case": case,
        "one thread [ms]": alone["one"],
        "default [ms]": alone["default"],
        "default / one thread": alone["default"] / alone["one"],
        "target": target,
        "beside a busy core: one thread [ms]": beside["one"],
        "default, busy [ms]": beside["default"],
        "default, busy / alone": beside["default"] / alone["default"],
        "target, busy": busy_target,
    }


def in_turn(peers: dict[str, Callable[[], float]], runs: int) -> dict[str, float]:
    """Return each peer's median milliseconds; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in peers}
    for round_ in range(runs + 1):
        for name, run in peers.items():
            milliseconds = run()
            if round_:
                taken[name].append(milliseconds)
    return {name: statistics.median(each) for name, each in taken.items()}


@contextmanager
def peer(case: str, threads: str | None) -> Iterator[Callable[[], float]]:
    """A process that runs a case each time it is asked to, and answers with the milliseconds."""
    settings = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if threads is not None:
        settings["OMP_NUM_THREADS"] = threads
    command = [sys.executable, __file__, "--child", case]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=settings
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answer = process.stdin, process.stdout

        def run() -> float:
            ask.write("go\n")
            return float(answer.readline())

        try:
            yield run
        finally:
            ask.close()


@contextmanager
def busy_core() -> Iterator[None]:
    """Another program, which keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def serve(case: str) -> None:
    """Run a case for each line that comes in."""
    warnings.simplefilter("ignore")
    work = work_of(case)
    for _ in sys.stdin:
        began = time.perf_counter()
        work()
        print(1e3 * (time.perf_counter() - began), flush=True)


def work_of(case: str) -> Callable[[], Any]:
    """Return what is timed."""
    import joblib
    import numpy as np
    import torch
    from fit_speed import Own, by_hand
    from sklearn.datasets import make_classification
    from sklearn.model_selection import GridSearchCV

    from sk_warmstart import WarmStartClassifier

    size = CASES[case]
    X, y = make_classification(size["rows"], size["columns"], n_informative=10, n_classes=3, random_state=SEED)
    X = X.astype(np.float32)
    settings: dict[str, Any] = {"module__hidden_layer_sizes": size["hidden"]}
    if case.startswith("own"):
        settings = {"module": Own, "module__hidden": size["hidden"]}
    net = WarmStartClassifier(
        **settings,
        optimizer=torch.optim.Adam,
        batch_size=size["batch"],
        max_epochs=size["epochs"],
        random_state=SEED,
    )
    if case.startswith("predict"):
        net.fit(X[:2_000], y[:2_000])
        return lambda: net.predict_proba(X)
    if case.startswith("packed"):
        grid = {"lr": np.logspace(-4, -2, 8), "random_state": [0, 1, 2, 3]}
        search = GridSearchCV(net, grid, cv=3, refit=False)

        def packed() -> None:
            with joblib.parallel_config(backend="packed", n_jobs=96):
                search.fit(X, y)

        return packed
    if case.startswith("loop"):
        return lambda: by_hand(X, y, size)
    return lambda: net.fit(X, y)


if __name__ == "__main__":
    main()
