"""The command: compare start policies on a table."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.callback import ProgressBar

from ..comparison import WarmStartComparator
from ..comparison._inputs import check_settings
from ..comparison._settings import Settings
from ..comparison.runs.arms._arm import make_arms
from ._default_pipeline import default_pipeline
from ._options import check_device, check_size, make_phases, make_tune, reading_of, training_params
from ._outputs import check_outputs
from ._parser import build_parser
from ._results import write_results
from ._scoring import check_scoring
from ._table import TableData, read_tables
from ._text import write_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; the process's own by default.

    Returns
    -------
    int
        Exit status: 0; 2 where the input does not allow a comparison, or results could not be printed or
        written; 130 after Ctrl-C, also if what was complete by then is printed.

    Examples
    --------
    >>> from sk_warmstart.cli import main
    >>> main(["compare", "missing.csv", "--target", "price"])  # what is wrong goes to stderr, in a line
    2
    """
    options = build_parser().parse_args(argv)
    try:
        return _compare(options)
    except KeyboardInterrupt:
        write_line("sk-warmstart: interrupted", sys.stderr)
        return 130
    except (ValueError, ImportError, OSError) as error:
        return _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
            return _fail("the memory does not suffice: a smaller network, fewer repeats or fewer jobs may do")
        raise


def _fail(message: str) -> int:
    """Say what is wrong in a line, and return the exit status of a failure."""
    write_line(f"sk-warmstart: error: {' '.join(message.split())}", sys.stderr)
    return 2


def _compare(options: argparse.Namespace) -> int:
    """Read the table, compare the starts, say what came out, and return the exit status."""
    if len(options.data) > 2:
        raise ValueError(f"give one table, or an old and a new one, not {len(options.data)}")
    tables = [name for name in options.data if name != "digits"]
    check_outputs(options.report, options.save, tables, options.incumbent)
    check_device(options.device)
    with _warnings_in_lines():
        data = read_tables(
            options.data,
            options.target,
            options.time,
            options.drop,
            options.groups,
            options.every,
            reading=reading_of(options),
        )
        for note in data.notes:
            write_line(f"sk-warmstart: note: {note}", sys.stderr)
        comparator = _make_comparator(options, data)
    if find_spec("rich") is not None and not (options.quiet or options.json):
        comparator.set_callbacks(ProgressBar())
    with _warnings_in_lines():
        comparator.fit(data.X, data.y, groups=data.groups)
    failures = write_results(comparator, options)
    for failure in failures:
        _fail(failure)
    if comparator.interrupted_ is not None:
        return 130
    return 2 if failures else 0


@contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Say each warning once, in a line, also where an error follows."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            told = dict.fromkeys(
                " ".join(str(each.message).split()) for each in caught if issubclass(each.category, UserWarning)
            )
            for message in told:
                write_line(f"sk-warmstart: warning: {message}", sys.stderr)


def _make_comparator(options: argparse.Namespace, data: TableData) -> WarmStartComparator:
    """Set the comparison up as the options say."""
    classes = np.unique(data.y) if data.task == "classification" else None
    check_scoring(options.scoring, data.y, data.task)
    estimator = default_pipeline(data.X, data.task, classes, data.kinds, options.missing, options.day_first)
    check_size(options.hidden, len(data.X.columns))
    last = estimator.steps[-1][0]
    estimator.set_params(**{f"{last}__{name}": value for name, value in training_params(options).items()})
    comparator = WarmStartComparator(
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
        tune=make_tune(options.tune),
        resume=options.resume,
        random_state=options.seed,
    )
    if options.incumbent is not None:  # whose file may run code: whatever else is wrong is said before
        check_settings(Settings.of(comparator.get_params(deep=False)))
        make_arms(comparator.policies, estimator, comparator.tune)
        comparator.set_params(incumbent=_load(options.incumbent))
    return comparator


def _load(name: str) -> Any:
    """Read a saved estimator."""
    if name.lower().endswith(".safetensors"):
        raise ValueError(
            f"{name} holds a network alone, and not the steps that read and scale the columns: give a whole "
            "model that "
            "was saved with joblib, as --save model.joblib does"
        )
    try:
        return joblib.load(name)
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}") from None
    except Exception as error:
        raise ValueError(f"{name} cannot be read as a saved estimator: {error}") from None
