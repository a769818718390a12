"""Files that the command writes, and the terminal that it prints to."""

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest

from sk_warmstart import WarmStartComparator
from sk_warmstart.cli import main
from sk_warmstart.cli._outputs import write_whole
from sk_warmstart.cli._text import printable, write_line


def never(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("the comparison began")


@pytest.fixture
def unbegun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WarmStartComparator, "fit", never)


@pytest.fixture
def quick(data: Path, small: list[str]) -> list[str]:
    return ["compare", str(data), "--target", "kind", "--epochs", "1", "--quiet", *small]


@pytest.mark.usefixtures("unbegun")
@pytest.mark.parametrize("option", ["--save", "--report"])
def test_an_output_that_is_an_input_is_refused(
    option: str, data: Path, tmp_path: Path, error_of: Callable[..., str]
) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(data)
    message = error_of("compare", data, "--target", "kind", option, link)
    assert f"{link} would replace {data}, which is read: give it another name" in message


@pytest.mark.usefixtures("unbegun")
def test_a_report_does_not_replace_the_model_in_use(
    data: Path, tmp_path: Path, error_of: Callable[..., str]
) -> None:
    model = tmp_path / "model.json"
    model.write_text("{}", encoding="utf-8")
    argv = ["compare", data, "--target", "kind", "--incumbent", model]
    assert "which is read" in error_of(*argv, "--report", model)


@pytest.mark.usefixtures("unbegun")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["--report", "/proc/nothing.md"], "cannot write the report /proc/nothing.md: "),
        (["--save", "/proc/nothing"], "cannot write the estimator /proc/nothing: "),
        (["--report", "{0}/a.md", "{0}/../{1}/a.md"], "is named twice"),
        (["--report", "{0}/a.txt"], "a report is written as .html, .md or .json"),
        (["--save", "{0}/a.safetensors"], "would hold the network alone"),
        (["--save", "{0}/" + "a" * 300], "File name too long"),
    ],
    ids=["report", "estimator", "twice", "suffix", "safetensors", "long"],
)
def test_what_cannot_be_written_is_said_before_the_work(
    names: list[str], words: str, data: Path, tmp_path: Path, error_of: Callable[..., str]
) -> None:
    given = [name.format(tmp_path, tmp_path.name) for name in names]
    assert words in error_of("compare", data, "--target", "kind", *given)


@pytest.mark.usefixtures("unbegun")
def test_a_file_without_rights_is_said_before_the_work(
    data: Path, tmp_path: Path, error_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "out.md"
    report.write_text("old", encoding="utf-8")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    message = error_of("compare", data, "--target", "kind", "--report", report)
    assert message == f"cannot write the report {report}: it may not be written to"
    assert report.read_text(encoding="utf-8") == "old"


def test_all_outputs_are_tried_and_the_table_comes_first(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good, model = (tmp_path / name for name in ("a.md", "b.json", "m.joblib"))
    report = WarmStartComparator.report

    def full(comparator: WarmStartComparator, path: Path) -> Any:
        if path.suffix == ".md":
            path.write_text("half", encoding="utf-8")
            raise OSError(28, "No space left on device")
        return report(comparator, path)

    monkeypatch.setattr(WarmStartComparator, "report", full)
    bad.write_text("the report of yesterday", encoding="utf-8")
    assert main([*quick, "--report", str(bad), str(good), "--save", str(model)]) == 2
    out, err = capsys.readouterr()
    assert "verdict" in out
    assert err == f"sk-warmstart: error: cannot write the report {bad}: No space left on device\n"
    assert bad.read_text(encoding="utf-8") == "the report of yesterday"
    assert json.loads(good.read_text(encoding="utf-8"))["score"] == "accuracy"
    assert hasattr(joblib.load(model), "predict")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.md", "b.json", "m.joblib", "t.csv"]


def test_a_save_that_breaks_leaves_the_model_in_use(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.joblib"
    assert main([*quick, "--save", str(model)]) == 0
    before = model.read_bytes()

    def broken(value: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(joblib, "dump", broken)
    assert main([*quick, "--incumbent", str(model), "--save", str(model)]) == 2
    assert "cannot write the estimator" in capsys.readouterr().err
    assert model.read_bytes() == before


def test_rights_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "m", tmp_path / "current"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    link.symlink_to(path)
    write_whole(str(link), lambda partial: partial.write_text("new", encoding="utf-8"))
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe_loses_no_file(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "out.json"
    monkeypatch.setattr(sys, "stdout", Broken())
    assert main([*quick, "--report", str(report)]) == 2
    assert capsys.readouterr().err == "sk-warmstart: error: cannot print the results: Broken pipe\n"
    assert json.loads(report.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("options", "encoding"), [([], "cp932"), (["--json"], "cp1252")])
def test_any_encoding_of_the_terminal(
    quick: list[str],
    options: list[str],
    encoding: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline=""))
    assert main([*quick, "--drop", "day", *options]) == 0
    sys.stdout.flush()
    assert capsys.readouterr().err == ""
    text = raw.getvalue().decode(encoding)
    assert json.loads(text)["score"] == "accuracy" if options else "verdict" in text


@pytest.mark.slow
def test_a_process_whose_terminal_has_few_letters(quick: list[str]) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    argv = [*quick, "--drop", "day"]
    done = subprocess.run([sys.executable, "-m", "sk_warmstart", *argv], capture_output=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "verdict" in done.stdout.decode("ascii")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_line_is_written_in_letters_of_the_terminal(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    write_line("≤0.71 日本", stream)
    stream.flush()
    expected = "≤0.71 日本\n" if encoding == "utf-8" else "<=0.71 \\u65e5\\u672c\n"
    assert raw.getvalue().decode(encoding) == expected


def test_control_characters_are_written_as_escapes() -> None:
    assert printable("a\x1b[31m\x9b\u202e\nb") == "a\\x1b[31m\\x9b\\u202e\nb"


def test_a_header_cannot_drive_the_terminal(data: Path, error_of: Callable[..., str]) -> None:
    data.write_text("a\x1b[2J,b\n1,2\n3,4\n", encoding="utf-8")
    message = error_of("compare", data, "--target", "y")
    assert "\x1b" not in message
    assert "a\\x1b[2J" in message


def test_after_ctrl_c_the_status_is_130_also_with_results(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = WarmStartComparator.fit

    def stopped(comparator: WarmStartComparator, *args: Any, **params: Any) -> Any:
        fit(comparator, *args, **params)
        comparator.interrupted_ = "interrupted: 1 of 2 replicates are complete"
        return comparator

    monkeypatch.setattr(WarmStartComparator, "fit", stopped)
    model = tmp_path / "m.joblib"
    assert main([*quick, "--save", str(model)]) == 130
    out, err = capsys.readouterr()
    assert "verdict" in out
    assert "no estimator is saved" in err
    assert not model.exists()
