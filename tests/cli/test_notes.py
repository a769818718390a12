"""Columns and labels that may not be what they seem, as strangers' tables have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_warmstart.cli import load_table
from sk_warmstart.cli._table import TableData, read_tables

N = 60
RNG = np.random.default_rng(0)
OTHER = [f"{value:.2f}" for value in RNG.normal(100, 10, N)]
LABELS = ["no", "yes"] * (N // 2)


def read(folder: Path, column: list[str], **more: str) -> TableData:
    path = folder / "t.csv"
    pd.DataFrame({"c": column, "a": OTHER, "y": LABELS}).to_csv(path, index=False)
    return read_tables([path], "y", **more)


@pytest.mark.parametrize(
    ("column", "note"),
    [
        ([f"{i * 137:05d}" for i in range(N)], "holds '00000', which is read as the number 0: say --text 'c'"),
        ([["01067", "10115"][i % 2] for i in range(N)], "holds '01067', which is read as the number 1067"),
        ([["1e5", "2e3"][i % 2] for i in range(N)], "holds '1e5', which is read as the number 100000"),
        ([str(i) for i in range(N)], "counts the rows of the file: say --drop 'c'"),
        ([str(i + 1) for i in range(N)], "counts the rows of the file"),
        ([str(-999 if i % 5 == 0 else i % 50) for i in range(N)], "holds -999 in several rows, far from"),
        (["99999.0" if i % 9 == 0 else OTHER[i] for i in range(N)], "holds 99999 in several rows, far from"),
        (
            ["9999-12-31" if i % 9 == 0 else f"2024-01-{i % 28 + 1:02d}" for i in range(N)],
            "holds 9999-12-31 in several rows",
        ),
    ],
)
def test_what_a_column_may_be_is_noted(tmp_path: Path, column: list[str], note: str) -> None:
    (found,) = read(tmp_path, column).notes
    assert found.startswith(f"the column 'c' {note}")


@pytest.mark.parametrize(
    "column",
    [
        OTHER,
        [f"{value:.2e}" for value in RNG.normal(size=N)],
        ["0" if i % 2 else f"0.{i}1" for i in range(N)],
        [str(i % 10) for i in range(N)],
        [str(0 if i % 2 else i * 100) for i in range(N)],  # zero is often nothing special
        [str(i * 2) for i in range(N)],
        [f"2024-01-{i % 28 + 1:02d}" for i in range(N)],
        [["true", "false"][i % 2] for i in range(N)],
    ],
)
def test_plain_columns_have_no_note(tmp_path: Path, column: list[str]) -> None:
    assert read(tmp_path, column).notes == []


def test_a_column_that_is_the_time_may_count_the_rows(tmp_path: Path) -> None:
    assert read(tmp_path, [str(i) for i in range(N)], time="c").notes == []


@given(st.lists(st.from_regex(r"0[0-9]{1,5}|[1-9]e[0-9]", fullmatch=True), min_size=2, max_size=6, unique=True))
@settings(max_examples=25, deadline=None)
def test_labels_that_are_codes_stay_as_they_are_written(
    tmp_path_factory: pytest.TempPathFactory, codes: list[str]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    labels = codes * 10
    pd.DataFrame({"a": range(len(labels)), "y": labels}).to_csv(path, index=False)
    _, y, task = load_table(path, "y")
    assert task == "classification"
    assert y.tolist() == labels


def test_codes_as_a_number_to_predict(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": range(40), "y": [f"{i:03d}" for i in range(40)]}).to_csv(path, index=False)
    _, y, task = load_table(path, "y")
    assert task == "regression"
    assert y.tolist() == list(range(40))
    pd.DataFrame({"a": range(40), "y": [f"{i % 3:03d}" for i in range(40)]}).to_csv(path, index=False)
    assert load_table(path, "y", task="regression")[1].tolist() == [i % 3 for i in range(40)]


def test_labels_that_differ_in_case_alone_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": OTHER, "y": ["yes", "no", "Yes"] * 20}).to_csv(path, index=False)
    (note,) = read_tables([path], "y").notes
    assert note.startswith("the target has the labels 'yes' and 'Yes', which are two")


def test_a_packed_file_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": OTHER, "y": LABELS}).to_csv(path, index=False, compression="gzip")
    with pytest.raises(ValueError, match=r"it is packed with gzip: give it a name that ends in \.csv\.gz"):
        load_table(path, "y")


def test_an_index_of_several_levels_is_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=N), "y": LABELS})
    frame.index = pd.MultiIndex.from_arrays(
        [[f"s{i % 3}" for i in range(N)], RNG.normal(size=N)], names=["k", "l"]
    )
    frame.to_parquet(tmp_path / "t.parquet")
    X, _, _ = load_table(tmp_path / "t.parquet", "y")
    assert sorted(X) == ["a", "k", "l"]
