"""Tables in files: rows and target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.datasets import load_digits

from .._parameters import check_option
from .._warning import warn_caller
from .reading._cells import check_range, compare_columns, read_columns
from .reading._columns import DATE, ColumnRules, to_times
from .reading._file import FileFormat, read_file
from .reading._notes import code_in, note_on_labels, notes_on_columns
from .reading._target import are_coded_labels, split_target

PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
TASKS = ("classification", "regression")


@dataclass(frozen=True)
class Reading:
    """What the user says of how tables are written, and of what to predict."""

    file: FileFormat = field(default_factory=FileFormat)
    columns: ColumnRules = field(default_factory=ColumnRules)
    task: str | None = None


@dataclass(frozen=True)
class TableData:
    """Rows and target of one table, or of an old and a new one: ``n_old`` rows are of the old one.

    ``kinds`` says what each column of X is in the files, as a ``TableReader`` takes it; ``notes`` are sentences
    about columns that may not be what the user thinks.
    """

    X: pd.DataFrame
    y: NDArray
    task: str
    groups: pd.Series | None = None
    n_old: int = 0
    kinds: Mapping[str, str] | None = None
    notes: Sequence[str] = ()


def load_table(
    source: str | Path,
    target: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    *,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    day_first: bool | None = None,
    missing: Sequence[str] = (),
    text: Sequence[str] = (),
    task: str | None = None,
) -> tuple[pd.DataFrame, NDArray, str]:
    """Read a table and take its target apart.

    What can be read in two ways is a ValueError that names column, value and parameter.

    Parameters
    ----------
    source : str or Path
        A CSV (also .gz), a Parquet file, or ``"digits"``, scikit-learn's images of handwritten digits.
    target : str, default=None
        The column to predict; not needed for ``"digits"``.
    time : str, default=None
        The column that orders the rows, if any. Rows without a time are left out, with a warning.
    drop : sequence of str, default=()
        Columns to leave out; one that orders or groups the rows still does so.
    sep : str, default=None
        What separates the cells of a CSV; None finds out.
    decimal : {".", ","}, default=None
        The decimal mark, where a column of numbers can be read with either.
    encoding : str, default=None
        Encoding of a CSV; None takes that of its first bytes, or UTF-8, or with a warning cp1252.
    day_first : bool, default=None
        Whether 05/02/2024 is in February, where a column of dates can be read in both ways.
    missing : sequence of str, default=()
        Words that stand for a missing value in any column. Empty cells and question marks always do, and NA,
        NaN, None, null and the like do in columns of numbers and dates.
    text : sequence of str, default=()
        Columns to read as words, even if they hold numbers or dates.
    task : {"classification", "regression"}, default=None
        What to predict; None goes by the target.

    Returns
    -------
    X : DataFrame
        All other columns that hold any value, numbers as numbers, dates and words as they are in the file, in the
        order of time where one was given.
    y : ndarray of shape (n_samples,)
        The target, in its units; of 12.5% that is 12.5.
    task : {"classification", "regression"}
        What the target asks for: labels are text, truth values, or at most 20 whole numbers.

    Raises
    ------
    ValueError
        If there is no such file or column, nothing in the file, or nothing to learn in the target, or if a column
        can be read in two ways.

    Examples
    --------
    >>> from sk_warmstart.cli import load_table
    >>> X, y, task = load_table("digits")
    >>> X.shape, task
    ((1797, 64), 'classification')
    """
    rules = ColumnRules(decimal, day_first, frozenset(missing), frozenset(text))
    data = read_tables([source], target, time, drop, reading=Reading(FileFormat(sep, encoding), rules, task))
    return data.X, data.y, data.task


def read_tables(
    sources: Sequence[str | Path],
    target: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    groups: str | None = None,
    every: str | None = None,
    reading: Reading | None = None,
) -> TableData:
    """Read a table, or an old and a new one, as :func:`load_table` does; ``every`` groups the rows by period."""
    reading = reading or Reading()
    _check_options(sources, target, time, drop, groups, every, reading)
    if str(sources[0]) == "digits":
        data = load_digits(as_frame=True)
        return TableData(data.data, data.target.to_numpy(), "classification")
    read = [read_file(Path(source), reading.file) for source in sources]
    frames = [frame for frame, _ in read]
    if target is None:
        raise ValueError(f"say which column to predict: --target one of {_listed(frames[0])}")
    named = (target, *(name for name in (time, groups) if name is not None), *drop, *sorted(reading.columns.text))
    for source, frame in zip(sources, frames, strict=True):
        for name in named:
            if name not in frame:
                raise ValueError(f"{source} has no column {name!r}; its columns are {_listed(frame)}")
    rules = [replace(reading.columns, comma_separated=sep == ",") for _, sep in read]
    rules = _with_labels_as_text(sources, frames, rules, target, reading.task)
    unused = set(drop) - {time, groups}  # which order and group the rows
    frames = [frame.drop(columns=list(unused)) for frame in frames]
    notes = compare_columns(frames, [str(source) for source in sources])
    frame, kinds = read_columns(frames, [str(source) for source in sources], rules, target)
    check_range(frame.drop(columns=target))
    times = None
    if time is not None:
        times = _as_time(frame[time], kinds[time], reading.columns)
        times = _without_missing(times).sort_values(kind="stable")
        frame = frame.loc[times.index].reset_index(drop=True)
        times = times.reset_index(drop=True)
    labels = None if groups is None else frame[groups]
    if every is not None and times is not None:
        labels = _periods(times, every)
    beside = {target, groups, *drop} & set(frame)
    X = frame.drop(columns=list(beside)).dropna(axis=1, how="all")
    if not len(X.columns):
        raise ValueError(f"{sources[0]} has no column with values beside the target {target!r}")
    y, task = split_target(frame[target], kinds[target], reading.task)
    n_old = len(frames[0]) if len(frames) > 1 else 0
    kept = {name: kinds[name] for name in kinds if name in X}
    others = {name: kind for name, kind in kept.items() if name != time}
    notes += notes_on_columns(frames, frame.drop(columns=target), others, reading.columns)
    notes += note_on_labels(frame[target]) if task == "classification" else []
    return TableData(X, y, task, labels, n_old, kept, notes)


def _check_options(
    sources: Sequence[str | Path],
    target: str | None,
    time: str | None,
    drop: Sequence[str],
    groups: str | None,
    every: str | None,
    reading: Reading,
) -> None:
    """Raise a ValueError where options do not go together, before any file is read."""
    digits = "digits" in map(str, sources)
    if len(sources) > 1 and (time is not None or digits):
        raise ValueError("two tables are an old one and a new one: --time and 'digits' go with one table only")
    if digits and (target is not None or time is not None or groups is not None or drop or reading.task):
        raise ValueError(
            "'digits' is built in: --target, --time, --groups, --drop and --task are for tables in files"
        )
    if target in drop:
        raise ValueError(f"--drop leaves out {target!r}, which is the target: leave it out of --drop")
    if every is not None and time is None:
        raise ValueError("--every needs --time, the column with the dates")
    if every is not None:
        check_option("every", every, list(PERIODS))
    if reading.task is not None:
        check_option("task", reading.task, list(TASKS))
    if reading.columns.decimal is not None:
        check_option("decimal", reading.columns.decimal, [".", ","])


def _with_labels_as_text(
    sources: Sequence[str | Path],
    frames: Sequence[pd.DataFrame],
    rules: Sequence[ColumnRules],
    target: str,
    task: str | None,
) -> list[ColumnRules]:
    """Leave text that stands for labels as it is: coded in a Parquet file, or words where the user says so."""
    as_text = []
    for source, frame in zip(sources, frames, strict=True):
        column = frame[target]
        text = False
        if types.infer_dtype(column, skipna=True) == "string":
            written = not str(source).lower().endswith((".csv", ".csv.gz"))
            numbers = pd.to_numeric(column, errors="coerce")
            if numbers.notna().sum() == column.notna().sum():
                text = are_coded_labels(column, numbers) and (written or code_in(column) is not None)
                text = text and task != "regression"
            else:
                text = task == "classification"
        as_text.append(text)
    return [replace(rule, text=rule.text | {target}) if all(as_text) else rule for rule in rules]


def _periods(times: pd.Series, every: str) -> pd.Series:
    """Return the period that each time is in."""
    if not types.is_datetime64_any_dtype(times):
        raise ValueError(
            f"--every {every} needs dates, and the column {times.name!r} holds numbers: say --groups "
            f"{times.name} to "
            "retrain after each of them, or write dates as 2024-05-31"
        )
    return times.dt.tz_localize(None).dt.to_period(PERIODS[every])


def _without_missing(times: pd.Series) -> pd.Series:
    """Leave rows without a time out, and say so."""
    missing = times.isna()
    if missing.all():
        raise ValueError(f"the column {times.name!r} holds no time")
    if missing.any():
        count = int(missing.sum())
        warn_caller(
            f"{count} {'row has' if count == 1 else 'rows have'} no time in {times.name!r} and "
            f"{'is' if count == 1 else 'are'} left out (the first is row {int(missing.to_numpy().argmax()) + 1})"
        )
    return times[~missing]


def _listed(frame: pd.DataFrame) -> str:
    """Return the names of the first columns."""
    names = [str(name) for name in frame]
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _as_time(column: pd.Series, kind: str, rules: ColumnRules) -> pd.Series:
    """Return what orders the rows: numbers, or dates in UTC."""
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        return column
    if kind.startswith(DATE):
        return to_times(column, kind, rules.missing, rules.day_first)
    values = column.dropna()
    shown = str(values.iloc[0]) if len(values) else ""
    raise ValueError(f"the column {column.name!r} is no time: {shown!r} is neither number nor date")
