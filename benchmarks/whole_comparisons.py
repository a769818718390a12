"""How long a whole comparison takes: five starts, ten replicates, by one command each.

elec2 in fifteen sliding windows of equal size, and bike_sharing by its months: the commands that the README names.
Then the comparator's own share: all that is no training (reading, planning, copies, scoring, row scores, measures,
statistics), as a share of the training, in one process. Training is what the arms and their further runs take: the
fits of the net, the validation scores of early stopping included, and of the steps in front of it. Both are
processor time, which what else the machine does can stretch a little only: the median of some runs counts.
``--parts`` and ``--shares`` choose; other rows of OUT.json stay.

    OMP_NUM_THREADS=1 python benchmarks/whole_comparisons.py --data FOLDER --out OUT

FOLDER holds elec2.csv.gz and bike_sharing.csv.gz, as for ``auto_streams.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _timing import made_by, write
from sklearn.datasets import load_digits

from sk_warmstart import WarmStartClassifier
from sk_warmstart.cli import main as sk_warmstart
from sk_warmstart.comparison.runs import _replicate
from sk_warmstart.comparison.runs.fits import _data
from sk_warmstart.policies import PlainShrinkWarning

POLICIES = ["cold", "warm", "shrink_perturb", "dash", "auto"]
REPEATS = 10
COLUMNS = ("table", "minutes", "limit", "own share", "runs", "options")
SHARES = {
    "digits, own share": "digits",
    "elec2, own share": "{data}/elec2.csv.gz --target class --time date --sliding --phases 5",
}
TABLES = {
    "elec2": "--target class --time date --sliding --phases 15",
    "bike_sharing": "--target cnt --time dteday --every month --drop casual registered instant "
    "--hidden 64 64 --batch-size 256",
}


def main() -> None:
    """Run the commands, and write what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--reports", type=Path, help="folder for the reports")
    parser.add_argument("--parts", nargs="+", choices=["tables", "shares"], default=["tables", "shares"])
    parser.add_argument("--shares", nargs="+", choices=list(SHARES), default=list(SHARES), help="which shares")
    parser.add_argument("--runs", type=int, default=3, help="of each share, whose median counts")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", PlainShrinkWarning)
    found = earlier_rows(options.out)
    for table, told in TABLES.items() if "tables" in options.parts else ():
        command = [*told.split(), "--policies", *POLICIES, "--repeats", str(options.repeats), "--quiet"]
        report = [] if options.reports is None else ["--report", str(options.reports / f"{table}.html")]
        began = time.perf_counter()
        failed = sk_warmstart(["compare", str(options.data / f"{table}.csv.gz"), *command, *report])
        if failed:
            raise SystemExit(failed)
        minutes = round((time.perf_counter() - began) / 60, 2)
        found[table] = {"minutes": minutes, "limit": 10, "options": " ".join(command)}
    if "shares" in options.parts:
        WarmStartClassifier(max_epochs=1).fit(*load_digits(return_X_y=True))  # imports are no share of anybody's
    for what in options.shares if "shares" in options.parts else ():
        runs = [own_share(SHARES[what].format(data=options.data)) for _ in range(options.runs)]
        median = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
        found[what] = {**median, "runs": options.runs, "options": SHARES[what].format(data="FOLDER")}
    rows = [{**dict.fromkeys(COLUMNS), "table": name, **row} for name, row in found.items()]
    write(options.out, rows, made_by("benchmarks/whole_comparisons.py", repeats=options.repeats))


def earlier_rows(out: Path | None) -> dict[str, dict[str, Any]]:
    """Rows that an earlier run has left, by table."""
    if out is None or not out.with_suffix(".json").exists():
        return {}
    return {row["table"]: row for row in json.loads(out.with_suffix(".json").read_text())["rows"]}


def own_share(command: str) -> dict[str, float]:
    """Return the processor minutes of a command, and what is no training in it as a share of the training."""
    training = {(_replicate, "run_together"): 0.0, (_data, "fit_steps_before"): 0.0}
    real = {place: getattr(*place) for place in training}

    def timed(place: tuple[Any, str]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = time.process_time()
            try:
                return real[place](*args)
            finally:
                training[place] += time.process_time() - began

        return call

    began = time.process_time()
    try:
        for place in training:
            setattr(*place, timed(place))
        failed = sk_warmstart(["compare", *command.split(), "--jobs", "1", "--quiet"])
    finally:
        for place, function in real.items():
            setattr(*place, function)
    if failed:
        raise SystemExit(failed)
    took, trained = time.process_time() - began, sum(training.values())
    return {"minutes": round(took / 60, 2), "own share": round((took - trained) / trained, 3)}


if __name__ == "__main__":
    main()
