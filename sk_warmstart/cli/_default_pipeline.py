"""Pipeline for a raw table: reading, preprocessing and a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from .._parameters import check_option
from ..estimators import WarmStartClassifier
from ._scaled_target import ScaledTargetRegressor
from ._table_reader import TableReader
from .reading._columns import TEXT
from .reading._notes import MOST_CATEGORIES

_ENOUGH_TO_VALIDATE = 5_000  # with fewer rows the validation score is too noisy to stop by
_MANY_ROWS = 20_000
_MOST_DENSE = 2**24  # values of one-hot columns; more are kept sparse, and a batch at a time is made dense


def default_pipeline(
    X: pd.DataFrame,
    task: str,
    classes: NDArray | None = None,
    kinds: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    day_first: bool | None = None,
) -> Pipeline:
    """Build preprocessing and an estimator for a table.

    It takes raw tables, those of next month too: its first step finds the columns by name and reads numbers,
    dates and text. Missing numbers become the median, numbers and days are scaled, categories are one-hot encoded.
    The categories are fixed from the whole table (the 50 most frequent of a column), so that the columns do not
    change as data arrive; they say nothing about the target. A regressor standardises its target inside and
    predicts in the target's units.

    Parameters
    ----------
    X : DataFrame
        The table; a column that it lacks is not used.
    task : {"classification", "regression"}
        What to predict.
    classes : ndarray, default=None
        All labels, where early rows may lack some.
    kinds : mapping of str to str, default=None
        What the columns are in the files to come ("number", "text" or "date", with a format as in
        "number 1.234,5" or "date %d/%m/%Y"); None goes by X.
    missing : sequence of str, default=()
        Words that stand for a missing value.
    day_first : bool, default=None
        Whether 05/02/2024 is in February, where a column of dates can be read in both ways.

    Returns
    -------
    Pipeline
        Preprocessing and a network, which stops early where there are rows enough to judge by.

    Raises
    ------
    ValueError
        If X is no DataFrame, or the task is another.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_warmstart.cli import default_pipeline
    >>> pipeline = default_pipeline(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), "classification")
    >>> [name for name, _ in pipeline.steps]
    ['tablereader', 'columntransformer', 'warmstartclassifier']
    """
    check_option("task", task, ["classification", "regression"])
    reader = TableReader(kinds, tuple(missing), day_first).fit(X)
    table = reader.transform(X)
    texts = [name for name, kind in reader.kinds_.items() if kind == TEXT]
    numbers = [name for name in table if name not in texts]
    categories = [_vocabulary(table[name]) for name in texts]
    imputed = SimpleImputer(strategy="median", keep_empty_features=True)
    # Single precision is what the network takes, and half of the memory.
    single = FunctionTransformer(as_single, feature_names_out="one-to-one")
    scaled = make_pipeline(imputed, StandardScaler(), single)
    sparse = len(X) * sum(map(len, categories)) > _MOST_DENSE
    encoded = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=sparse, dtype=np.float32)
    columns = ColumnTransformer(
        [("numbers", scaled, numbers), ("categories", encoded, texts)], sparse_threshold=1.0 if sparse else 0.0
    )
    enough = len(X) >= _ENOUGH_TO_VALIDATE
    reading = TableReader(reader.kinds_, tuple(missing), day_first)
    settings: dict[str, Any] = {
        "early_stopping": enough,
        "max_epochs": 100 if enough else 50,
        "batch_size": 128 if len(X) < _MANY_ROWS else 512,
        "dtype": "float32",
    }
    if task == "classification":
        last: tuple[str, Any] = ("warmstartclassifier", WarmStartClassifier(classes=classes, **settings))
    else:
        last = ("warmstartregressor", ScaledTargetRegressor(**settings))
    return Pipeline([("tablereader", reading), ("columntransformer", columns), last])


def as_single(X: Any) -> Any:
    """Return an array in single precision; a function of its own, so that the Pipeline can be pickled."""
    return X.astype(np.float32)


def _vocabulary(column: pd.Series) -> list[str]:
    """Return the most frequent categories, in order."""
    return sorted(column.value_counts().index[:MOST_CATEGORIES])
