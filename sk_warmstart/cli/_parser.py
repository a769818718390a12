"""Parser of the command line."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from .._version import __version__
from ._options import DEFAULT_PHASES
from ._table import PERIODS


class _Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print a line and end with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = _Parser(prog="sk-warmstart", description="Measure whether starting training warm is worth it.")
    parser.add_argument("--version", action="version", version=f"sk-warmstart {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="compare start policies on a table",
        description="Retrain a network as the rows of a table arrive, once for each start policy, and "
        "compare scores and training effort.",
    )
    compare.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="a .csv, .csv.gz or .parquet file, or 'digits' (built in); two files are an old table, which the "
        "model is made on, and a new one, which it is retrained with",
    )
    _table(compare.add_argument_group("the table").add_argument)
    _phases(compare.add_argument_group("how the rows arrive").add_argument)
    _comparison(compare.add_argument_group("the comparison").add_argument)
    _training(compare.add_argument_group("the network").add_argument)
    _results(compare.add_argument_group("the results").add_argument)
    return parser


def _table(add: Any) -> None:
    """Add the options of the table."""
    add("--target", metavar="COLUMN", help="the column to predict")
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--groups", metavar="COLUMN", help="the column that says which rows belong together (patients)")
    add("--time", metavar="COLUMN", help="the column that orders the rows: phases then follow time")


def _phases(add: Any) -> None:
    """Add the options of the phases."""
    add(
        "--phases",
        type=int,
        metavar="N",
        help=f"number of phases, the base fit included (default: {DEFAULT_PHASES}; 2 for two files); in time the "
        "number of retrainings and their tests",
    )
    add("--every", choices=list(PERIODS), help="with --time: retrain at the end of each such period")
    add(
        "--sliding",
        action="store_true",
        help="with --time: train on the last window only, not on all rows up to then",
    )
    add("--window", type=int, metavar="N", help="with --time: rows of a window, or periods with --every")
    add("--classes", action="store_true", help="classes arrive in groups, not rows of all classes")
    add("--new-only", action="store_true", help="with two files: retrain on the new rows only")
    add("--test-size", type=float, metavar="SHARE", help="share of the (new) rows that test, where time does not")


def _comparison(add: Any) -> None:
    """Add the options of the comparison."""
    add(
        "--policies",
        nargs="+",
        default=["cold", "warm", "shrink_perturb"],
        metavar="NAME",
        help="start policies; cold is the reference (default: cold warm shrink_perturb)",
    )
    add(
        "--tune",
        nargs="+",
        default=[],
        metavar="POLICY.PARAM=V,V",
        help="parameters that the validation rows choose, as in shrink_perturb.shrink=0.2,0.4,0.8",
    )
    add("--incumbent", metavar="FILE", help="the model in use, a fitted estimator saved with joblib (trusted)")
    add("--repeats", type=int, default=10, metavar="N", help="number of replicates (default: 10)")
    add("--scoring", metavar="NAME", help="scikit-learn's name of the score (default: accuracy or R2)")
    add("--score-target", type=float, metavar="SCORE", help="validation score whose reaching is timed")
    add(
        "--rope",
        type=_rope,
        default="auto",
        metavar="R",
        help="differences of score up to this do not matter (default: 0.01 for scores of at most 1, else 1%% of "
        "the distance between cold's score and a dummy's)",
    )
    add("--confidence", type=float, default=0.95, help="confidence of intervals and verdicts (default: 0.95)")
    add("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    add("--jobs", type=int, default=-1, metavar="N", help="processes (default: -1, one a core)")
    add("--one-by-one", action="store_true", help="train one fit after the other, not all of a phase together")
    add("--resume", metavar="FOLDER", help="keep finished fits there, and go on where an interrupted run stopped")


def _rope(text: str) -> float | str:
    """Return the number that a text stands for, or "auto"."""
    return text if text == "auto" else float(text)


def _training(add: Any) -> None:
    """Add the options of the network."""
    add("--epochs", type=int, metavar="N", help="most epochs of a fit")
    add("--hidden", type=int, nargs="+", metavar="UNITS", help="units of each hidden layer (default: 128 128)")
    add("--lr", type=float, metavar="RATE", help="learning rate")
    add("--batch-size", type=int, metavar="N", help="rows of a batch")
    add("--early-stopping", choices=["yes", "no"], help="stop when the validation score stalls (default: yes with "
        "5,000 rows and more)")  # fmt: skip
    add("--device", metavar="NAME", help="cpu or cuda (default: cuda where there is one)")


def _results(add: Any) -> None:
    """Add the options of the results."""
    add(
        "--report",
        nargs="+",
        default=[],
        metavar="FILE",
        help="write the report to these files: .html, .md, .json",
    )
    add("--json", action="store_true", help="print everything as JSON instead of the table")
    add("--save", metavar="FILE", help="fit the best arm on all rows and save it with joblib")
    add("--quiet", action="store_true", help="show no progress")
