from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.cli import default_pipeline, load_table
from sk_warmstart.state import donor_of


def test_a_task_is_one_of_two() -> None:
    with pytest.raises(ValueError, match=r"task must be one of .*, got 'ranking'"):
        default_pipeline(pd.DataFrame({"a": [1.0]}), "ranking")


def test_the_network_knows_the_names_of_its_columns(data: Path) -> None:
    X, y, task = load_table(data, "number")
    pipeline = default_pipeline(X, task).set_params(warmstartregressor__max_epochs=1).fit(X, y)
    names = [f"categories__b_{city}" for city in "xyz"] + [
        f"categories__kind_{kind}" for kind in ("minus", "plus")
    ]
    assert pipeline[:-1].get_feature_names_out().tolist() == ["numbers__a", "numbers__day", *names]
    assert donor_of(pipeline).schema.columns == ("numbers__a", "numbers__day", *names)


def preprocessing(pipeline: Pipeline) -> Pipeline:
    return pipeline[:-1]


def test_columns_do_not_change_as_categories_arrive() -> None:
    X = pd.DataFrame({"a": np.arange(6.0), "b": ["x", "x", "y", "y", "z", "w"]})
    before = preprocessing(default_pipeline(X, "classification"))
    early, late = before.fit_transform(X[:2]), before.fit_transform(X)
    assert early.shape == (2, 5)
    assert late.shape == (6, 5)
    assert early[:, 1:].tolist() == late[:2, 1:].tolist() == [[0, 1, 0, 0]] * 2  # w, x, y, z


def test_missing_and_unknown_values() -> None:
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0, 8.0], "late": [np.nan, np.nan, np.nan, 1.0], "b": ["x", "y"] * 2})
    before = preprocessing(default_pipeline(X, "classification"))
    early = before.fit_transform(X[:3])
    assert np.isfinite(early).all()
    assert early.shape == (3, 4)  # a column that is still empty keeps its place
    assert early[1, 0] == pytest.approx(0)  # the median, which is the mean here
    unknown = before.transform(pd.DataFrame({"a": [2.0], "late": [0.0], "b": ["new"]}))
    assert unknown[0, 2:].tolist() == [0, 0]


def test_only_the_fifty_most_frequent_categories_get_a_column() -> None:
    values = [f"c{i:02d}" for i in range(60) for _ in range(60 - i)]
    X = pd.DataFrame({"b": values})
    before = preprocessing(default_pipeline(X, "classification"))
    encoded = before.fit_transform(X)
    assert encoded.shape == (len(values), 50)
    assert (encoded.sum(axis=1) == [value < "c50" for value in values]).all()


@pytest.mark.parametrize("n", [30, 5_000])
@pytest.mark.parametrize(
    ("task", "kind"), [("classification", WarmStartClassifier), ("regression", WarmStartRegressor)]
)
def test_the_estimator_suits_task_and_size(n: int, task: str, kind: type) -> None:
    estimator = default_pipeline(pd.DataFrame({"a": np.zeros(n)}), task)[-1]
    assert isinstance(estimator, kind)
    assert estimator.early_stopping is (n >= 5_000)


def test_it_fits_what_was_loaded(data: Path) -> None:
    X, y, task = load_table(data, "kind")
    labels = np.array(["maybe", "minus", "plus"])
    pipeline = default_pipeline(X, task, labels).set_params(warmstartclassifier__max_epochs=1)
    assert pipeline.fit(X, y).predict_proba(X).shape == (len(y), 3)
    assert pipeline.classes_.tolist() == labels.tolist()
