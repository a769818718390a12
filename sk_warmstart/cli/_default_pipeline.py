"""An estimator that suits a table."""

from __future__ import annotations

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..estimators import WarmStartClassifier, WarmStartRegressor

_MOST_CATEGORIES = 50
_ENOUGH_TO_VALIDATE = 5_000  # with fewer rows the validation score is too noisy to stop by
_MANY_ROWS = 20_000


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
    >>> from sk_warmstart.cli import default_pipeline
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


def _vocabulary(column: pd.Series) -> list[str]:
    return sorted(column.value_counts().index[:_MOST_CATEGORIES].map(str))
