"""The command: compare start policies on a table."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.callback import ProgressBar

from ..comparison import WarmStartComparator
from ..comparison.report._write import check_report_path
from ._default_pipeline import default_pipeline
from ._format import format_gain
from ._options import make_phases, make_tune, training_params
from ._parser import build_parser
from ._table import TableData, read_tables


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

    Examples
    --------
    >>> from sk_warmstart.cli import main
    >>> main(["compare", "missing.csv", "--target", "price"])  # what is wrong goes to stderr, in a line
    2
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
    """Read the table, compare the starts, and say what came out."""
    _check_files(options)
    if len(options.data) > 2:
        raise ValueError(f"give one table, or an old and a new one, not {len(options.data)}")
    data = read_tables(options.data, options.target, options.time, options.drop, options.groups, options.every)
    comparator = _make_comparator(options, data)
    if find_spec("rich") is not None and not (options.quiet or options.json):
        comparator.set_callbacks(ProgressBar())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        comparator.fit(data.X, data.y, groups=data.groups)
    for message in {str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)}:
        print(f"sk-warmstart: warning: {message}", file=sys.stderr)
    _write_results(comparator, options)


def _make_comparator(options: argparse.Namespace, data: TableData) -> WarmStartComparator:
    """Set the comparison up as the options say."""
    classes = np.unique(data.y) if data.task == "classification" else None
    estimator = default_pipeline(data.X, data.task, classes)
    last = estimator.steps[-1][0]
    estimator.set_params(**{f"{last}__{name}": value for name, value in training_params(options).items()})
    return WarmStartComparator(
        estimator,
        policies=options.policies,
        phases=make_phases(options, data),
        n_repeats=options.repeats,
        scoring=options.scoring,
        target=options.score_target,
        rope=options.rope,
        confidence=options.confidence,
        refit=None if options.save is None else "best",
        n_jobs=options.jobs,
        packed=not options.one_by_one,
        incumbent=None if options.incumbent is None else _load(options.incumbent),
        tune=make_tune(options.tune),
        resume=options.resume,
        random_state=options.seed,
    )


def _write_results(comparator: WarmStartComparator, options: argparse.Namespace) -> None:
    """Write the reports and the estimator, and print the rest."""
    saves = options.save is not None and comparator.interrupted_ is None
    for path in options.report:
        comparator.report(path)
    if saves:
        joblib.dump(comparator.best_estimator_, options.save)
    if options.json:
        print(comparator.to_json())
        return
    print(format_gain(comparator.gain_))
    print()
    for sentence in [*comparator.summary_, *comparator.notes_, comparator.advice_]:
        print(sentence)
    if options.report:
        print(f"\nThe report is in {' and '.join(str(Path(path).absolute()) for path in options.report)}")
    if saves:
        kept = getattr(comparator, "kept_incumbent_", False)
        which = "The incumbent, as nothing was shown to be better," if kept else "The best estimator"
        print(f"\n{which} is in {Path(options.save).absolute()}")


def _check_files(options: argparse.Namespace) -> None:
    """Say what cannot be written before hours of work, not after."""
    for kind, name in [("report", name) for name in options.report] + [("estimator", options.save)]:
        if name is None:
            continue
        path = Path(name).absolute()
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(f"the {kind} needs a file name in a folder that exists, got {name}")
        if kind == "report":
            check_report_path(path)
            if path.suffix.lower() in (".html", ".htm"):
                _need("report", "matplotlib", "jinja2")


def _load(name: str) -> Any:
    """Read a saved estimator."""
    try:
        return joblib.load(name)
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}") from None
    except Exception as error:
        raise ValueError(f"{name} cannot be read as a saved estimator: {error}") from None


def _need(extra: str, *modules: str) -> None:
    """Say what to install, if something is missing."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ImportError(f"{' and '.join(missing)} not installed: pip install 'sk-warmstart[{extra}]'")
