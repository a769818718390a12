import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.cli._columns import column_kind, to_numbers, to_text, to_times, with_clean_names


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, None], "number"),
        ([True, False], "number"),
        (pd.array([1, None], dtype="Int64"), "number"),
        (["2024-01-02", None], "date"),
        (["2024-01-02T05:00+02:00", "2024-07-02T05:00+01:00"], "date"),
        (["2024-01-02", "? "], "date"),
        (pd.to_datetime(["2024-01-02", None]), "date"),
        ([datetime.date(2024, 1, 2)], "date"),
        (["1/2/2024", "1/13/2024"], "date %m/%d/%Y"),
        (["1/2/2024", "13/1/2024"], "date %d/%m/%Y"),
        (["1/2/24", "2/1/24"], "date %m/%d/%y"),
        (["2.1.2024", "31.12.2024"], "date %d.%m.%Y"),
        (["1/2/2024 5:07", "1/13/2024 23:59"], "date %m/%d/%Y %H:%M"),
        (["1/2/2024", "13/13/2024"], "text"),
        (["1.2.3", "1.2.4"], "text"),
        (["May", "June"], "text"),
        (["9:30", "10:40"], "text"),
        (["a", None], "text"),
        ([None, None], "text"),
        (np.array([1, "x"], dtype=object), "text"),
        (np.array([True, None], dtype=object), "text"),
        (pd.to_timedelta([1, 2], unit="D"), "text"),
        (pd.Categorical([1, 2]), "text"),
    ],
    ids=str,
)
def test_kinds(values: Any, kind: str) -> None:
    assert column_kind(pd.Series(values)) == kind


def test_numbers_of_any_dtype() -> None:
    column = pd.Series([True, None, " ? ", " 3", 2, ""], dtype=object)
    assert to_numbers(column).tolist() == pytest.approx([1, np.nan, np.nan, 3, 2, np.nan], nan_ok=True)
    with pytest.raises(ValueError, match="the column 'a' holds 'x', which is not a number"):
        to_numbers(pd.Series([1, "x"], name="a", dtype=object))


def test_text_of_any_dtype() -> None:
    column = pd.Series([1.0, None, " x ", "?", True, np.int64(3), 2.5], dtype=object)
    assert to_text(column).tolist() == ["1", "", "x", "", "True", "3", "2.5"]
    assert to_text(pd.Series([1, None])).tolist() == ["1", ""]


def test_a_format_that_was_learned_decides_and_others_are_read_too() -> None:
    written = ["1/2/2026", "2026-02-01", "1/2/2026 10:00", "February 1, 2026", None]
    times = to_times(pd.Series(written, index=[0, 0, 1, 1, 2]), "date %d/%m/%Y")
    assert times.dt.strftime("%m-%d").tolist()[:4] == ["02-01"] * 4
    assert times.isna().tolist() == [False] * 4 + [True]


@given(st.lists(st.dates(datetime.date(1970, 1, 1), datetime.date(2068, 12, 31)), min_size=1))
def test_every_way_to_write_a_date_is_the_same_date(days: list[datetime.date]) -> None:
    expected = pd.to_datetime(pd.Series(days), utc=True)
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y", "%Y/%m/%d"):
        column = pd.Series([day.strftime(form) for day in days])
        assert (to_times(column, f"date {form}") == expected).all()
        assert column_kind(column).startswith("date")


def test_a_table_has_names() -> None:
    assert list(with_clean_names(pd.DataFrame({" a": [1], 2: [1]}))) == ["a", "2"]
    with pytest.raises(ValueError, match="X must be a pandas DataFrame, whose columns have names, got ndarray"):
        with_clean_names(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="more than one column 'a'"):
        with_clean_names(pd.DataFrame([[1, 2]], columns=["a", "a "]))


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(["?", " ", "a", " a", "b c "]), st.text(max_size=3)), min_size=1)
)
def test_text_is_the_same_beside_other_values(values: list[str | None]) -> None:
    column = pd.Series(values, dtype=object)
    beside = pd.Series([*values, 1], dtype=object)
    assert to_text(column).tolist() == to_text(beside).tolist()[:-1]
