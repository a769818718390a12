"""Files as people write them, through the reader: encodings, separators, labels, kinds, and times."""

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sk_warmstart import WarmStartComparator
from sk_warmstart.cli import TableReader, load_table
from sk_warmstart.cli._table import read_tables


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def times_two(n: int = 20) -> list[int]:
    return [0, 1] * (n // 2)


ROWS = "city;price;y\n" + "Köln;3,5;0\nZürich;4,25;1\n" * 10


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_are_found(encoding: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    raw = ROWS.encode(encoding)
    path.write_bytes(gzip.compress(raw) if packed else raw)
    X, _, _ = load_table(path, "y")
    assert list(X) == ["city", "price"]
    assert X["city"].tolist() == ["Köln", "Zürich"] * 10
    assert X["price"].tolist() == [3.5, 4.25] * 10


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", ROWS, "cp1252")
    with pytest.warns(UserWarning, match=r"t.csv is not in UTF-8: its letters are read as Windows's"):
        X, _, _ = load_table(path, "y")
    assert X["city"].tolist() == ["Köln", "Zürich"] * 10
    X, _, _ = load_table(text(path, ROWS.replace("K", "Ł"), "cp1250"), "y", encoding="cp1250")
    assert X["city"][0] == "Łöln"


def test_letters_of_no_known_encoding_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("名,y\n".encode("shift_jis") + b"\x81\x8d,1\n\x81\x90,0\n")
    with pytest.raises(ValueError, match=r"t.csv cannot be read as a table: its letters are neither UTF-8"):
        load_table(path, "y")


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("head", ["", "sep={}\n"])
def test_separators_are_found(sep: str, head: str, tmp_path: Path) -> None:
    lines = sep.join(["a", "b", "y"]) + "\n" + "".join(f"{i}{sep}x,y;z|{sep}{i % 2}\n" for i in range(20))
    lines = lines.replace("x,y;z|", '"x,y;z|"')
    X, _, _ = load_table(text(tmp_path / "t.csv", head.format(sep) + lines), "y")
    assert X["a"].tolist() == list(range(20))
    assert set(X["b"]) == {"x,y;z|"}


def test_an_open_separator_is_refused(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "a,b;y\n" + "1,2;0\n3,4;1\n" * 9)
    with pytest.raises(ValueError, match="its cells may be separated by ',' or ';': say --sep"):
        load_table(path, "y")
    assert load_table(path, "y", sep=";")[0].columns.tolist() == ["a,b"]


@pytest.mark.parametrize("row", ["1,2\n", "1,2,0,9\n"])
def test_a_row_of_another_length_is_refused(row: str, tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "a,b,y\n" + "1,2,0\n3,4,1\n" * 150 + row)
    with pytest.raises(ValueError, match=rf"row 301 has {row.count(',') + 1} cells .* and the header 3"):
        load_table(path, "y")


@pytest.mark.parametrize("labels", [["None", "Mild"], ["NA", "EU"], ["null", "n/a"], ["NaN", "nan"]])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_labels_that_mean_missing_elsewhere_are_labels(labels: list[str], suffix: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(20), "y": labels * 10})
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    assert load_table(path, "y")[1].tolist() == labels * 10
    empty = text(tmp_path / "empty.csv", "a,y\n" + "".join(f"{i},{labels[i % 2]}\n" for i in range(20)) + "9,\n")
    with pytest.raises(ValueError, match="the target has 1 missing value"):
        load_table(empty, "y")


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    prices = [Decimal("12.50"), None, Decimal("-3.25"), Decimal("1000.01")] * 5
    frame = pd.DataFrame({"price": prices, "target": [price or Decimal(i) / 4 for i, price in enumerate(prices)]})
    frame["target"] = [Decimal(f"{i}.25") for i in range(20)]
    frame.to_parquet(tmp_path / "t.parquet")
    X, y, task = load_table(tmp_path / "t.parquet", "target")
    assert task == "regression"
    assert y.tolist() == [i + 0.25 for i in range(20)]
    expected = [np.nan if price is None else float(price) for price in prices]
    np.testing.assert_array_equal(TableReader().fit_transform(X)["price"], expected)


@pytest.mark.parametrize(
    ("value", "what"),
    [([1, 2], "lists"), ({"a": 1}, "dictionaries"), (b"x", "bytes")],
    ids=["list", "dict", "bytes"],
)
@pytest.mark.parametrize("target", ["y", "a"])
def test_cells_that_are_no_cells_are_refused(value: Any, what: str, target: str, tmp_path: Path) -> None:
    pd.DataFrame({"a": range(20), "y": [value] * 20, "z": range(20)}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=f"the column 'y' holds {what}"):
        load_table(tmp_path / "t.parquet", target)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([f"id{i}" for i in range(60)], "holds 60 different words in 60 rows, such as 'id0'"),
        (pd.date_range("2024-01-01", periods=60).astype(str), "holds dates: predict a number or a label"),
        ([1e300, 2e299] * 30, "holds 1e+300: give it in larger units"),
        ([1.5e-300, 2e-300] * 30, "lies between 1.5e-300 and 2e-300: give it in smaller units"),
    ],
    ids=["ids", "dates", "large", "small"],
)
def test_targets_that_are_none(target: Any, words: str, tmp_path: Path) -> None:
    pd.DataFrame({"a": range(60), "y": target}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError) as caught:
        load_table(tmp_path / "t.csv", "y")
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["1e300", "inf"])
def test_a_number_too_large_is_named(value: str, tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "a,y\n1,0\n" + f"{value},1\n")
    with pytest.raises(ValueError, match=r"the column 'a' holds (1e\+300|inf) in row 2"):
        load_table(path, "y")


