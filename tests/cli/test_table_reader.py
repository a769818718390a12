import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sk_warmstart.cli import TableReader


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"n": [1, 2, None], "day": ["2026-01-05", "2026-01-03", None], "city": ["a", None, " b "]}, index=[4, 4, 2]
    )


def test_it_learns_the_first_day_and_keeps_it() -> None:
    reader = TableReader().fit(table())
    assert reader.kinds_ == {"n": "number", "day": "date", "city": "text"}
    assert reader.first_days_ == {"day": pd.Timestamp("2026-01-03", tz="UTC")}
    read = reader.transform(table())
    assert read.index.tolist() == [4, 4, 2]
    assert read["day"].tolist() == pytest.approx([2, 0, np.nan], nan_ok=True)
    assert read["city"].tolist() == ["a", "", "b"]
    later = reader.transform(pd.DataFrame({"city": ["c"], "day": ["2026-02-02T12:00"], "n": ["7"], "more": [1]}))
    assert later.to_dict("list") == {"n": [7.0], "day": [30.5], "city": ["c"]}


def test_it_is_idempotent_but_for_dates() -> None:
    reader = TableReader().fit(table())
    read = reader.transform(table())
    twice = reader.transform(table().assign(n=read["n"], city=read["city"]))
    pd.testing.assert_frame_equal(twice, read)


def test_kinds_can_be_given() -> None:
    reader = TableReader({"day": "date %d/%m/%Y", "n": "text"})
    X = pd.DataFrame({"n": [1], "day": ["2/1/2026"], "rest": [1]})
    assert reader.fit_transform(X).to_dict("list") == {"day": [0.0], "n": ["1"]}
    assert reader.get_feature_names_out().tolist() == ["day", "n"]
    assert clone(reader).kinds == reader.kinds
    assert reader.first_days_["day"] == pd.Timestamp("2026-01-02", tz="UTC")
    with pytest.raises(ValueError, match=r"kinds must map a column to .*, got 'colour' for 'n'"):
        TableReader({"n": "colour"}).fit(X)
    with pytest.raises(ValueError, match="the table has no column 'size'"):
        TableReader({"size": "number"}).fit(X)


def test_a_column_of_dates_that_is_still_empty() -> None:
    reader = TableReader({"day": "date"}).fit(pd.DataFrame({"day": [None, None]}))
    assert reader.transform(pd.DataFrame({"day": ["1970-01-02", None]}))["day"].tolist() == pytest.approx(
        [1, np.nan], nan_ok=True
    )
    assert np.isnan(reader.transform(pd.DataFrame({"day": [np.nan]}))["day"]).all()


def test_it_pickles() -> None:
    reader = TableReader().fit(table())
    again = pickle.loads(pickle.dumps(reader))
    pd.testing.assert_frame_equal(again.transform(table()), reader.transform(table()))
    with pytest.raises(NotFittedError):
        TableReader().transform(table())


def test_numbers_read_as_such_are_the_same_alone_and_beside_text() -> None:
    numbers = pd.DataFrame(
        {
            "b": pd.array([1, None, 3], dtype="Int64"),
            "a": [1, 2, 3],
            "c": [True, False, True],
            "d": np.array([1, 2, 3], dtype=np.float32),
            "e": pd.array([1.5, None, 2], dtype="Float64"),
        },
        index=[5, 7, 6],
    )
    beside = TableReader().fit_transform(numbers.assign(word=["x", "y", "z"]))
    alone = TableReader().fit(numbers).transform(numbers[["e", "d", "c", "b", "a"]])
    pd.testing.assert_frame_equal(alone, beside.drop(columns="word"))
    assert (alone.dtypes == np.float64).all()
    late = TableReader({"a": "number 1.234,5"}).fit(pd.DataFrame({"a": ["1.234,5"]}))
    assert late.transform(pd.DataFrame({"a": [1.5]}))["a"].tolist() == [1.5]
