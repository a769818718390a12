"""Parser of the command line."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from .._version import __version__
from ._options import DEFAULT_PHASES
from ._table import PERIODS, TASKS
from ._text import write_line

_MOST_REPEATS = 100_000


class _Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print a line and end with status 2."""
        write_line(f"{self.prog}: error: {' '.join(message.split())} (see {self.prog} --help)", sys.stderr)
        self.exit(2)


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
    add("--task", choices=TASKS, help="what to predict (default: labels are words or at most 20 whole numbers)")
    add("--sep", type=_separator, metavar="CHARACTER", help="what separates the cells of a CSV, or 'tab' "
        "(default: comma, semicolon, tab or |)")  # fmt: skip
    add("--decimal", choices=[".", ","], help="the decimal mark, where numbers can be read with either")
    add("--encoding", metavar="NAME", help="encoding of a CSV (default: by its first bytes, else UTF-8 or cp1252)")
    add(
        "--day-first",
        action=argparse.BooleanOptionalAction,
        help="whether 05/02/2024 is in February, where dates can be read in both ways",
    )
    add(
        "--missing",
        nargs="+",
        default=[],
        metavar="WORD",
        help="words that mean a missing value, such as n.v. or -; empty cells and ? always do, and NA, null "
        "and the "
        "like do among numbers and dates",
    )
    add(
        "--text",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns to read as words, even if they hold numbers",
    )


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
    add(
        "--incumbent",
        metavar="FILE",
        help="the model in use, a fitted estimator saved with joblib. Such a file is a pickle, which can run any "
        "code when it is read: give only files that you trust",
    )
    add("--repeats", type=_repeats, default=10, metavar="N", help="number of replicates (default: 10)")
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
    add(
        "--resume",
        metavar="FOLDER",
        help="keep finished fits there, and go on where an interrupted run stopped. Its files are pickles, which "
        "can run any code when they are read: give only a folder that nobody else writes to",
    )


def _separator(text: str) -> str:
    """Return one character that separates cells."""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or text in "\"'\r\n":
        raise argparse.ArgumentTypeError(f"one character, or 'tab', not {text!r}")
    return text


def _repeats(text: str) -> int:
    """Return a number of replicates that a table of results can hold."""
    number = int(text)
    if number > _MOST_REPEATS:
        raise argparse.ArgumentTypeError(f"at most {_MOST_REPEATS} replicates, not {text}")
    return number


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
    add("--save", metavar="FILE", help="fit the best arm on all rows and save it with joblib, as "
        "a pickle")  # fmt: skip
    add("--quiet", action="store_true", help="show no progress")
