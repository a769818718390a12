"""From tables in files to data."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.datasets import load_digits

from ..comparison._inputs import check_target

_MOST_CLASSES = 20
PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class TableData:
    """What a comparison needs of a table.

    Parameters
    ----------
    X : DataFrame
        All columns but the target, in the order of time where there is one.
    y : ndarray of shape (n_samples,)
        The target.
    task : {"classification", "regression"}
        What it asks for.
    groups : Series or None
        What the rows are grouped by.
    n_old : int
        How many rows are of the old table; 0 where there is one table only.

    Examples
    --------
    >>> from sk_warmstart.cli import read_tables
    >>> data = read_tables(["digits"])
    >>> data.X.shape, data.task
    ((1797, 64), 'classification')
    """

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
        All other columns, in the order of time where one was given.
    y : ndarray of shape (n_samples,)
        The target; a number is standardised, which changes no R2 and suits a network.
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
    """Read a table, or an old and a new one, as :func:`load_table` does.

    Parameters
    ----------
    sources : sequence of str or Path
        One table, or the old and the new one.
    target : str, default=None
        The column to predict; only the built-in table knows its own.
    time : str, default=None
        The column that the rows are put in order by.
    drop : sequence of str, default=()
        Columns to leave out.
    groups : str, default=None
        The column that says which rows belong together; it is not learnt from.
    every : {"day", "week", "month", "quarter", "year"}, default=None
        Groups rows by the period that their time is in.

    Returns
    -------
    TableData
        The rows; the old ones first.

    Raises
    ------
    ValueError
        As for :func:`load_table`, and if the options do not go together.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sk_warmstart.cli import read_tables
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     _ = path.write_text("size,price\\n1,10.5\\n2,20.1\\n3,29.8\\n")
    ...     data = read_tables([path], target="price")
    >>> list(data.X), data.task
    (['size'], 'regression')
    """
    if len(sources) > 1 and (time is not None or "digits" in map(str, sources)):
        raise ValueError("two tables are an old one and a new one: --time and 'digits' go with one table only")
    if every is not None and time is None:
        raise ValueError("--every needs --time, the column with the dates")
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
        frame = frame.assign(**{time: _as_time(frame[time])}).sort_values(time, kind="stable", ignore_index=True)
    own = None if groups is None else frame[groups]
    if every is not None:
        own = _periods(frame[time], every)
    y, X = frame[target], frame.drop(columns=[target, *drop, *(() if groups is None else (groups,))])
    if X.isna().all().all():
        raise ValueError(f"{sources[0]} has no column with values beside the target {target!r}")
    values, task = _target(y)
    return TableData(_prepared(X), values, task, own, n_old=len(frames[0]) if len(frames) > 1 else 0)


def _target(y: pd.Series) -> tuple[NDArray, str]:
    if types.is_float_dtype(y) and np.isinf(y).any():
        raise ValueError(f"the target {y.name!r} holds infinite values: drop those rows")
    task = "classification" if _is_labels(y) else "regression"
    check_target(y, classes=task == "classification")
    values = y.to_numpy()
    if task == "regression":
        values = values.astype(np.float64)
        spread = values.std()
        if not spread > 0:
            raise ValueError(f"the target {y.name!r} is the same in every row: there is nothing to learn")
        values = (values - values.mean()) / spread
    elif values.dtype.kind not in "iub":
        values = values.astype(str)
    return values, task


def _periods(times: pd.Series, every: str) -> pd.Series:
    if not types.is_datetime64_any_dtype(times):
        raise ValueError(f"--every {every} needs dates, and the column {times.name!r} holds numbers")
    return times.dt.tz_localize(None).dt.to_period(PERIODS[every])


def _read(path: Path) -> pd.DataFrame:
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
    return frame


def _listed(frame: pd.DataFrame) -> str:
    names = [str(name) for name in frame]
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _is_labels(y: pd.Series) -> bool:
    if types.is_bool_dtype(y) or not types.is_numeric_dtype(y):
        return True
    values = y.dropna()
    return bool((values == values.round()).all()) and values.nunique() <= _MOST_CLASSES


def _as_time(column: pd.Series) -> pd.Series:
    if types.is_numeric_dtype(column):
        return column
    times = pd.to_datetime(column, errors="coerce", format="mixed")
    unread = column[times.isna() & column.notna()]
    if len(unread):
        raise ValueError(f"the column {column.name!r} is no time: {unread.iloc[0]!r} is neither number nor date")
    return times


def _prepared(X: pd.DataFrame) -> pd.DataFrame:
    """Dates become days; other non-numbers become text; columns without any value are left out."""
    columns: dict[str, Any] = {}
    for name in X:
        column = X[name]
        if column.isna().all():
            continue
        if types.is_numeric_dtype(column):
            column = column.astype(np.float64)
        else:
            dates = column if types.is_datetime64_any_dtype(column) else _dates(column)
            if dates is not None:
                column = (dates - dates.min()).dt.total_seconds() / 86_400
            else:
                column = column.astype(object).where(column.notna(), "").map(str)
        columns[str(name)] = column
    return pd.DataFrame(columns)


def _dates(column: pd.Series) -> pd.Series | None:
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError):
        return None