def test_the_task_can_be_said(tmp_path: Path) -> None:
    path = text(tmp_path / "t.csv", "a,y\n" + "1,0.5\n2,1.5\n3,2\n" * 9)
    assert load_table(path, "y", task="classification")[1].tolist() == ["0.5", "1.5", "2"] * 9
    path = text(tmp_path / "t.csv", "a,y\n" + "1,0\n2,1\n3,2\n" * 9)
    _, y, task = load_table(path, "y", task="regression")
    assert (y.tolist(), task) == ([0.0, 1.0, 2.0] * 9, "regression")
    path = text(tmp_path / "t.csv", "a,y\n" + "1,x\n2,z\n" * 9)
    with pytest.raises(ValueError, match="holds 'x', which is no number: regression needs numbers"):
        load_table(path, "y", task="regression")


def test_rows_without_a_time_are_left_out_and_said(tmp_path: Path) -> None:
    days = ["13.04.2020", "", "02.03.2020", "NA", "31.12.2019"]
    rows = "".join(f"{day},{i},{i // 3}\n" for i, day in enumerate(days))
    with pytest.warns(UserWarning, match="2 rows have no time in 'when' and are left out .the first is row 2."):
        X, y, _ = load_table(text(tmp_path / "t.csv", "when,a,y\n" + rows), "y", "when")
    assert X["a"].tolist() == [4, 2, 0]
    assert y.tolist() == [1, 0, 0]


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%Y", "%Y-%m-%d"])
def test_a_year_of_days_stays_in_order(form: str, tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=366)
    frame = pd.DataFrame({"when": days.strftime(form), "a": range(366), "y": [0, 1] * 183})
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    data = read_tables([tmp_path / "t.csv"], "y", "when", every="month")
    assert data.X["a"].tolist() == list(range(366))
    assert data.groups is not None
    assert data.groups.nunique() == 12


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("age,y\n", "Age,y\n", "has a column 'age' and .* a column 'Age': give them one name"),
        ("a_b,y\n", "a b,y\n", "has a column 'a_b' and .* a column 'a b'"),
    ],
)
def test_two_tables_with_names_in_another_case(old: str, new: str, words: str, tmp_path: Path) -> None:
    first, second = (
        text(tmp_path / name, head + "1,0\n2,1\n" * 9) for name, head in (("o.csv", old), ("n.csv", new))
    )
    with pytest.raises(ValueError, match=words):
        read_tables([first, second], "y")


