"""From a table in a file to data and an estimator that suits them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..estimators import WarmStartClassifier, WarmStartRegressor
from ._comparator import check_target

_MOST_CATEGORIES = 50
_MOST_CLASSES = 20
_ENOUGH_TO_VALIDATE = 5_000  # with fewer rows the validation score is too noisy to stop by
_MANY_ROWS = 20_000


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
    >>> from sk_warmstart.comparison import load_table
    >>> X, y, task = load_table("digits")
    >>> X.shape, task
    ((1797, 64), 'classification')
    """
    if str(source) == "digits":
        data = load_digits(as_frame=True)
        return data.data, data.target.to_numpy(), "classification"
    frame = _read(Path(source))
    if target is None:
        raise ValueError(f"say which column to predict: --target one of {_listed(frame)}")
    for name in (target, *(() if time is None else (time,)), *drop):
        if name not in frame:
            raise ValueError(f"{source} has no column {name!r}; its columns are {_listed(frame)}")
    if time is not None:
        frame = frame.assign(**{time: _as_time(frame[time])}).sort_values(time, kind="stable", ignore_index=True)
    y, X = frame[target], frame.drop(columns=[target, *drop])
    if types.is_float_dtype(y) and np.isinf(y).any():
        raise ValueError(f"the target {target!r} holds infinite values: drop those rows")
    task = "classification" if _is_labels(y) else "regression"
    check_target(y, classes=task == "classification")
    if X.isna().all().all():
        raise ValueError(f"{source} has no column with values beside the target {target!r}")
    values = y.to_numpy()
    if task == "regression":
        values = values.astype(np.float64)
        spread = values.std()
        if not spread > 0:
            raise ValueError(f"the target {target!r} is the same in every row: there is nothing to learn")
        values = (values - values.mean()) / spread
    elif values.dtype.kind not in "iub":
        values = values.astype(str)
    return _prepared(X), values, task


def default_pipeline(X: pd.DataFrame, task: str, classes: NDArray | None = None) -> Pipeline:
    """Build preprocessing and an estimator for a table.

    Missing numbers become the median, numbers are scaled, categories are one-hot encoded. The categories are
    fixed from the whole table (the 50 most frequent of a column), so that the columns do not change as data
    arrive; they say nothing about the target.

    Parameters
    ----------
    X : DataFrame
        The table.
    task : {"classification", "regression"}
        What to predict.
    classes : ndarray, default=None
        All labels, where early rows may lack some.

    Returns
    -------
    Pipeline
        Preprocessing and a network, which stops early where there are rows enough to judge by.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_warmstart.comparison import default_pipeline
    >>> pipeline = default_pipeline(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "classification")
    >>> [name for name, _ in pipeline.steps]
    ['columntransformer', 'warmstartclassifier']
    """
    numbers = [name for name in X if types.is_numeric_dtype(X[name])]
    texts = [name for name in X if name not in numbers]
    categories = [_vocabulary(X[name]) for name in texts]
    encoder = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
                numbers,
            ),
            ("categories", make_pipeline(SimpleImputer(strategy="constant", fill_value=""), encoder), texts),
        ]
    )
    enough = len(X) >= _ENOUGH_TO_VALIDATE
    settings: dict[str, Any] = {
        "early_stopping": enough,
        "max_epochs": 100 if enough else 50,
        "batch_size": 128 if len(X) < _MANY_ROWS else 512,
        "dtype": "float32",
    }
    if task == "classification":
        return make_pipeline(columns, WarmStartClassifier(classes=classes, **settings))
    return make_pipeline(columns, WarmStartRegressor(**settings))


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


def _vocabulary(column: pd.Series) -> list[str]:
    return sorted(column.value_counts().index[:_MOST_CATEGORIES].map(str))
