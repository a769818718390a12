"""Tables in files: rows and target."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.datasets import load_digits

from .._parameters import check_option
from ..comparison._inputs import check_target
from ._columns import TEXT, column_kind, to_times, with_clean_names

_MOST_CLASSES = 20
_MOST_EXACT = 2**53  # above it a float is not one whole number
PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class TableData:
    """Rows and target of one table, or of an old and a new one: ``n_old`` rows are of the old one."""

    X: pd.DataFrame
    y: NDArray
    task: str
    groups: pd.Series | None = None
    n_old: int = 0


def load_table(
    source: str | Path, target: str | None = None, time: str | None = None, drop: Sequence[str] = ()
) -> tuple[pd.DataFrame, NDArray, str]:
    """Read a table and take its target apart.

    Parameters
    ----------
    source : str or Path
        A CSV (also .gz), a Parquet file, or ``"digits"``, scikit-learn's images of handwritten digits.
    target : str, default=None
        The column to predict; not needed for ``"digits"``.
    time : str, default=None
        The column that orders the rows, if any.
    drop : sequence of str, default=()
        Columns to leave out.

    Returns
    -------
    X : DataFrame
        All other columns that hold any value, as they are in the file, in the order of time where one was given.
    y : ndarray of shape (n_samples,)
        The target, in its units.
    task : {"classification", "regression"}
        What the target asks for: labels are text, truth values, or at most 20 whole numbers.

    Raises
    ------
    ValueError
        If there is no such file or column, nothing in the file, or nothing to learn in the target.

    Examples
    --------
    >>> from sk_warmstart.cli import load_table
    >>> X, y, task = load_table("digits")
    >>> X.shape, task
    ((1797, 64), 'classification')
    """
    data = read_tables([source], target, time, drop)
    return data.X, data.y, data.task


def read_tables(
    sources: Sequence[str | Path],
    target: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    groups: str | None = None,
    every: str | None = None,
) -> TableData:
    """Read a table, or an old and a new one, as :func:`load_table` does; ``every`` groups the rows by period."""
    if len(sources) > 1 and (time is not None or "digits" in map(str, sources)):
        raise ValueError("two tables are an old one and a new one: --time and 'digits' go with one table only")
    if every is not None and time is None:
        raise ValueError("--every needs --time, the column with the dates")
    if every is not None:
        check_option("every", every, list(PERIODS))
    if str(sources[0]) == "digits":
        data = load_digits(as_frame=True)
        return TableData(data.data, data.target.to_numpy(), "classification")
    frames = [_read(Path(source)) for source in sources]
    if target is None:
        raise ValueError(f"say which column to predict: --target one of {_listed(frames[0])}")
    for source, frame in zip(sources, frames, strict=True):
        for name in (target, *(name for name in (time, groups) if name is not None), *drop):
            if name not in frame:
                raise ValueError(f"{source} has no column {name!r}; its columns are {_listed(frame)}")
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    if time is not None:
        times = _as_time(frame[time])
        if column_kind(frame[time]) == TEXT:
            frame = frame.assign(**{time: times})  # dates in words, which only --time takes for dates
        times = times.sort_values(kind="stable")
        frame = frame.loc[times.index].reset_index(drop=True)
    labels = None if groups is None else frame[groups]
    if every is not None:
        labels = _periods(times.reset_index(drop=True), every)
    X = frame.drop(columns=[target, *drop, *(() if groups is None else (groups,))]).dropna(axis=1, how="all")
    if not len(X.columns):
        raise ValueError(f"{sources[0]} has no column with values beside the target {target!r}")
    y, task = _target(frame[target])
    return TableData(X, y, task, labels, n_old=len(frames[0]) if len(frames) > 1 else 0)


def _target(y: pd.Series) -> tuple[NDArray, str]:
    """Return the target's values and what it asks for."""
    if types.is_float_dtype(y) and np.isinf(y).any():
        raise ValueError(f"the target {y.name!r} holds infinite values: drop those rows")
    task = "classification" if _is_labels(y) else "regression"
    check_target(y, classes=task == "classification")
    if task == "regression":
        values = y.to_numpy().astype(np.float64)
        if not values.std() > 0:
            raise ValueError(f"the target {y.name!r} is the same in every row: there is nothing to learn")
        return values, task
    if types.is_bool_dtype(y):
        return y.to_numpy(dtype=bool), task
    if types.is_numeric_dtype(y):
        return y.to_numpy(dtype=np.int64), task  # equal to the table's, also where these are written as 1.0
    values = y.to_numpy()
    return values if values.dtype.kind in "iu" else values.astype(str), task


def _periods(times: pd.Series, every: str) -> pd.Series:
    """Return the period that each time is in."""
    if not types.is_datetime64_any_dtype(times):
        raise ValueError(f"--every {every} needs dates, and the column {times.name!r} holds numbers")
    return times.dt.tz_localize(None).dt.to_period(PERIODS[every])


def _read(path: Path) -> pd.DataFrame:
    """Read a file, or say in one line why it cannot be read."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    name = path.name.lower()
    if not name.endswith((".parquet", ".pq", ".csv", ".csv.gz")):
        raise ValueError(f"{path} is neither .csv, .csv.gz nor .parquet: save the table as one of them")
    try:
        if name.endswith((".parquet", ".pq")):
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, na_values=["?"], skipinitialspace=True)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except (OSError, EOFError, zlib.error, ValueError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} cannot be read as a table: {reason}") from None
    if frame.empty:
        raise ValueError(f"{path} has no rows")
    try:
        return with_clean_names(frame)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _listed(frame: pd.DataFrame) -> str:
    """Return the names of the first columns."""
    names = [str(name) for name in frame]
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _is_labels(y: pd.Series) -> bool:
    """Tell whether a target holds text, truth values, or few whole numbers."""
    if types.is_bool_dtype(y) or not types.is_numeric_dtype(y):
        return True
    values = y.dropna()
    whole = bool((values == values.round()).all() and (values.abs() < _MOST_EXACT).all())
    return whole and values.nunique() <= _MOST_CLASSES


def _as_time(column: pd.Series) -> pd.Series:
    """Return what orders the rows: numbers, or dates in UTC."""
    if types.is_numeric_dtype(column):
        return column
    kind = column_kind(column)
    if kind != TEXT:
        return to_times(column, kind)
    times = pd.to_datetime(column, errors="coerce", format="mixed", utc=True)
    unread = column[times.isna() & column.notna()]
    if len(unread):
        raise ValueError(f"the column {column.name!r} is no time: {unread.iloc[0]!r} is neither number nor date")
    return times