def test_two_tables_with_columns_of_two_kinds(tmp_path: Path) -> None:
    first = text(tmp_path / "old.csv", "a,y\n" + "1,0\n2,1\n" * 9)
    second = text(tmp_path / "new.csv", "a,y\n" + "high,0\nlow,1\n" * 9)
    with pytest.raises(ValueError, match=r"'a' holds numbers in .*old.csv and words in .*new.csv \('high'\)"):
        read_tables([first, second], "y")
    labels = text(tmp_path / "labels.csv", "a,y\n" + "1,no\n2,yes\n" * 9)
    with pytest.raises(ValueError, match=r"'y' holds numbers in .*old.csv and words in .*labels.csv \('no'\)"):
        read_tables([first, labels], "y")


def test_two_tables_may_write_dates_and_numbers_in_two_ways(tmp_path: Path) -> None:
    first = text(tmp_path / "old.csv", "day;a;y\n" + "2024-02-01;1.5;0\n2024-02-13;2.25;1\n" * 9)
    second = text(tmp_path / "new.csv", "day;a;y\n" + "01.03.2024;1,5;0\n13.03.2024;2,25;1\n" * 9)
    data = read_tables([first, second], "y")
    assert data.X["a"].tolist() == [1.5, 2.25] * 18
    read = TableReader(data.kinds).fit_transform(data.X)["day"]
    assert read.tolist() == [0.0, 12.0] * 9 + [29.0, 41.0] * 9


def test_one_table_shows_how_the_other_is_written(tmp_path: Path) -> None:
    first = text(tmp_path / "old.csv", "day,y\n" + "01/02/2024,0\n13/02/2024,1\n" * 9)
    second = text(tmp_path / "new.csv", "day,y\n" + "01/03/2024,0\n02/03/2024,1\n" * 9)
    data = read_tables([first, second], "y")
    assert data.kinds["day"] == "date %d/%m/%Y"
    read = TableReader(data.kinds).fit_transform(data.X)["day"]
    assert read.tolist() == [0.0, 12.0] * 9 + [29.0, 30.0] * 9


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--hidden", "1000000000"], "makes 2,000,000,000 weights"),
        (["--hidden", "0"], "--hidden takes numbers of units of at least 1"),
        (["--device", "meta"], "--device meta holds no numbers"),
        (["--device", "abc"], "--device abc cannot be used"),
        (["--repeats", "1000000000"], "at most 100000 replicates"),
        (["--sep", "ab"], "one character, or 'tab', not 'ab'"),
        (["--encoding", "nope"], "cannot be read as a table: unknown encoding: nope"),
        (["--text", "nope"], "has no column 'nope'"),
    ],
)
def test_options_that_ended_in_a_traceback(
    argv: list[str], words: str, tmp_path: Path, error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(WarmStartComparator, "fit")
    path = text(tmp_path / "t.csv", "a,b,y\n" + "1,2,0\n2,4,1\n" * 9)
    assert words in error_of("compare", path, "--target", "y", *argv)


def test_digits_have_no_columns_to_name(error_of: Callable[..., str]) -> None:
    assert error_of("compare", "digits", "--target", "nope", "--drop", "x").startswith("'digits' is built in")


@pytest.mark.parametrize("argv", [["--policies", "cold", "nope"], ["--scoring", "nope"], ["--tune", "nope.a=1"]])
def test_options_are_checked_before_a_pickle_is_read(
    argv: list[str], tmp_path: Path, error_of: Callable[..., str]
) -> None:
    ran = tmp_path / "ran"
    pickle = tmp_path / "model.joblib"
    pickle.write_bytes(b"cbuiltins\nopen\n(V" + str(ran).encode() + b"\nVw\ntR.")
    path = text(tmp_path / "t.csv", "a,b,y\n" + "1,2,0\n2,4,1\n" * 9)
    error_of("compare", path, "--target", "y", "--incumbent", pickle, *argv)
    assert not ran.exists()
    assert "not the steps that read" in error_of("compare", path, "--target", "y", "--incumbent", "m.safetensors")
