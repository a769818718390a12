"""Stores that others write to, that were cut short, or that hold what is none of ours."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_warmstart import WarmStartClassifier
from sk_warmstart.state import Checkpoint, CheckpointError, CheckpointStore, Donor, Lineage, NetState
from sk_warmstart.state.files import _store
from sk_warmstart.state.files._container import pack

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
ROOT = os.geteuid() == 0 if hasattr(os, "geteuid") else False


def checkpoint(number: float, **lineage: Any) -> Checkpoint:
    state = NetState({"w": torch.tensor([float(number)])}, {"w"})
    return Checkpoint.from_donor(Donor(state, lineage=Lineage(**lineage)))


def number_of(found: Checkpoint) -> float:
    return float(found.state["w"])


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "store")


def without_line(store: CheckpointStore, place: int) -> None:
    """Take a line out of the log, as a kill between a file and its line leaves it."""
    log = store.folder / "log.jsonl"
    lines = [line for line in log.read_text().split("\n") if line]
    del lines[place]
    log.write_text("\n".join(lines))


# ---------------------------------------------------------------- latest goes by time


@pytest.mark.parametrize("lost", range(4))
def test_a_file_without_a_line_stands_where_its_time_says(store: CheckpointStore, lost: int) -> None:
    ids = []
    for day in range(4):
        ids.append(store.put(checkpoint(day)))
        time_of(store, ids[-1], f"2026-01-0{day + 1}T00:00:00.000+00:00")
    without_line(store, lost)
    assert store.history()["id"].tolist() == ids
    assert number_of(store.get("latest")) == 3
    assert store.prune(1) == sorted(ids[:3])
    assert number_of(store.get("latest")) == 3


def time_of(store: CheckpointStore, which: str, moment: str) -> None:
    """Give file and line of a checkpoint another time."""
    path = store.folder / f"{which}.safetensors"
    made = Checkpoint.load(path)
    meta = {key: value for key, value in made._meta.items() if key not in ("version", "digest")}
    path.write_bytes(pack({n: made._tensor(n) for n in made._entries}, meta | {"created": moment}).tobytes())
    log = store.folder / "log.jsonl"
    records = [json.loads(line) for line in log.read_text().split("\n") if line]
    log.write_text("\n".join(json.dumps(r | {"time": moment} if r["id"] == which else r) for r in records) + "\n")


def test_a_copy_under_another_name_is_no_other_put(store: CheckpointStore) -> None:
    first, second = store.put(checkpoint(1)), store.put(checkpoint(2))
    for name in ("mine", "0123456789abcdef", "zzz"):
        shutil.copy(store.folder / f"{first}.safetensors", store.folder / f"{name}.safetensors")
    assert number_of(store.get("latest")) == 2
    assert store.history()["id"].tolist() == [first, second]
    assert store.prune(1) == [first]
    assert (store.folder / "mine.safetensors").exists()


# ---------------------------------------------------------------- ids


def test_models_that_differ_have_different_ids(store: CheckpointStore) -> None:
    common: dict[str, Any] = {"max_epochs": 2, "random_state": 0, "module__hidden_layer_sizes": (4,)}
    made = [
        WarmStartClassifier(**common).fit(X, Y),
        WarmStartClassifier(**common).fit(X, np.array(["no", "yes"])[Y]),
        WarmStartClassifier(**common).fit(X, np.array(["cat", "dog"])[Y]),
        WarmStartClassifier(**common).fit(pd.DataFrame(X, columns=list("abc")), Y),
        WarmStartClassifier(**common).fit(pd.DataFrame(X, columns=["a", "b", "x"]), Y),
        WarmStartClassifier(**common, standardize=True).fit(X, Y),
        WarmStartClassifier(**common, standardize=True).fit(X * 1024, Y),
        WarmStartClassifier(**common, optimizer=torch.optim.Adam).fit(X, Y),
    ]
    ids = [store.put(net) for net in made]
    assert len(set(ids)) == len(store) == len(made)
    for net, which in zip(made, ids, strict=True):
        assert store.get(which).classes.tolist() == net.classes_.tolist()  # type: ignore[union-attr]


def test_equal_fits_have_equal_ids() -> None:
    def made() -> Checkpoint:
        return Checkpoint.from_estimator(WarmStartClassifier(max_epochs=2, random_state=0).fit(X, Y))

    assert made().id == made().id


def test_a_loaded_state_keeps_its_id(tmp_path: Path) -> None:
    old = Checkpoint.load(Path(__file__).parents[1] / "data" / "checkpoint_v1.safetensors")
    assert old.donor().id == old.id


@pytest.mark.parametrize(
    "name", ["../outside/pwn", "/abs/path", "latest", "best", "", ".hidden", "A" * 16, "0" * 15]
)
def test_a_file_names_no_place_outside_of_the_store(store: CheckpointStore, name: str, tmp_path: Path) -> None:
    made = checkpoint(1)
    meta = {key: value for key, value in made._meta.items() if key not in ("version", "digest")}
    raw = pack({n: made._tensor(n) for n in made._entries}, meta | {"id": name})
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(raw.tobytes())
    with pytest.raises(CheckpointError, match="16 hexadecimal digits"):
        Checkpoint.load(path)
    with pytest.raises(CheckpointError, match="no id of a checkpoint"):
        store.put(Checkpoint(raw))
    assert [file.name for file in store.folder.iterdir()] == []


# ---------------------------------------------------------------- a log with other lines


GOOD = '{"event": "put", "id": "0123456789abcdef", "time": "2026-01-01T00:00:00+00:00"}'
LINES = [
    '{"event":"put","id":"x","score":"high"}',
    "[1]",
    "3",
    '{"event":"put","id":"0123456789abcdef","score":' + "9" * 400 + "}",
    "[" * 200_000,
    '{"event":"put","id":"\\ud800"}',
    GOOD,
    GOOD.replace('"put"', "1"),
    GOOD.replace("2026", "nineteen"),
    "\x00" * 50,
]


@pytest.mark.parametrize("line", LINES)
def test_lines_that_are_no_records_are_skipped(store: CheckpointStore, line: str) -> None:
    first = store.put(checkpoint(1), score=0.5)
    with open(store.folder / "log.jsonl", "a", encoding="utf-8", errors="surrogatepass") as file:
        file.write(f"\n{line}\n")
    second = store.put(checkpoint(2), score=0.4)
    assert store.history()["id"].tolist() == [first, second]
    assert (number_of(store.get("latest")), number_of(store.get("best"))) == (2, 1)
    assert store.prune(1) == []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@settings(max_examples=examples(50), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["event", "id", "time", "score", "parent", "policy", "rows", "nbytes"]),
        SCALARS | st.just("put") | st.just("0123456789abcdef") | st.just("2026-01-01T00:00:00"),
    )
)
def test_any_line_leaves_the_store_usable(tmp_path_factory: Any, record: dict[str, Any]) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("store"))
    store.put(checkpoint(1))
    with open(store.folder / "log.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    store.put(checkpoint(2))
    assert number_of(store.get("latest")) == 2
    store.lineage()
    store.prune(1)


@pytest.mark.skipif(ROOT, reason="the superuser may read everything")
def test_a_folder_without_rights(store: CheckpointStore) -> None:  # pragma: no cover - not as root
    store.put(checkpoint(1))
    (store.folder / "log.jsonl").chmod(0)
    with pytest.raises(CheckpointError, match="cannot read"):
        store.history()
    store.folder.chmod(0)
    with pytest.raises(CheckpointError, match="cannot look into"):
        len(store)
    store.folder.chmod(0o700)


def test_a_folder_that_is_gone(store: CheckpointStore) -> None:
    shutil.rmtree(store.folder)
    with pytest.raises(CheckpointError, match="cannot look into"):
        store.get()


# ---------------------------------------------------------------- files


def test_a_saved_file_keeps_its_rights_and_its_link(tmp_path: Path) -> None:
    target, link = tmp_path / "shared" / "v1.safetensors", tmp_path / "current.safetensors"
    target.parent.mkdir()
    checkpoint(1).save(target)
    target.chmod(0o600)
    link.symlink_to(target)
    checkpoint(2).save(link)
    assert link.is_symlink()
    assert number_of(Checkpoint.load(target)) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in target.parent.iterdir()] == ["v1.safetensors"]


def test_long_names_and_odd_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("n" * 242 + ".safetensors")
    checkpoint(1).save(long)
    assert number_of(Checkpoint.load(os.fsencode(long))) == 1
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for odd in ("with\0nul", loop):
        with pytest.raises(CheckpointError, match="cannot write"):
            checkpoint(1).save(odd)
        with pytest.raises(CheckpointError, match="cannot open"):
            Checkpoint.load(odd)
    with pytest.raises(TypeError, match="path must be the path of a file, got NoneType"):
        Checkpoint.load(None)  # type: ignore[arg-type]
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore("relative")
    store.put(checkpoint(1))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(store) == 1


def test_what_is_no_file_of_ours_is_not_read(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with open(sparse, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(CheckpointError, match="damaged"):
        Checkpoint.load(sparse)
    good = tmp_path / "good"
    checkpoint(1).save(good)
    with open(good, "ab") as file:
        file.truncate(2**40)
    with pytest.raises(CheckpointError, match="that of another file"):
        Checkpoint.load(good)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for odd in (pipe, tmp_path, Path(os.devnull)):
        with pytest.raises(CheckpointError, match=r"it is no file|Is a directory"):
            Checkpoint.load(odd)


def test_prune_takes_numbers_of_numpy(store: CheckpointStore) -> None:
    first = store.put(checkpoint(1))
    store.put(checkpoint(2))
    assert store.prune(np.int64(1)) == [first]  # type: ignore[arg-type]


# ---------------------------------------------------------------- other processes


def test_what_was_put_while_prune_looks_stays(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_store, "fcntl", None)  # as where the system has no locks
    ids = [store.put(checkpoint(i)) for i in range(4)]
    real = CheckpointStore._history

    def others_put(self: CheckpointStore, present: set[str]) -> Any:
        table = real(self, present)
        monkeypatch.setattr(CheckpointStore, "_history", real)
        CheckpointStore(self.folder).put(checkpoint(9))
        CheckpointStore(self.folder).put(checkpoint(0))  # the oldest, put once more
        return table

    monkeypatch.setattr(CheckpointStore, "_history", others_put)
    removed = store.prune(1)
    assert removed == sorted(ids[1:3])
    assert number_of(store.get("latest")) == 0
    assert len(store) == 3


def test_get_looks_again_where_prune_was_faster(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(checkpoint(1), score=0.1)
    gone = store.put(checkpoint(2), score=0.2)
    real = CheckpointStore._find

    def pruned(self: CheckpointStore, which: str) -> str:
        monkeypatch.setattr(CheckpointStore, "_find", real)
        found = real(self, which)
        (self.folder / f"{gone}.safetensors").unlink()
        return found

    monkeypatch.setattr(CheckpointStore, "_find", pruned)
    assert number_of(store.get("latest")) == 1


_PUTS = """
import sys, time
import torch
from sk_warmstart.state import Checkpoint, CheckpointStore, Donor, Lineage, NetState
folder, first, seconds, most = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
store, end, i = CheckpointStore(folder), time.monotonic() + seconds, 0
while time.monotonic() < end and i < most:
    number = float(first + i)
    state = NetState({"w": torch.tensor([number], dtype=torch.float64)}, {"w"})
    store.put(Checkpoint.from_donor(Donor(state, lineage=Lineage())))
    store.prune(3)
    i += 1
