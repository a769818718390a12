"""Random tables in random ways of writing: what is read is what was written, or a line names column and value."""

import gzip
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sk_warmstart.cli import TableReader, main
from sk_warmstart.cli._table import Reading, TableData, read_tables
from sk_warmstart.cli.reading._columns import ColumnRules
from sk_warmstart.cli.reading._file import FileFormat

N_TABLES = 200
N = 60

DATES = [
    *("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y", "%y-%m-%d", "%Y/%m/%d"),
    *("%d %b %Y", "%B %d, %Y", "%d-%b-%y", "%a, %d %b %Y", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M"),
    *("%m/%d/%Y %I:%M %p", "%Y-%m-%d %H:%M:%S+02:00", "%Y-%m-%dT%H:%MZ", "%d/%m/%Y %H:%M:%S"),
]
SPANS = [pd.Timedelta(days=5), pd.Timedelta(days=11), pd.Timedelta(days=60), pd.Timedelta(days=900)]
MARKS = ["", "", "NA", "null", "None", "NaN", "n/a", "?", "-", "n.v.", "missing", "."]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"]
SEPARATORS = [",", ",", ";", "\t", "|"]
LABELS = [["None", "Mild", "Severe"], ["NA", "EU"], ["null", "n/a"], ["ja", "nein"], ["0", "1"], ["True", "False"]]


def plain(value: float) -> str:
    return repr(float(value))


def written(
    thousands: str, decimal: str, places: int, before: str = "", after: str = ""
) -> Callable[[float], str]:
    def write(value: float) -> str:
        text = f"{abs(value):,.{places}f}".translate(str.maketrans({",": thousands, ".": decimal}))
        return f"{'-' if value < 0 else ''}{before}{text}{after}"

    return write


NUMBERS: dict[str, Callable[[float], str]] = {
    "plain": plain,
    "three places": lambda value: f"{value:.3f}",
    "whole": lambda value: f"{value:.0f}",
    "scientific": lambda value: f"{value:.6e}",
    "1,234.50": written(",", ".", 2),
    "1,234": written(",", ".", 0),
    "1.234,50": written(".", ",", 2),
    "1.234": written(".", ",", 0),
    "1234,50": written("", ",", 2),
    "1234,500": written("", ",", 3),
    "1 234,50": written(" ", ",", 2),
    "1\u00a0234,5": written("\u00a0", ",", 1),
    "1'234.5": written("'", ".", 1),
    "$1,234.50": written(",", ".", 2, before="$"),
    "1.234,50 €": written(".", ",", 2, after=" €"),
    "12.5%": written("", ".", 1, after="%"),
}


@dataclass
class Table:
    """A table as it is meant, as it is written, and what a user who knows would say."""

    path: Path
    days: pd.Series
    numbers: pd.Series
    words: list[str]
    labels: list[str]
    reading: Reading
    encoding: str
    has_no_option: bool  # of a year of two digits that comes first


def draw(seed: int, folder: Path) -> Table:
    rng = np.random.default_rng(seed)

    def one(options: list[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    form, span, how = one(DATES), one(SPANS), one(list(NUMBERS))
    start = pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(rng.integers(700)))
    days = pd.Series(start + rng.random(N) * span).dt.floor("min" if "%M" in form else "D")
    texts = days.dt.strftime(form)
    if "%z" not in form and "+02" in form:
        days -= pd.Timedelta(hours=2)
    scale = one([1.0, 1e3, 1e5])
    numbers = [NUMBERS[how](value) for value in rng.normal(size=N) * scale]
    meant = pd.Series([value_of(text, how) for text in numbers])
    mark, share = one(MARKS), one([0.0, 0.02, 0.3])
    gone = rng.random(N) < share
    numbers = [mark if missing else text for text, missing in zip(numbers, gone, strict=True)]
    meant[gone] = np.nan
    words = [str(word) for word in rng.choice(["Köln", "Zürich", "São Paulo", "NA", "a;b", 'so "said"'], N)]
    labels = [str(label) for label in rng.choice(one(LABELS), N)]
    kind = one(["csv", "csv", "csv.gz", "parquet"])
    path, encoding, sep = folder / f"t{seed}.{kind}", one(ENCODINGS), one(SEPARATORS)
    rows = pd.DataFrame({"id": range(N), "when": texts, "price": numbers, "word": words, "label": labels})
    if kind == "parquet":
        if one([True, False]) and how == "1,234.50":
            cents = pd.Series(
                [None if pd.isna(value) else Decimal(f"{value:.2f}") for value in meant], dtype=object
            )
            rows["price"] = cents
        rows.to_parquet(path)
    else:
        raw = rows.to_csv(index=False, sep=sep, lineterminator=one(["\n", "\r\n"]))
        data = raw.encode(encoding, errors="replace")
        path.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    knowing = Reading(
        FileFormat(sep if kind != "parquet" else None, encoding),
        ColumnRules(
            decimal="," if how in DECIMAL_COMMA else ".",
            day_first=True if form.startswith("%d") else False if form.startswith("%m") else None,
            missing=frozenset({mark} & {"-", "n.v.", "missing", "."}),
        ),
    )
    return Table(path, days, meant, words, labels, knowing, encoding, form.startswith("%y"))


DECIMAL_COMMA = {"1.234,50", "1.234", "1234,50", "1234,500", "1 234,50", "1\u00a0234,5", "1.234,50 €"}


def value_of(text: str, how: str) -> float:
    """Read a number with the right options."""
    for drop in ("$", "%", " €"):
        text = text.replace(drop, "")
    decimal = "," if how in DECIMAL_COMMA else "."
    thousands = {"1 234,50": " ", "1\u00a0234,5": "\u00a0", "1'234.5": "'"}.get(
        how, "." if decimal == "," else ","
    )
    return float(text.replace(thousands, "").replace(decimal, "."))


def check_same(table: Table, data: TableData) -> None:
    order = table.days.sort_values(kind="stable").index
    assert data.X["id"].tolist() == order.tolist()
    read = TableReader(data.kinds, tuple(table.reading.columns.missing)).fit_transform(data.X)
    np.testing.assert_array_equal(read["price"], table.numbers[order])
    elapsed = (table.days - table.days.min()).dt.total_seconds() / 86_400
    np.testing.assert_allclose(read["when"], elapsed[order], atol=1e-9)
    if not table.path.name.endswith("parquet") and table.encoding == "cp1252":
        assert data.X["word"].tolist() == [table.words[i] for i in order]
    labels = [table.labels[i] for i in order]
    assert [str(label) for label in data.y] == labels


@pytest.mark.parametrize("first", range(0, N_TABLES, 20))
def test_a_table_is_read_as_by_hand_or_a_line_names_column_and_value(first: int, tmp_path: Path) -> None:
    outcomes = []
    for seed in range(first, first + 20):
        table = draw(seed, tmp_path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                data = read_tables([table.path], "label", "when")
            except ValueError as error:
                told = str(error)
                assert "\n" not in told
                assert names_a_value(told), told
                outcomes.append("refused")
            else:
                warned = " ".join(str(warning.message) for warning in caught)
                if "'price'" in warned:
                    assert names_a_value(warned)  # it is told what it was read as
                else:
                    check_same(table, data)
                    outcomes.append("read")
        if not table.has_no_option:
            check_same(table, read_knowing(table))
    assert outcomes.count("read") >= 5  # most need no option


def read_knowing(table: Table) -> TableData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_tables([table.path], "label", "when", reading=table.reading)


def names_a_value(told: str) -> bool:
    return "the column '" in told and " holds " in told and told.count("'") >= 4


@pytest.mark.parametrize("seed", [1000, 1001, 1002])
def test_the_command_takes_the_options(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = draw(seed, tmp_path)
    rules, file = table.reading.columns, table.reading.file
    argv = ["compare", str(table.path), "--target", "label", "--time", "when", "--encoding", table.encoding]
    argv += [] if file.sep is None else ["--sep", "tab" if file.sep == "\t" else file.sep]
    argv += ["--decimal", rules.decimal or "."]
    argv += [] if rules.day_first is None else ["--day-first" if rules.day_first else "--no-day-first"]
    argv += [
        "--repeats",
        "1",
        "--phases",
        "2",
        "--epochs",
        "1",
        "--jobs",
        "1",
        "--quiet",
        "--policies",
        "cold",
        "warm",
    ]
    argv += [option for mark in sorted(rules.missing) for option in (f"--missing={mark}",)]
    assert main(argv) == 0, capsys.readouterr().err
