import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sk_warmstart.cli import TableReader, load_table
from sk_warmstart.cli._table import read_tables

N = 12


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": np.arange(N) / 4,
            "colour": ["red", "green", "blue"] * (N // 3),
            "kind": ["yes", "no"] * (N // 2),
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


# -- what is read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "T.CSV"])
def test_formats(tmp_path: Path, name: str) -> None:
    X, y, task = load_table(write(table(), tmp_path / name), "kind")
    assert task == "classification"
    assert y.tolist() == table()["kind"].tolist()
    assert list(X.columns) == ["size", "colour"]
    assert X["size"].tolist() == table()["size"].tolist()
    assert X["colour"].tolist() == table()["colour"].tolist()


def test_the_gz_file_was_packed(tmp_path: Path) -> None:
    path = write(table(), tmp_path / "t.csv.gz")
    assert gzip.decompress(path.read_bytes()).startswith(b"size,colour,kind")


def test_digits_need_no_file() -> None:
    X, y, task = load_table("digits")
    assert X.shape == (1797, 64)
    assert task == "classification"
    assert set(y) == set(range(10))


def test_question_marks_and_blanks_are_missing_values(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "a,b,y\n1,x,0\n?, ?,1\n3,,0\n")
    X, _, _ = load_table(path, "y")
    assert X["a"].isna().tolist() == [False, True, False]
    assert X["a"].dtype == np.float64
    assert X["b"].isna().tolist() == [False, True, True]


def test_columns_without_any_value_are_left_out(tmp_path: Path) -> None:
    X, _, _ = load_table(text(tmp_path / "t.csv", "a,empty,y\n1,,0\n2,,1\n"), "y")
    assert list(X.columns) == ["a"]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 20, "classification"),
        ([True, False] * 20, "classification"),
        (np.arange(40) % 20, "classification"),
        (np.arange(40) % 20 + 0.0, "classification"),
        (np.arange(40) % 21, "regression"),
        (np.arange(40) % 2 + 0.5, "regression"),
    ],
    ids=["text", "truth values", "20 whole numbers", "written as floats", "21 whole numbers", "halves"],
)
def test_the_target_says_what_it_asks_for(tmp_path: Path, values: Any, task: str) -> None:
    path = write(pd.DataFrame({"a": np.arange(40.0), "y": values}), tmp_path / "t.parquet")
    assert load_table(path, "y")[2] == task


def test_a_number_keeps_its_units(tmp_path: Path) -> None:
    target = np.linspace(100, 900, 30) + 0.5
    path = write(pd.DataFrame({"a": np.arange(30), "y": target}), tmp_path / "t.csv")
    _, y, task = load_table(path, "y")
    assert task == "regression"
    assert y == pytest.approx(target)


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "UInt8", "bool", "boolean", "object", "category"])
def test_labels_equal_those_of_the_table(tmp_path: Path, dtype: str) -> None:
    labels: Any = ["1", "0"] if dtype == "object" else [1, 0]
    frame = pd.DataFrame({"a": np.arange(20.0), "y": pd.Series(labels * 10, dtype=dtype)})
    _, y, task = load_table(write(frame, tmp_path / "t.parquet"), "y")
    assert task == "classification"
    assert y.dtype.kind in "iubU"
    assert (y == frame["y"].to_numpy()).all()


def test_whole_numbers_that_floats_cannot_tell_apart_are_no_labels(tmp_path: Path) -> None:
    path = write(pd.DataFrame({"a": np.arange(20), "y": [1e30, 2e30] * 10}), tmp_path / "t.parquet")
    assert load_table(path, "y")[2] == "regression"


def test_blanks_around_names_of_columns_are_left_out(tmp_path: Path) -> None:
    X, _, _ = load_table(text(tmp_path / "t.csv", "a , b,y\n1,2,0\n2,3,1\n"), "y")
    assert list(X) == ["a", "b"]
    with pytest.raises(ValueError, match=r"t.csv: the table has more than one column 'a': rename or drop one"):
        load_table(text(tmp_path / "t.csv", "a ,a,y\n1,2,0\n2,3,1\n"), "y")


