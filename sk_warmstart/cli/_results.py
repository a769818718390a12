"""What came out of a comparison: the table on the terminal, reports, and the estimator in a file."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TextIO

import joblib

from ..comparison import WarmStartComparator
from ._format import format_gain
from ._outputs import write_whole
from ._text import printable, write_line


def write_results(comparator: WarmStartComparator, options: argparse.Namespace) -> list[str]:
    """Print the results, then write all files, and return what of it failed."""
    saves = options.save is not None and comparator.interrupted_ is None
    text = comparator.to_json() if options.json else "\n".join(_lines(comparator))
    failures = _print(text, options.json)
    for path in options.report:
        failures += _attempt(f"the report {path}", partial(write_whole, path, comparator.report))
    if saves:
        best = comparator.best_estimator_
        failures += _attempt(
            f"the estimator {options.save}",
            lambda: write_whole(options.save, lambda path: joblib.dump(best, path)),
        )
    elif options.save is not None:
        write_line("sk-warmstart: the comparison was interrupted, and no estimator is saved", sys.stderr)
    if failures or options.json:
        return failures
    last = []
    if options.report:
        last.append(f"\nThe report is in {' and '.join(str(Path(path).absolute()) for path in options.report)}")
    if saves:
        kept = getattr(comparator, "kept_incumbent_", False)
        which = "The incumbent, as nothing was shown to be better," if kept else "The best estimator"
        last.append(f"\n{which} is in {Path(options.save).absolute()}")
    return failures + (_print("\n".join(last), False) if last else [])


def _lines(comparator: WarmStartComparator) -> list[str]:
    """Return the gain table and what it says."""
    sentences = [*comparator.summary_, *comparator.notes_, comparator.advice_]
    return [format_gain(comparator.gain_), "", *(_with_options(sentence) for sentence in sentences if sentence)]


def _with_options(sentence: str) -> str:
    """Name the command's option where a sentence names the comparator's parameter."""
    sentence = re.sub(r"set n_repeats(?: to |=)(\d+)", r"say --repeats \1", sentence)
    return re.sub(r"n_repeats=(\d+)", r"--repeats \1", sentence)


def _attempt(what: str, write: Callable[[], object]) -> list[str]:
    """Write a file, and return what went wrong."""
    try:
        write()
    except Exception as error:  # the others are still to be written
        return [f"cannot write {what}: {getattr(error, 'strerror', None) or error}"]
    return []


def _print(text: str, as_json: bool) -> list[str]:
    """Print a text in letters that the terminal has, and return what went wrong."""
    stream = sys.stdout
    try:
        if as_json:
            stream.write(f"{_json_for(text, stream)}\n")
        else:
            write_line(text, stream)
        stream.flush()
    except (OSError, ValueError) as error:  # of a closed pipe, or a full disk
        _close(stream)
        return [f"cannot print the results: {getattr(error, 'strerror', None) or error}"]
    return []


def _json_for(text: str, stream: TextIO) -> str:
    """Write letters that a terminal lacks, or that drive it, as JSON does."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
        if printable(text) == text:
            return text
    except (UnicodeEncodeError, LookupError):
        pass
    return re.sub(r"[^\x20-\x7e\n]", lambda match: json.dumps(match[0])[1:-1], text)


def _close(stream: TextIO) -> None:
    """Let what is left in the buffer of a broken stream go nowhere, or Python would complain at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass
