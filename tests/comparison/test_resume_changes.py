"""A folder of finished fits is not taken for that of a comparison with other code or files, and mends itself."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pandas as pd
import pytest
from comparators import CLOCK, X, Y, comparator, net
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Checkpoint as SkorchCheckpoint

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.runs.interruption import _journal
from sk_warmstart.comparison.runs.interruption._journal import Journal
from sk_warmstart.comparison.runs.interruption._sources import sources_of

CODE = """
import helper_of_user
from torch import nn
from skorch.callbacks import Callback
from sk_warmstart.policies import ShrinkPerturb

WIDTH = 8

class Net(nn.Module):
    def __init__(self, n_features=4, n_outputs=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, WIDTH), nn.ReLU(), nn.Linear(WIDTH, n_outputs))

    def forward(self, X):
        return helper_of_user.passed(self.layers(X))

class Own(ShrinkPerturb):
    noted = "one"

class Watch(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.seen = "one"

def score(net, X, y):
    return net.score(X, y)
"""
HELPER = "def passed(value):\n    return value\n"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "code_of_user.py").write_text(CODE)
    (folder / "helper_of_user.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder
    for name in ("code_of_user", "helper_of_user"):
        sys.modules.pop(name, None)


def loaded() -> ModuleType:
    for name in ("code_of_user", "helper_of_user"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module("code_of_user")


def compared(folder: Path, **params: Any) -> Any:
    user = loaded()
    settings = {"phases": DataIncremental(2), "resume": folder, "scoring": user.score}
    policies = {"cold": "cold", "own": {"init_policy": user.Own()}}
    plain = WarmStartClassifier(module=user.Net, max_epochs=1, callbacks=[("watch", user.Watch())])
    return comparator(plain, policies=policies, **(settings | params)).fit(X, Y)


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("code_of_user.py", "nn.ReLU()", "nn.Sigmoid()", "code_of_user.Net"),
        ("code_of_user.py", "WIDTH = 8", "WIDTH = 2", "code_of_user.Net"),
        ("code_of_user.py", 'noted = "one"', 'noted = "two"', "code_of_user.Own"),
        ("code_of_user.py", 'seen = "one"', 'seen = "two"', "code_of_user.Watch"),
        ("code_of_user.py", "net.score(X, y)", "-net.score(X, y)", "code_of_user.score"),
        ("helper_of_user.py", "return value", "return 2 * value", "helper_of_user.passed"),
    ],
    ids=["module", "constant", "policy", "callback", "scorer", "helper"],
)
def test_edited_code_is_another_comparison(
    tmp_path: Path, code: Path, file: str, old: str, new: str, named: str
) -> None:
    compared(tmp_path / "kept")
    compared(tmp_path / "kept")
    text = (code / file).read_text()
    assert old in text
    (code / file).write_text(text.replace(old, new) + "\n")
    with pytest.raises(ValueError, match=f"differs in the code of {named}:"):
        compared(tmp_path / "kept")


def test_another_donor_under_the_same_path_is_another_comparison(tmp_path: Path) -> None:
    path, others = tmp_path / "donor.safetensors", X + 1  # rows that no phase tests
    Checkpoint.from_estimator(net(random_state=0).fit(others, Y)).save(path)
    arms: list[dict[str, Any]] = [{"policies": ("cold", "warm"), "estimator": net(warm_start_from=str(path))}]
    arms.append({"policies": {"cold": "cold", "given": {"init_policy": "warm", "warm_start_from": path}}})
    for number, settings in enumerate(arms):
        comparator(resume=tmp_path / f"kept{number}", **settings).fit(X, Y)
        comparator(resume=tmp_path / f"kept{number}", **settings).fit(X, Y)
    Checkpoint.from_estimator(net(random_state=1).fit(others, Y)).save(path)
    for number, settings in enumerate(arms):
        with pytest.raises(ValueError, match=r"differs in the file .*donor\.safetensors:"):
            comparator(resume=tmp_path / f"kept{number}", **settings).fit(X, Y)


def test_another_version_of_the_library_is_another_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparator(resume=tmp_path).fit(X, Y)
    monkeypatch.setattr("sk_warmstart.comparison.findings._versions.__version__", "99")
    with pytest.raises(ValueError, match="differs in versions:"):
        comparator(resume=tmp_path).fit(X, Y)


def test_code_of_the_libraries_and_files_that_callbacks_write_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "params.pt").write_text("old")
    callback = SkorchCheckpoint(f_params=str(tmp_path / "params.pt"))
    assert not sources_of(net(callbacks=[callback]), "no such file", "nul\0byte", ["x" * 10_000])


def test_a_folder_that_was_cut_off_at_its_beginning_is_used(tmp_path: Path) -> None:
    for name in ("tmpab12_xyz", "beginning-ab12_xyz"):
        (tmp_path / name).write_text("")
    (tmp_path / "writing-ab12_xyz").mkdir()
    (tmp_path / "writing-ab12_xyz" / "0-0-1-0-0.joblib").write_text("half")
    result = comparator(resume=tmp_path).fit(X, Y)
    again = comparator(resume=tmp_path).fit(X, Y)
    pd.testing.assert_frame_equal(result.gain_, again.gain_)


def test_what_killed_runs_were_writing_goes_after_an_hour(tmp_path: Path) -> None:
    comparator(resume=tmp_path).fit(X, Y)
    for name, age in (("writing-old", 7200), ("writing-new", 0)):
        (tmp_path / name).mkdir()
        then = os.stat(tmp_path).st_mtime - age
        os.utime(tmp_path / name, (then, then))
    comparator(resume=tmp_path).fit(X, Y)
    assert not (tmp_path / "writing-old").exists()
    assert (tmp_path / "writing-new").exists()


def test_of_two_that_begin_at_once_the_first_gives_the_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    write = _journal._write_once

    def overtaken(path: Path, text: str) -> None:
        monkeypatch.setattr(_journal, "_write_once", write)
        other.begin({"X": "a"}, [1, 2])
        write(path, text)

    monkeypatch.setattr(_journal, "_write_once", overtaken)
    assert one.begin({"X": "a"}, [3, 4]) == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.json"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["about", "seeds", "X"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(damaged=JSON.map(json.dumps).map(str.encode) | st.binary(max_size=30))
def test_a_damaged_beginning_is_said(damaged: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kept")
    try:
        (folder / "comparison.json").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"delete (the folder|this one) to begin anew"):
            Journal(folder).begin({"X": "a"}, [1])
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("other", [None, 3, {"estimator": 1}, {"a": 1}, ("a", "b")])
def test_a_pickle_of_something_else_is_done_again(tmp_path: Path, other: Any) -> None:
    whole = comparator(resume=tmp_path).fit(X, Y)
    joblib.dump(other, sorted(tmp_path.glob("step-*/*.joblib"))[1])
    again = comparator(resume=tmp_path).fit(X, Y)
    pd.testing.assert_frame_equal(again.gain_.drop(columns="seconds"), whole.gain_.drop(columns="seconds"))
    assert set(CLOCK) <= set(again.results_)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_journal, "_write_once", full)
    with pytest.raises(OSError, match=r"resume='.*' cannot be used: No space left"):
        comparator(resume=tmp_path / "kept").fit(X, Y)