def test_names_of_columns_are_text(tmp_path: Path) -> None:
    X, _, _ = load_table(write(pd.DataFrame({0: [1, 2], 1: [0, 1]}), tmp_path / "t.parquet"), "1")
    assert list(X) == ["0"]


def test_columns_can_be_left_out(tmp_path: Path) -> None:
    X, _, _ = load_table(write(table(), tmp_path / "t.csv"), "kind", drop=["size"])
    assert list(X.columns) == ["colour"]
    with pytest.raises(ValueError, match="has no column 'weight'"):
        load_table(tmp_path / "t.csv", "kind", drop=["weight"])
    with pytest.raises(ValueError, match="--drop leaves out 'kind', which is the target: leave it out of --drop"):
        load_table(tmp_path / "t.csv", "kind", drop=["size", "kind"])


def test_what_orders_or_groups_the_rows_need_not_be_learned_from(tmp_path: Path) -> None:
    path = write(table().assign(day=np.arange(N)[::-1], patient=np.arange(N) % 5), tmp_path / "t.csv")
    plain = read_tables([path], "kind", time="day", groups="patient")
    for drop in (["day"], ["patient", "day"], ["patient"]):
        data = read_tables([path], "kind", time="day", groups="patient", drop=drop)
        assert list(data.X) == [name for name in plain.X if name not in drop]
        assert data.X["size"].tolist() == plain.X["size"].tolist() == sorted(plain.X["size"], reverse=True)
        assert list(data.groups) == list(plain.groups)
        assert set(data.kinds) == set(data.X)


def test_columns_that_may_not_be_what_they_seem_are_noted(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [f"p{i}" for i in range(60)], "same": 1, "none": None, "y": [0, 1] * 30})
    assert read_tables([write(frame, tmp_path / "t.csv")], "y").notes == [
        "the column 'none' holds no value, and is left out",
        "the column 'same' holds one value only",
        "the column 'id' holds 60 different words, of which the 50 most frequent are told apart: say --drop 'id' "
        "if it is an identifier",
    ]


# -- time ------------------------------------------------------------------------------------------------


def test_time_orders_the_rows(tmp_path: Path) -> None:
    when = ["2024-03-01", "2023-12-31", "2024-01-15", "2023-12-31"]
    frame = pd.DataFrame({"when": when, "a": [3, 0, 2, 1], "y": [1, 0, 1, 0]})
    X, y, _ = load_table(write(frame, tmp_path / "t.csv"), "y", "when")
    assert X["a"].tolist() == [0, 1, 2, 3]  # equal times keep their order
    assert y.tolist() == [0, 0, 1, 1]
    assert X["when"].tolist() == sorted(when)  # as they are in the file


def test_numbers_are_times_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"year": [2010, 2009, 2011], "y": [1, 0, 1]})
    X, y, _ = load_table(write(frame, tmp_path / "t.csv"), "y", "year")
    assert X["year"].tolist() == [2009, 2010, 2011]
    assert y.tolist() == [0, 1, 1]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%y", "%d.%m.%Y", "%B %d, %Y"])
def test_time_may_be_written_as_people_do(tmp_path: Path, form: str) -> None:
    days = pd.date_range("2024-01-01", periods=60)
    frame = pd.DataFrame({"when": days.strftime(form), "a": np.arange(60), "y": [0, 1] * 30})
    path = write(frame.sample(frac=1, random_state=0), tmp_path / "t.csv")
    data = read_tables([path], "y", "when", every="month")
    assert data.X["a"].tolist() == list(range(60))
    assert data.groups is not None
    assert [str(period) for period in data.groups.unique()] == ["2024-01", "2024-02"]


