import datetime
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.cli.reading._columns import (
    ColumnRules,
    column_kind,
    to_numbers,
    to_text,
    to_times,
    with_clean_names,
)
from sk_warmstart.cli.reading._numbers import NumberFormat


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
        (["1/2/24", "13/1/24"], "date %d/%m/%y"),
        (["1/2/24", "1/13/24"], "date %m/%d/%y"),
        (["May 3, 2024", "June 13, 2024"], "date %B %d, %Y"),
        (["1.5", "NA", "2"], "number"),
        (["1.234,5", "2,25"], "number 1.234,5"),
        (["1,234", "2.5"], "number 1,234.5"),
        (["$3.50", "$1,200"], "number $1,234.5"),
        (["5 %", "7.5 %"], "number 1234.5%"),
        ([Decimal("1.5"), None], "number"),
        (["None", "NA"], "text"),
        (["2.1.2024", "31.12.2024"], "date %d.%m.%Y"),
        (["1/2/2024 5:07", "1/13/2024 23:59"], "date %m/%d/%Y %H:%M"),
        (["1.2.3", "1.2.4"], "text"),
        (["May", "June"], "text"),
        (["9:30", "10:40"], "text"),
        (["a", None], "text"),
        ([None, None], "text"),
        (np.array([1, "x"], dtype=object), "text"),
        (np.array([True, None], dtype=object), "text"),
        (pd.to_timedelta([1, 2], unit="D"), "number"),
        (pd.Categorical([1, 2]), "text"),
    ],
    ids=str,
)
def test_kinds(values: Any, kind: str) -> None:
    assert column_kind(pd.Series(values)) == kind


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            ["1/2/24", "2/1/24"],
            "holds '1/2/24', which is 2024-02-01 or 2024-01-02, and no value tells: say --day-",
        ),
        (["50,123", "60,456"], "holds '50,123', which is 50123 or 50.123, and no value tells: say --decimal"),
        (["1.234", "950"], "holds '1.234', which is 1.234 or 1234, and no value tells: say --decimal"),
        (["1", "2"] * 10 + ["n.v."], "holds 20 numbers and 'n.v.' in row 21: correct it, or say --missing 'n.v.'"),
        (["2024-01-02"] * 20 + ["soon"], "holds 20 dates and 'soon' in row 21"),
        (["5%"] * 20 + ["7"], "holds 20 numbers and '7' in row 21"),
        (["31/12/2020"] * 20 + ["45324"], "holds 20 dates and '45324' in row 21"),
        (["2024-01-02 10:00Z", "2024-01-02 10:00"], "holds '2024-01-02 10:00' in row 2, without a time zone"),
    ],
)
def test_what_can_be_read_in_two_ways_names_column_and_value(values: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the column 'c' {words}")):
        column_kind(pd.Series(values, name="c"))


def test_the_user_may_tell() -> None:
    open_days, open_numbers = pd.Series(["1/2/24", "2/1/24"]), pd.Series(["50,123", "60,456"])
    assert column_kind(open_days, ColumnRules(day_first=True)) == "date %d/%m/%y"
    assert column_kind(open_days, ColumnRules(day_first=False)) == "date %m/%d/%y"
    assert column_kind(open_numbers, ColumnRules(decimal=".")) == "number 1,234.5"
    assert column_kind(open_numbers, ColumnRules(decimal=",")) == "number 1234,5"
    strays = pd.Series(["1"] * 20 + ["n.v."], name="c")
    assert column_kind(strays, ColumnRules(missing=frozenset({"n.v."}))) == "number"
    assert column_kind(strays, ColumnRules(text=frozenset({"c"}))) == "text"


def test_a_column_of_words_says_that_it_holds_numbers() -> None:
    with pytest.warns(UserWarning, match="the column 'c' is read as words: it holds 2 numbers and 'XL' in row 2"):
        assert column_kind(pd.Series(["38", "XL", "40", "S"], name="c")) == "text"


@pytest.mark.parametrize("form", ["1,234.5", "1.234,5", "1 234,5", "1'234.5", "$1,234.5", "1.234,5%", "1234,5"])
@given(st.lists(st.decimals(-1e9, 1e9, places=2), min_size=1))
def test_a_number_reads_as_it_was_written(form: str, values: list[Decimal]) -> None:
    expected = [float(value) for value in values]
    written = [written_as(value, form) for value in values]
    assert to_numbers(pd.Series(written), f"number {form}").tolist() == expected


def written_as(value: Decimal, form: str) -> str:
    parsed = NumberFormat.from_example(form)
    assert parsed is not None
    assert str(parsed) == form
    text = f"{abs(value):,.2f}" if parsed.thousands else f"{abs(value):.2f}"
    text = text.translate(str.maketrans({",": parsed.thousands, ".": parsed.decimal}))
    return f"{'-' if value < 0 else ''}{parsed.before}{text}{parsed.after}"


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
        assert column_kind(column, ColumnRules(day_first=not form.startswith("%m"))).startswith("date")


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
