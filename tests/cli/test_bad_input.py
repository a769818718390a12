from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sk_warmstart import DataIncremental, WarmStartComparator
from sk_warmstart.cli import default_pipeline, load_table


def loads(target: str | None = "kind", time: str | None = None) -> Callable[[Path], Any]:
    return lambda path: load_table(path, target, time)


def compares(**params: Any) -> Callable[[Path], Any]:
    def run(path: Path) -> None:
        X, y, _ = load_table(path, "kind")
        given = {"policies": ("cold", "warm"), "phases": DataIncremental(2), "n_repeats": 2} | params
        WarmStartComparator(default_pipeline(X, "classification"), **given).fit(X, y)

    return run


HEAD = "a,b,day,kind,number\n"
BAD: dict[str, tuple[str | None, list[str], Callable[[Path], Any], str]] = {
    "wrong column": (None, ["--target", "nope"], loads("nope"), "has no column 'nope'; its columns are a, b"),
    "no target": (None, [], loads(None), "say which column to predict: --target one of a, b"),
    "wrong time": (None, ["--target", "kind", "--time", "x"], loads(time="x"), "has no column 'x'"),
    "no time": (None, ["--target", "kind", "--time", "b"], loads(time="b"), "the column 'b' is no time"),
    "empty": ("", ["--target", "kind"], loads(), "is empty"),
    "header only": (HEAD, ["--target", "kind"], loads(), "has no rows"),
    "one class": (HEAD + "1,x,1,p,2\n2,x,1,p,2\n", ["--target", "kind"], loads(), "one class only ('p')"),
    "missing": (HEAD + "1,x,1,,2\n2,x,1,p,2\n", ["--target", "kind"], loads(), "has 1 missing value"),
    "phases": (
        None,
        ["--target", "kind", "--phases", "1000"],
        compares(phases=DataIncremental(1000)),
        "1000 phases are too many for 40 rows",
    ),
    "one phase": (
        None,
        ["--target", "kind", "--phases", "1"],
        compares(phases=DataIncremental(1)),
        "n_phases must be an integer of at least 2, got 1",
    ),
    "policy": (
        None,
        ["--target", "kind", "--policies", "cold", "lukewarm"],
        compares(policies=("cold", "lukewarm")),
        "got 'lukewarm'",
    ),
    "no cold": (
        None,
        ["--target", "kind", "--policies", "warm"],
        compares(policies=["warm"]),
        "policies must hold 'cold'",
    ),
    "repeats": (
        None,
        ["--target", "kind", "--repeats", "0"],
        compares(n_repeats=0),
        "n_repeats must be an integer of at least 1, got 0",
    ),
    "rope": (
        None,
        ["--target", "kind", "--rope", "-1"],
        compares(rope=-1.0),
        "rope must be a number of at least 0 and finite, got -1.0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_the_words_of_the_value_error(
    case: str, data: Path, small: list[str], error_of: Callable[..., str]
) -> None:
    content, options, same, words = BAD[case]
    if content is not None:
        data.write_text(content, encoding="utf-8")
    message = error_of("compare", data, *small, *options)
    assert words in message
    with pytest.raises(ValueError) as caught:
        same(data)
    assert message == str(caught.value)


def test_a_column_to_drop_must_be_there(data: Path, error_of: Callable[..., str]) -> None:
    message = error_of("compare", data, "--target", "kind", "--drop", "number", "nope")
    assert "has no column 'nope'" in message


def test_a_missing_file(tmp_path: Path, error_of: Callable[..., str]) -> None:
    path = tmp_path / "none.csv"
    assert error_of("compare", path, "--target", "y") == f"there is no file {path}"


def test_a_file_that_is_no_table(tmp_path: Path, error_of: Callable[..., str]) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"nothing of the kind")
    assert error_of("compare", path, "--target", "y").startswith(f"{path} cannot be read as a table: ")


@pytest.mark.parametrize("name", [".", "missing/out.html"], ids=["a folder", "in no folder"])
def test_a_report_that_cannot_be_written_is_an_error_before_the_work(
    name: str, data: Path, tmp_path: Path, error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the comparison began")

    monkeypatch.setattr(WarmStartComparator, "fit", never)
    path = tmp_path / name
    message = error_of("compare", data, "--target", "kind", "--report", path)
    assert message == f"the report needs a file name in a folder that exists, got {path}"


def test_a_missing_extra_says_what_to_install(
    data: Path, error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sk_warmstart.cli._outputs.find_spec", lambda name: None)
    message = error_of("compare", data, "--target", "kind", "--report", "out.html")
    assert message == "matplotlib and jinja2 not installed: pip install 'sk-warmstart[report]'"