def test_dates_become_days_and_other_texts_do_not(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "day": ["2024-01-01", None, "2024-01-03T12:00:00"],
            "stamp": pd.to_datetime(["2024-01-01", "2024-01-02", None]),
            "code": ["A-1", "A-2", "A-3"],
            "flag": [True, False, True],
            "y": [0, 1, 0],
        }
    )
    X, _, _ = load_table(write(frame, tmp_path / "t.parquet"), "y")
    X = TableReader().fit_transform(X)
    assert X["day"].tolist() == pytest.approx([0, np.nan, 2.5], nan_ok=True)
    assert X["stamp"].tolist() == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert X["code"].tolist() == ["A-1", "A-2", "A-3"]
    assert X["flag"].tolist() == [1.0, 0.0, 1.0]


# -- what cannot be read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "there is no file .*none.csv"),
        ("t.txt", b"a,y\n1,2\n", "t.txt is neither .csv, .csv.gz nor .parquet: save the table as one"),
        ("t.csv", b"", "t.csv is empty"),
        ("t.csv", b"a,y\n", "t.csv has no rows"),
        ("t.csv", b"a,b\n1,2\n", "t.csv has no column 'y'; its columns are a, b"),
        ("t.csv", b"y\n1\n2\n", "has no column with values beside the target 'y'"),
        ("t.csv", b"a,y\n,1\n,2\n", "has no column with values beside the target 'y'"),
        ("t.csv", b"a,y\n1,0\n2,\n3,1\n", "the target has 1 missing value: drop those rows, or fill them in"),
        ("t.csv", b"a,y\n1,x\n2,x\n", "the target has one class only .*: there is nothing to tell apart"),
        ("t.csv", b"a,y\n1,1.5\n2,1.5\n", "the target 'y' is the same in every row: there is nothing to learn"),
        ("t.csv", b"a,y\n1,1.5\n2,inf\n", "the target 'y' holds infinite values"),
        ("t.csv", b"\x00\x81\x02\x9d" * 50, "t.csv cannot be read as a table"),
        ("t.csv", b'a,y\n1,"2\n', "t.csv cannot be read as a table"),
        ("t.csv", b"a,y\n1,2\n1,2,3\n", "t.csv cannot be read as a table"),
        ("t.csv.gz", b"a,y\n1,2\n", "t.csv.gz cannot be read as a table"),
        ("t.csv.gz", gzip.compress(b"a,y\n1,2\n" * 99)[:30], "t.csv.gz cannot be read as a table"),
        ("t.parquet", b"PAR1 and then nothing", "t.parquet cannot be read as a table"),
    ],
    ids=[
        *("no file", "suffix", "empty", "no rows", "no column", "only target", "no values", "missing"),
        *("one class", "constant", "infinite", "binary", "quote", "ragged", "not packed", "cut short"),
        "corrupt parquet",
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_table(path, "y")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ValueError, match="there is no file"):
        load_table(tmp_path / "t.csv", "y")


def test_the_target_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="say which column to predict: --target one of size, colour, kind"):
        load_table(write(table(), tmp_path / "t.csv"))


def test_time_must_be_a_column_of_times(tmp_path: Path) -> None:
    path = write(table(), tmp_path / "t.csv")
    with pytest.raises(ValueError, match="has no column 'when'"):
        load_table(path, "kind", "when")
    with pytest.raises(ValueError, match="the column 'colour' is no time: 'red' is neither number nor date"):
        load_table(path, "kind", "colour")


def test_periods_and_groups_come_from_columns(data: Path) -> None:
    table = read_tables([data], "number", "day", every="month")
    assert table.groups is not None
    assert [str(period) for period in table.groups.unique()] == ["2024-01", "2024-02"]
    assert "day" in table.X
    table = read_tables([data], "number", groups="b")
    assert table.groups is not None
    assert "b" not in table.X
    for arguments, words in (
        ({"every": "month"}, "--every needs --time"),
        ({"every": "month", "time": "a"}, "needs dates, and the column 'a' holds numbers"),
        ({"groups": "nope"}, "has no column 'nope'"),
    ):
        with pytest.raises(ValueError, match=words):
            read_tables([data], "number", **arguments)
