import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sk_warmstart
from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.cli import default_pipeline, load_table, main


@pytest.mark.slow
def test_it_prints_the_table_and_a_sentence_and_writes_the_report(
    data: Path, small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "out.html"
    assert main(["compare", str(data), "--target", "kind", "--report", str(report), "--epochs", "5", *small]) == 0
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


def test_through_time(data: Path, small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    # Three phases: after the base fit two retrainings on one stream, the same in every replicate.
    options = ["--target", "number", "--time", "day", *small, "--phases", "3", "--epochs", "5"]
    assert main(["compare", str(data), *options]) == 0
    assert "warm is " in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.slow
def test_it_says_what_the_python_interface_says(
    data: Path, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(data), "--target", "kind", "--seed", "3", "--epochs", "5", *small]) == 0
    X, y, task = load_table(data, "kind")
    comparator = WarmStartComparator(
        default_pipeline(X, task, np.unique(y)).set_params(warmstartclassifier__max_epochs=5),
        ("cold", "warm"),
        DataIncremental(2),
        n_repeats=2,
        refit=None,
        random_state=3,
    ).fit(X, y)
    assert comparator.summary_[0] in capsys.readouterr().out


def test_options_of_training_and_tuning_reach_the_comparison(
    data: Path, small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        *("compare", str(data), "--target", "kind", *small[:-1], "shrink_perturb", "--json", "--quiet"),
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


def test_a_mistake_of_the_program_is_not_taken_for_bad_input(
    data: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(WarmStartClassifier, "fit", broken)
    with pytest.raises(RuntimeError, match="inside"):
        main(["compare", str(data), "--target", "kind", *small])


def test_interrupted(
    data: Path, small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(WarmStartComparator, "fit", stop)
    assert main(["compare", str(data), "--target", "kind", *small]) == 130
    assert capsys.readouterr().err == "sk-warmstart: interrupted\n"


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"sk-warmstart {sk_warmstart.__version__}\n"


@pytest.mark.slow
def test_what_only_reports_need_is_not_imported() -> None:
    code = (
        "import sys, sk_warmstart.cli; print([name for name in ('matplotlib', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
