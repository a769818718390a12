"""Compare cold, warm and shrink-and-perturb on real tables, beside scikit-learn's MLPClassifier on the same rows.

The arm "again" is cold with draws of its own: it shows what the table says of equal arms. ``--tables`` and
``--arms`` choose; where ``--arms`` does, the peer is left out.

The tables are digits (from scikit-learn) and, with ``--data FOLDER``, those of ``elec2``, ``adult`` and
``bike_sharing`` that lie there as .csv.gz. All are public: OpenML 151 and 1590 (``fetch_openml``), and UCI's Bike
Sharing (hour.csv).

    python benchmarks/first_light.py --data FOLDER --repeats 5 --out benchmarks/results/first_light
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils import check_random_state

from sk_warmstart.cli import default_pipeline, load_table
from sk_warmstart.comparison import DataIncremental, WarmStartComparator
from sk_warmstart.comparison.phases._phase import Replicate

TABLES: dict[str, dict[str, Any]] = {
    "digits": {},
    "elec2": {"target": "class"},
    "adult": {"target": "income"},
    "bike_sharing": {"target": "cnt", "drop": ["casual", "registered", "instant"]},
}
ARMS: dict[str, Any] = {
    "cold": "cold",
    "again": {"init_policy": "cold", "random_state": 1},
    "warm": "warm",
    "shrink_perturb": "shrink_perturb",
}
SEED = 0


def main() -> None:
    """Run the comparison on each table and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the tables; digits alone without it")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--arms", nargs="+", choices=list(ARMS)[1:], help="beside cold")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--phases", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    rows = []
    for name in options.tables:
        settings = TABLES[name]
        if name == "digits":
            source: str | Path = name
        elif options.data is None:
            continue
        else:
            source = options.data / f"{name}.csv.gz"
        rows += compare(name, source, settings, options)
        print(pd.DataFrame(rows).to_string(index=False), flush=True)
    if options.out is not None:
        write(rows, options)


def compare(name: str, source: str | Path, settings: dict[str, Any], options: Any) -> list[dict[str, Any]]:
    """Run one table."""
    X, y, task = load_table(source, **settings)
    pipeline, phases = default_pipeline(X, task), DataIncremental(options.phases)
    arms = {arm: start for arm, start in ARMS.items() if arm in ("cold", *(options.arms or ARMS))}
    comparator = WarmStartComparator(
        *(pipeline, arms, phases),
        n_repeats=options.repeats,
        n_jobs=options.jobs,
        refit=None,
        n_probes=0,
        random_state=options.seed,
    ).fit(X, y)
    rows = [
        {"table": name, "arm": arm, **row, **_epochs(comparator.results_, arm)}
        for arm, row in comparator.gain_.to_dict("index").items()
    ]
    if options.arms:
        return rows
    peer = _peer(pipeline[-1], task)
    if task == "regression":
        y = (y - y.mean()) / y.std()  # as ours does itself; R2 does not change
    scores, seconds = _fit_peer(pipeline, peer, X, y, task, options)
    rows.append({"table": name, "arm": type(peer).__name__, "score": scores, "seconds": seconds})
    return rows


def _epochs(results: pd.DataFrame, arm: str) -> dict[str, float]:
    mine = results[results["arm"] == arm]
    return {
        "epochs": mine["epochs"].mean(),
        "epochs_to_target": mine["epochs_to_target"].mean(),
        "start_score": mine["start_score"].mean(),
    }


def _peer(net: Any, task: str) -> Any:
    peer = MLPClassifier if task == "classification" else MLPRegressor
    return peer(
        hidden_layer_sizes=(128, 128),
        batch_size=net.batch_size,
        max_iter=net.max_epochs,
        early_stopping=net.early_stopping,
        n_iter_no_change=net.n_iter_no_change if net.early_stopping else net.max_epochs,
        alpha=0.0,
    )


def _fit_peer(pipeline: Any, peer: Any, X: Any, y: Any, task: str, options: Any) -> tuple[float, float]:
    """Fit the peer cold on the very splits that the comparator drew."""
    labels = pd.factorize(y)[0] if task == "classification" else None
    seeds = check_random_state(options.seed).randint(np.iinfo(np.int32).max, size=options.repeats)
    scores, seconds = [], []
    for number, seed in enumerate(seeds):
        replicate, rng = Replicate(number, int(seeds[0])), np.random.default_rng(int(seed))
        plan = DataIncremental(options.phases).plan(X, labels, rng, replicate=replicate)
        for phase in plan.streams[0][1:]:
            before = clone(pipeline[:-1])
            rows = before.fit_transform(X.iloc[phase.train], y[phase.train]).astype(np.float32)
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed budget ends before the loss does
                fitted = clone(peer).set_params(random_state=int(seed) % 2**31).fit(rows, y[phase.train])
            seconds.append(time.perf_counter() - began)
            scores.append(fitted.score(before.transform(X.iloc[phase.test]).astype(np.float32), y[phase.test]))
    return float(np.mean(scores)), float(np.mean(seconds))


def write(rows: list[dict[str, Any]], options: Any) -> None:
    """Write the rows with what they were made by."""
    made_by = {
        "script": "benchmarks/first_light.py",
        "repeats": options.repeats,
        "phases": options.phases,
        "seed": options.seed,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
    }
    options.out.with_suffix(".json").write_text(
        json.dumps({"made_by": made_by, "rows": rows}, indent=1, default=float) + "\n"
    )
    options.out.with_suffix(".md").write_text(
        _markdown(rows) + "\n\n" + ", ".join(f"{key}: {value}" for key, value in made_by.items()) + "\n"
    )


def _markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| table | arm | score | gain over cold | worst replicate | speed-up | epochs | verdict | cost |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        gain, worst, speed = "-", "-", "-"
        if row.get("verdict") not in (None, "reference"):
            gain = f"{row['gain']:+.4f} [{row['gain_low']:+.4f}, {row['gain_high']:+.4f}]"
            worst = f"{row['worst_gain']:+.4f}"
            speed = f"{row['speedup']:.3g} [{row['speedup_low']:.3g}, {row['speedup_high']:.3g}]"
        epochs = f"{row['epochs']:.0f}" if "epochs" in row else "-"
        verdict = row.get("verdict", "peer, cold")
        lines.append(
            f"| {row['table']} | {row['arm']} | {row['score']:.4f} | {gain} | {worst} | {speed} | {epochs} "
            f"| {verdict} | {row.get('cost') or '-'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