"""


def check_two_processes(folder: Path, seconds: float, most: int) -> None:
    store = CheckpointStore(folder)
    runs = [
        subprocess.Popen([sys.executable, "-c", _PUTS, str(folder), str(first), str(seconds), str(most)])
        for first in (0, 10**6)
    ]
    assert [run.wait() for run in runs] == [0, 0]
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().split("\n") if line]
    puts: list[str] = []
    for event in events:
        if event["event"] == "put":
            puts.append(event["id"])
        else:
            assert event["id"] not in puts[-3:], "one of the latest was removed"
    assert set(puts[-3:]) <= set(store)


def test_two_processes_put_and_prune(tmp_path: Path) -> None:
    check_two_processes(tmp_path / "store", 600, 40)


@pytest.mark.long
def test_two_processes_put_and_prune_for_a_minute(tmp_path: Path) -> None:
    check_two_processes(tmp_path / "store", 60, 10**9)


# One process that has imported everything forks those that are killed.
_KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from sk_warmstart.state import Checkpoint, CheckpointStore, Donor, Lineage, NetState

def checkpoint(number):
    return Checkpoint.from_donor(Donor(NetState({"w": torch.tensor([float(number)])}, {"w"}), lineage=Lineage()))

rng = random.Random(0)
for trial in range(40):
    store = CheckpointStore(Path(sys.argv[1]) / str(trial))
    store.put(checkpoint(1))
    child = os.fork()
    if child == 0:
        try:
            store.put(checkpoint(2))
        finally:
            os._exit(0)
    end = time.perf_counter() + rng.random() * 0.004
    while time.perf_counter() < end:
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    loaded = [float(Checkpoint.load(store.folder / f"{name}.safetensors").state["w"]) for name in store]
    assert float(store.get("latest").state["w"]) == (2 if 2 in loaded else 1)
    store.put(checkpoint(3))
    assert float(store.get("latest").state["w"]) == 3
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_kill_at_any_moment_of_put(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLS, str(tmp_path)], check=True)


# ---------------------------------------------------------------- names without files, files that are none


def _link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and pipes")
@pytest.mark.parametrize("which", ["latest", "the id"])
@pytest.mark.parametrize("replace", [_link_to_nowhere, _link_to_itself, _folder, _pipe])
def test_a_name_without_its_file_is_an_error(store: CheckpointStore, replace: Any, which: str) -> None:
    name = store.put(checkpoint(1))
    replace(store._path(name))
    with pytest.raises(CheckpointError, match=name):
        store.get(which if which == "latest" else name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_log_that_is_a_pipe_is_not_waited_for(store: CheckpointStore) -> None:
    store.put(checkpoint(1))
    _pipe(store.folder / "log.jsonl")
    with pytest.raises(CheckpointError, match="it is no file"):
        store.history()


def test_no_name_is_no_checkpoint(store: CheckpointStore) -> None:
    store.put(checkpoint(1))
    with pytest.raises(KeyError):
        store.get("")
