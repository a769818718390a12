"""The command ``sk-warmstart``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from sklearn.callback import ProgressBar
from sklearn.model_selection import TimeSeriesSplit

from . import __version__
from .comparison import DataIncremental, WarmStartComparator, default_pipeline, load_table


class _Parser(argparse.ArgumentParser):
    """One line for a mistake, not the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line.

    Returns
    -------
    argparse.ArgumentParser
        The parser.

    Examples
    --------
    >>> from sk_warmstart.cli import build_parser
    >>> build_parser().parse_args(["compare", "digits"]).repeats
    10
    """
    parser = _Parser(prog="sk-warmstart", description="Measure whether starting training warm is worth it.")
    parser.add_argument("--version", action="version", version=f"sk-warmstart {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="compare start policies on a table",
        description="Retrain a network as the rows of a table arrive, once for each start policy, and "
        "compare scores and training effort.",
    )
    add = compare.add_argument
    add("data", metavar="DATA", help="a .csv, .csv.gz or .parquet file, or 'digits' (built in)")
    add("--target", metavar="COLUMN", help="the column to predict")
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--time", metavar="COLUMN", help="the column that orders the rows: phases then follow time")
    add("--phases", type=int, default=5, metavar="N", help="number of phases (default: 5)")
    add(
        "--policies",
        nargs="+",
        default=["cold", "warm", "shrink_perturb"],
        metavar="NAME",
        help="start policies; cold is the reference (default: cold warm shrink_perturb)",
    )
    add("--repeats", type=int, default=10, metavar="N", help="number of replicates (default: 10)")
    add(
        "--rope",
        type=float,
        default=0.01,
        help="differences of score up to this do not matter (default: 0.01)",
    )
    add("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    add("--jobs", type=int, default=-1, metavar="N", help="processes (default: -1, one a core)")
    add("--report", metavar="FILE", help="write the report to this HTML file")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; the process's own by default.

    Returns
    -------
    int
        Exit status: 0, or 2 where the input does not allow a comparison.
    """
    options = build_parser().parse_args(argv)
    try:
        _compare(options)
    except (ValueError, ImportError, OSError) as error:
        print(f"sk-warmstart: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sk-warmstart: interrupted", file=sys.stderr)
        return 130
    return 0


def _compare(options: argparse.Namespace) -> None:
    if options.report is not None:
        _need("report", "matplotlib", "jinja2")
        report = Path(options.report).absolute()  # hours of work come before it is written
        if report.is_dir() or not report.parent.is_dir():
            raise ValueError(f"the report needs a file name in a folder that exists, got {options.report}")
    X, y, task = load_table(options.data, options.target, options.time, options.drop)
    classes = np.unique(y) if task == "classification" else None
    phases: Any = DataIncremental(options.phases)
    if options.time is not None:
        phases = TimeSeriesSplit(options.phases)
    comparator = WarmStartComparator(
        default_pipeline(X, task, classes),
        policies=options.policies,
        phases=phases,
        n_repeats=options.repeats,
        rope=options.rope,
        refit=None,
        n_jobs=options.jobs,
        random_state=options.seed,
    )
    if find_spec("rich") is not None:
        comparator.set_callbacks(ProgressBar())
    comparator.fit(X, y)
    print(format_gain(comparator.gain_))
    print()
    for sentence in comparator.verdict_:
        print(sentence)
    if options.report is not None:
        print(f"\nThe report is in {comparator.report(options.report)}")


def format_gain(gain: pd.DataFrame) -> str:
    """Lay the gain table out for a terminal.

    Parameters
    ----------
    gain : DataFrame
        ``WarmStartComparator.gain_``.

    Returns
    -------
    str
        The table.
    """
    table = pd.DataFrame(
        {
            "score": gain["score"].map("{:.4f}".format),
            "gain": [_with_interval(row, "gain", "{:+.4f}") for _, row in gain.iterrows()],
            "P(better)": gain["p_better"].map(_percent),
            "P(equivalent)": gain["p_equivalent"].map(_percent),
            "P(worse)": gain["p_worse"].map(_percent),
            "speed-up": [_with_interval(row, "speedup", "{:.2g}") for _, row in gain.iterrows()],
            "reached": gain["reached"].map(_percent),
            "seconds": gain["seconds"].map("{:.2f}".format),
            "verdict": gain["verdict"],
        }
    )
    table.index.name = None
    return table.to_string()


def _with_interval(row: pd.Series, name: str, form: str) -> str:
    if row["verdict"] == "reference" or not np.isfinite(row[name]):
        return "-"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = f" [{form.format(low)}, {form.format(high)}]" if np.isfinite(low) else ""
    return form.format(row[name]) + interval


def _percent(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "-"


def _need(extra: str, *modules: str) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ImportError(f"{' and '.join(missing)} not installed: pip install 'sk-warmstart[{extra}]'")
