"""Laws of warm starting that estimators keep: ``sk_warmstart.testing.check_warm_start`` on ours and on others.

Each check runs in a process of its own: GradientBoostingClassifier can end the process when a class is missing.
skorch's networks are of float32 and the checks' rows are of float64 too, so a subclass casts the rows for them;
it changes nothing else.

    python benchmarks/warm_start_checks.py --out benchmarks/results/warm_start_checks
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import skorch
import torch
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.testing import N_CLASSES, N_FEATURES, check_warm_start, warm_start_checks

WIDTH = 16
CELLS = {"passed": "yes", "failed": "no", "skipped": "-"}


class Network(nn.Module):
    """A network of one hidden layer that gives probabilities, as skorch's default criterion wants them."""

    def __init__(self, num_units: int = WIDTH):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_FEATURES, num_units), nn.ReLU(), nn.Linear(num_units, N_CLASSES), nn.Softmax(dim=-1)
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return probabilities."""
        return self.layers(X)


class CastToFloat32(skorch.NeuralNetClassifier):
    """skorch's classifier, with rows of any float dtype cast to that of its network."""

    def fit_loop(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Train on the rows as float32."""
        return super().fit_loop(_cast(X), y, **kwargs)

    def forward_iter(self, X: Any, training: bool = False, device: str = "cpu") -> Any:
        """Predict the rows as float32."""
        return super().forward_iter(_cast(X), training=training, device=device)


def _cast(X: Any) -> Any:
    return X.astype(np.float32) if isinstance(X, np.ndarray) else X


def estimators() -> dict[str, Any]:
    """Return the estimators by the names of their columns."""
    return {
        "WarmStartClassifier": WarmStartClassifier(module__hidden_layer_sizes=(WIDTH,)),
        "WarmStartRegressor": WarmStartRegressor(module__hidden_layer_sizes=(WIDTH,)),
        "MLPClassifier": MLPClassifier(hidden_layer_sizes=(WIDTH,)),
        "MLPRegressor": MLPRegressor(hidden_layer_sizes=(WIDTH,)),
        "skorch, module class": CastToFloat32(Network, lr=0.5),
        "skorch, module instance": CastToFloat32(Network(), lr=0.5),
        "SGDClassifier": SGDClassifier(),
        "LogisticRegression": LogisticRegression(),
        "RandomForestClassifier": RandomForestClassifier(),
        "GradientBoostingClassifier": GradientBoostingClassifier(),
    }


def main() -> None:
    """Run all checks and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)  # for the module instance
    # What torch imports at its first step the processes then have, and need not import one by one.
    WarmStartClassifier(max_epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    rows = []
    for column, estimator in estimators().items():
        for name, check in warm_start_checks(estimator):
            status, message = run_apart(estimator, name)
            rows.append(
                {"estimator": column, "check": name, "law": check.law, "status": status, "message": message}
            )
    made_by = {
        "script": "benchmarks/warm_start_checks.py",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "skorch": skorch.__version__,
    }
    text = _markdown(rows) + "\n\n(" + ", ".join(f"{key}: {value}" for key, value in made_by.items()) + ")\n"
    print(text)
    if options.out is not None:
        options.out.with_suffix(".json").write_text(
            json.dumps({"made_by": made_by, "rows": rows}, indent=1) + "\n"
        )
        options.out.with_suffix(".md").write_text(text)


def run_apart(estimator: Any, name: str) -> tuple[str, str]:
    """Run one check in a process of its own."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_run, args=(estimator, name, sender))
    process.start()
    sender.close()
    try:
        status, message = receiver.recv()
    except EOFError:
        process.join()
        status, message = "failed", f"the process was ended by {signal.Signals(-(process.exitcode or 0)).name}"
    process.join()
    return status, message


def _run(estimator: Any, name: str, sender: Any) -> None:
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # the C library's own words about a process that it ends
        with contextlib.redirect_stdout(nowhere):
            row = check_warm_start(estimator, checks=[name]).iloc[0]
    sender.send((row["status"], row["message"]))


def _markdown(rows: list[dict[str, Any]]) -> str:
    table = pd.DataFrame(rows)
    columns = list(dict.fromkeys(table["estimator"]))
    lines = ["| check | law | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for check, group in table.groupby("check", sort=False):
        cells = group.set_index("estimator")["status"].map(CELLS)
        law = group["law"].iloc[0]
        number = "-" if pd.isna(law) else f"{law:.0f}"
        lines.append(f"| {_short(check)} | {number} | " + " | ".join(cells[column] for column in columns) + " |")
    counts = table.groupby("estimator")["status"].value_counts().unstack(fill_value=0)
    lines.append("| **kept / broken** | | " + " | ".join(_count(counts.loc[column]) for column in columns) + " |")
    lines.append("")
    lines += [
        f"* {row['estimator']}, {_short(row['check'])}: {row['message']}"
        for row in rows
        if row["status"] == "failed"
    ]
    return "\n".join(lines)


def _short(check: Any) -> str:
    return str(check).removeprefix("check_").replace("_", " ")


def _count(counts: Any) -> str:
    return f"{counts.get('passed', 0)} / {counts.get('failed', 0)}"


if __name__ == "__main__":
    main()
