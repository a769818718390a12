import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

import sk_warmstart
from sk_warmstart import (
    ClassIncremental,
    DataIncremental,
    OldAndNew,
    RollingWindow,
    WarmStartClassifier,
    WarmStartComparator,
)
from sk_warmstart.cli import TableData, build_parser, default_pipeline, format_gain, load_table, main, read_tables
from sk_warmstart.cli._options import make_phases

N = 40
SMALL = ["--repeats", "2", "--phases", "2", "--jobs", "1", "--policies", "cold", "warm"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    a = rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "a": a,
            "b": rng.choice(["x", "y", "z"], N),
            "day": pd.date_range("2024-01-01", periods=N)[rng.permutation(N)].astype(str),
            "kind": np.where(a > 0, "plus", "minus"),
            "number": a * 2.5 + 1,
        }
    )
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_it_prints_the_table_and_a_sentence_and_writes_the_report(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "out.html"
    assert main(["compare", str(data), "--target", "kind", "--report", str(report), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for column in ("score", "gain", "P(better)", "speed-up", "reached", "verdict"):
        assert column in out
    lines = [line for line in out.splitlines() if line.startswith(("cold ", "warm "))]
    assert [line.split()[0] for line in lines] == ["cold", "warm", "warm"]
    assert lines[0].endswith("reference")
    assert lines[2].startswith("warm is ")
    assert "accuracy" in lines[2]
    assert f"The report is in {report}" in out
    assert "warm is " in report.read_text(encoding="utf-8")


def test_through_time(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Three phases: after the base fit two retrainings on one stream, the same in every replicate.
    options = ["--target", "number", "--time", "day", *SMALL, "--phases", "3"]
    assert main(["compare", str(data), *options]) == 0
    assert "warm is " in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.slow
def test_it_says_what_the_python_interface_says(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(data), "--target", "kind", "--seed", "3", *SMALL]) == 0
    X, y, task = load_table(data, "kind")
    comparator = WarmStartComparator(
        default_pipeline(X, task, np.unique(y)),
        ("cold", "warm"),
        DataIncremental(2),
        n_repeats=2,
        refit=None,
        random_state=3,
    ).fit(X, y)
    assert comparator.summary_[0] in capsys.readouterr().out


def test_what_is_unknown_is_a_dash() -> None:
    nan = float("nan")
    columns = [
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
        *("speedup", "speedup_low", "speedup_high", "speedup_bound", "reached", "seconds", "verdict", "cost"),
    ]
    open_ = "undecided"
    rows = {
        "cold": (0.9, 0.0, nan, nan, nan, nan, nan, 1.0, nan, nan, "exact", 1.0, 2.0, "reference", ""),
        "warm": (0.95, 0.05, 0.03, 0.07, 0.99, 0.01, 0.0, 2.5, 1.5, 4.0, "exact", 0.5, 1.0, "beneficial", "cheap"),
        "odd": (0.9, -0.001, nan, nan, nan, nan, nan, nan, nan, nan, "open", 0.0, 1.0, open_, open_),
        "late": (0.9, 0.0, -0.1, 0.1, 0.2, 0.6, 0.2, 1.2, 0.0, 2.0, "at most", 0.5, 1.0, "neutral", open_),
    }
    lines = format_gain(pd.DataFrame.from_dict(rows, orient="index", columns=columns)).splitlines()
    assert lines[1].split() == ["cold", "0.9000", "-", "-", "-", "-", "-", "100%", "2.00", "reference"]
    assert lines[2].split() == [
        *("warm", "0.9500", "+0.0500", "[+0.0300,", "+0.0700]", "99%", "1%", "0%", "2.5", "[1.5,", "4]"),
        *("50%", "1.00", "beneficial", "cheap"),
    ]
    assert lines[3].split() == [
        "odd",
        "0.9000",
        "-0.0010",
        "-",
        "-",
        "-",
        "-",
        "0%",
        "1.00",
        "undecided",
        "undecided",
    ]
    assert "\u22641.2 [0, 2]" in lines[4]


def test_defaults() -> None:
    options = build_parser().parse_args(["compare", "digits"])
    given = {
        name: value
        for name, value in vars(options).items()
        if value is not None and value is not False and value != []
    }
    assert given == {
        "command": "compare",
        "data": ["digits"],
        "policies": ["cold", "warm", "shrink_perturb"],
        "repeats": 10,
        "rope": 0.01,
        "confidence": 0.95,
        "seed": 0,
        "jobs": -1,
    }


# -- how the rows arrive ---------------------------------------------------------------------------------


def phases_of(*argv: str, n: int = 120, n_old: int = 0, task: str = "classification") -> Any:
    options = build_parser().parse_args(["compare", "t.csv", *argv])
    X = pd.DataFrame({"a": np.arange(n)})
    return make_phases(options, TableData(X, np.zeros(n), task, n_old=n_old))


@pytest.mark.parametrize(
    ("argv", "phases"),
    [
        ([], DataIncremental(5)),
        (["--phases", "3", "--test-size", "0.5"], DataIncremental(3, 0.5)),
        (["--classes"], ClassIncremental(5)),
        (["--time", "day"], TimeSeriesSplit(5)),
        (["--time", "day", "--sliding", "--phases", "11"], RollingWindow(10)),
        (["--time", "day", "--window", "30"], RollingWindow(30, expanding=True)),
        (["--time", "day", "--every", "month"], RollingWindow(1, step=1, expanding=True)),
        (["--time", "day", "--every", "week", "--sliding", "--window", "4"], RollingWindow(4, step=1)),
    ],
)
def test_phases_of_one_table(argv: list[str], phases: Any) -> None:
    made = phases_of(*argv)
    assert type(made) is type(phases)
    assert vars(made) == vars(phases)


def test_phases_of_two_tables() -> None:
    assert vars(phases_of(n_old=90)) == vars(OldAndNew(90))
    made = phases_of("--new-only", "--phases", "4", "--test-size", "0.4", n_old=90)
    assert vars(made) == vars(OldAndNew(90, 4, test_size=0.4, keep_old=False))


@pytest.mark.parametrize(
    ("argv", "n_old", "words"),
    [
        (["--sliding"], 0, "--sliding needs --time"),
        (["--window", "3"], 0, "--window needs --time"),
        (["--new-only"], 0, "--new-only needs two files"),
        (["--classes", "--time", "a"], 0, "--classes is for one table"),
        (["--classes"], 9, "--classes is for one table"),
        (["--time", "a", "--test-size", "0.2"], 0, "--test-size does not go with --time"),
        (["--time", "a", "--every", "month", "--phases", "3"], 0, "leave --phases out"),
        (["--time", "a", "--every", "month", "--groups", "b"], 0, "leave --groups out"),
        (["--time", "a", "--window", "9", "--phases", "3"], 0, "leave --phases out"),
    ],
)
def test_options_that_do_not_go_together(argv: list[str], n_old: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        phases_of(*argv, n_old=n_old)


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


def test_an_old_table_and_a_new_one(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.read_csv(data)
    old, new, out = tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "out.json"
    frame[:25].drop(columns="b").to_csv(old, index=False)
    frame[25:].assign(extra=1.0).to_csv(new, index=False)
    table = read_tables([old, new], "kind")
    assert table.n_old == 25
    assert list(table.X) == ["a", "day", "number", "b", "extra"]
    argv = [
        "compare",
        str(old),
        str(new),
        "--target",
        "kind",
        "--repeats",
        "2",
        "--jobs",
        "1",
        "--report",
        str(out),
    ]
    assert main([*argv, "--epochs", "3"]) == 0
    result = json.loads(out.read_text())
    assert "OldAndNew(n_old=25)" in result["settings"]["phases"]
    assert main(["compare", str(old), str(new), "--target", "kind", "--time", "day"]) == 2
    assert "--time and 'digits' go with one table only" in capsys.readouterr().err
    assert main(["compare", str(old), str(new), str(new), "--target", "kind"]) == 2
    assert "give one table, or an old and a new one, not 3" in capsys.readouterr().err


# -- what it can do besides ------------------------------------------------------------------------------


def test_options_of_training_and_tuning_reach_the_comparison(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        *("compare", str(data), "--target", "kind", *SMALL[:-1], "shrink_perturb", "--json", "--quiet"),
        *("--tune", "shrink_perturb.shrink=0.2,1.0", "--epochs", "2", "--hidden", "6", "--lr", "0.05"),
        *("--batch-size", "8", "--early-stopping", "no", "--scoring", "balanced_accuracy", "--confidence", "0.9"),
        *("--one-by-one", "--resume", str(tmp_path / "kept")),
    ]
    assert main(argv) == 0
    first = json.loads(capsys.readouterr().out)
    told = first["settings"]["estimator"]
    for words in ("max_epochs=2", "lr=0.05", "batch_size=8", "module__hidden_layer_sizes=(6,)"):
        assert words in told
    assert (first["score"], first["confidence"]) == ("balanced_accuracy", 0.9)
    columns = first["results"]["columns"]
    chosen = {row[columns.index("chosen")] for row in first["results"]["data"]}
    assert chosen <= {"", "init_policy__shrink=0.2", "init_policy__shrink=1.0"}
    assert len(chosen) > 1
    assert main(argv) == 0
    again = json.loads(capsys.readouterr().out)
    assert all(again[table] == first[table] for table in ("gain", "results", "curves"))  # from the folder
    assert main([*argv, "--seed", "1"]) == 2
    assert "holds another comparison, which differs in random_state" in capsys.readouterr().err


def test_the_best_estimator_is_saved_and_an_incumbent_loaded(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.joblib"
    argv = [
        "compare",
        str(data),
        "--target",
        "kind",
        *SMALL,
        "--epochs",
        "40",
        "--lr",
        "0.05",
        "--save",
        str(model),
    ]
    assert main(argv) == 0
    assert f"The best estimator is in {model}" in capsys.readouterr().out
    saved = joblib.load(model)
    X, y, _ = load_table(data, "kind")
    assert saved.score(X, y) > 0.9
    assert main([*argv, "--incumbent", str(model)]) == 0
    out, err = capsys.readouterr()
    assert "incumbent is" in out
    assert "the incumbent was trained on 100% of the rows" in err
    assert f"The incumbent, as nothing was shown to be better, is in {model}" in out
    assert main(["compare", str(data), "--target", "kind", "--incumbent", str(tmp_path / "no")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert main(["compare", str(data), "--target", "kind", "--incumbent", str(data)]) == 2
    assert "cannot be read as a saved estimator" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["shrink=1", "dash.shrink", "dash.shrink=", ".shrink=1", "dash.=1"])
def test_a_grid_that_is_none(option: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(data), "--target", "kind", "--tune", option]) == 2
    assert message_of(capsys.readouterr().err) == f"--tune takes policy.parameter=value,value, got {option!r}"


# -- bad input -------------------------------------------------------------------------------------------


def message_of(err: str) -> str:
    """The only line there is, without its beginning."""
    assert err.count("\n") == 1
    assert err.startswith("sk-warmstart")
    assert "Traceback" not in err
    before, _, message = err.rstrip("\n").partition("error: ")
    assert before in ("sk-warmstart: ", "sk-warmstart compare: ")
    return message


def loads(target: str | None = "kind", time: str | None = None) -> Callable[[Path], Any]:
    return lambda path: load_table(path, target, time)


def compares(**params: Any) -> Callable[[Path], Any]:
    def run(path: Path) -> None:
        X, y, _ = load_table(path, "kind")
        given = {
            "policies": ("cold", "warm"),
            "phases": DataIncremental(2),
            "n_repeats": 2,
            "random_state": 0,
        } | params
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
        ["--target", "kind", *SMALL, "--phases", "1000"],
        compares(phases=DataIncremental(1000)),
        "1000 phases are too many for 40 rows",
    ),
    "one phase": (
        None,
        ["--target", "kind", *SMALL, "--phases", "1"],
        compares(phases=DataIncremental(1)),
        "n_phases must be an integer of at least 2, got 1",
    ),
    "policy": (
        None,
        ["--target", "kind", *SMALL, "--policies", "cold", "lukewarm"],
        compares(policies=("cold", "lukewarm")),
        "got 'lukewarm'",
    ),
    "no cold": (
        None,
        ["--target", "kind", *SMALL, "--policies", "warm"],
        compares(policies=["warm"]),
        "policies must hold 'cold'",
    ),
    "repeats": (
        None,
        ["--target", "kind", *SMALL, "--repeats", "0"],
        compares(n_repeats=0),
        "n_repeats must be an integer of at least 1, got 0",
    ),
    "rope": (
        None,
        ["--target", "kind", *SMALL, "--rope", "-1"],
        compares(rope=-1.0),
        "rope must be a number of at least 0 and finite, got -1.0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_with_the_words_of_the_value_error(
    case: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, options, same, words = BAD[case]
    if content is not None:
        data.write_text(content, encoding="utf-8")
    assert main(["compare", str(data), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    message = message_of(err)
    assert words in message
    with pytest.raises(ValueError) as caught:
        same(data)
    assert message == str(caught.value)


def test_a_column_to_drop_must_be_there(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(data), "--target", "kind", "--drop", "number", "nope"]) == 2
    assert "has no column 'nope'" in message_of(capsys.readouterr().err)


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.csv"
    assert main(["compare", str(path), "--target", "y"]) == 2
    assert message_of(capsys.readouterr().err) == f"there is no file {path}"


def test_a_file_that_is_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"nothing of the kind")
    assert main(["compare", str(path), "--target", "y"]) == 2
    assert message_of(capsys.readouterr().err).startswith(f"{path} cannot be read as a table: ")


@pytest.mark.parametrize("name", [".", "missing/out.html"], ids=["a folder", "in no folder"])
def test_a_report_that_cannot_be_written_is_told_before_the_work(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the comparison began")

    monkeypatch.setattr(WarmStartComparator, "fit", never)
    path = tmp_path / name
    assert main(["compare", str(data), "--target", "kind", "--report", str(path)]) == 2
    message = message_of(capsys.readouterr().err)
    assert message == f"the report needs a file name in a folder that exists, got {path}"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["compare"], "the following arguments are required: DATA"),
        (["compare", "digits", "--colour", "red"], "unrecognized arguments: --colour red"),
        (["compare", "digits", "--phases", "many"], "argument --phases: invalid int value: 'many'"),
        (["compare", "digits", "--policies"], "argument --policies: expected at least one argument"),
    ],
)
def test_options_that_are_not_understood(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert words in message_of(capsys.readouterr().err)


def test_a_mistake_of_the_program_is_not_taken_for_bad_input(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(WarmStartClassifier, "fit", broken)
    with pytest.raises(RuntimeError, match="inside"):
        main(["compare", str(data), "--target", "kind", *SMALL])


def test_a_missing_extra_says_what_to_install(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sk_warmstart.cli._main.find_spec", lambda name: None)
    assert main(["compare", str(data), "--target", "kind", "--report", "out.html"]) == 2
    message = message_of(capsys.readouterr().err)
    assert message == "matplotlib and jinja2 not installed: pip install 'sk-warmstart[report]'"


def test_interrupted(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(WarmStartComparator, "fit", stop)
    assert main(["compare", str(data), "--target", "kind", *SMALL]) == 130
    assert capsys.readouterr().err == "sk-warmstart: interrupted\n"


@pytest.mark.slow
def test_the_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sk_warmstart", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"sk-warmstart {sk_warmstart.__version__}\n")
