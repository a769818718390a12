"""Files that are cut off, changed, hostile or none of ours: an error with words, and nothing else happens."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.state import Checkpoint, CheckpointError, CheckpointStore, Donor, NetState, Schema
from sk_warmstart.state.files import _container
from sk_warmstart.state.files._container import pack, read_tensor, unpack


def small(fill: float = 1.0) -> Checkpoint:
    state = NetState({"w": torch.full((2, 3), fill), "n": torch.tensor(3)}, {"w"})
    return Checkpoint.from_donor(Donor(state, Schema(3, classes=np.array(["a", "b"]))))


def content() -> bytearray:
    return bytearray(small()._raw.tobytes())


def refused(raw: bytes | bytearray, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        unpack(np.frombuffer(bytes(raw), dtype=np.uint8))


def with_header(header: Any, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload


def sealed(raw: bytes) -> bytes:
    """As someone would who can compute the digest."""
    array = np.frombuffer(bytearray(raw), dtype=np.uint8)
    at = _container._place_of_digest(array)
    array[at : at + 64] = np.frombuffer(_container._digest(array, at).encode(), dtype=np.uint8)
    return array.tobytes()


def crafted(entries: dict[str, Any], payload: bytes = b"", **meta: Any) -> bytes:
    text = json.dumps({"version": 1, "digest": "0" * 64, **meta})
    return sealed(with_header({"__metadata__": {"sk_warmstart": text}, **entries}, payload))


DAMAGED = "cut off|damaged|no checkpoint|another library"


def test_truncation_at_every_byte() -> None:
    raw = content()
    unpack(np.frombuffer(bytes(raw), dtype=np.uint8))
    for length in range(len(raw)):
        refused(raw[:length], "cut off|damaged|no checkpoint")


def test_a_flipped_bit_anywhere() -> None:
    raw = content()
    header = 8 + int.from_bytes(raw[:8], "little")
    for place in [*range(header), *range(header, len(raw), 97), len(raw) - 1]:
        changed = bytearray(raw)
        changed[place] ^= 1 << (place % 8)
        refused(changed, DAMAGED)


def test_appended_bytes() -> None:
    for more in (b"\0", b"{}", bytes(1000)):
        refused(content() + more, "damaged")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:0],
        lambda raw: raw[:5],
        lambda raw: raw[:100],
        lambda raw: raw[:-1],
        lambda raw: raw + b"x",
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 128]),
        lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
    ],
)
def test_damaged_files_are_named(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(bytes(content())))
    with pytest.raises(CheckpointError, match=rf"model.safetensors cannot be loaded: its? .*({DAMAGED})"):
        Checkpoint.load(path)
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be loaded"):
        WarmStartClassifier(warm_start_from=path).fit([[0.0], [1.0]], [0, 1])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot open .*nowhere: No such file"):
        Checkpoint.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"cannot open .*: Is a directory"):
        Checkpoint.load(str(tmp_path))
    for target in (tmp_path, tmp_path / "none" / "a.safetensors"):
        with pytest.raises(CheckpointError, match="cannot write"):
            small().save(target)
    assert list(tmp_path.iterdir()) == []


class Trap:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_not_run(path: Path, tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    path.write_bytes(pickle.dumps(Trap(marker), protocol=protocol))
    with pytest.raises(CheckpointError, match=r"a pickle or a torch.save file, which could run code"):
        Checkpoint.load(path)
    assert not marker.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_is_not_run(path: Path, tmp_path: Path, zipped: bool) -> None:
    marker = tmp_path / "marker"
    torch.save({"a": torch.ones(3), "b": Trap(marker)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"a pickle or a torch.save file, which could run code"):
        Checkpoint.load(path)
    assert not marker.exists()


def test_protocol_0_is_text(path: Path, tmp_path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(tmp_path / "marker"), protocol=0))
    with pytest.raises(CheckpointError, match="cut off, or is no checkpoint"):
        Checkpoint.load(path)
    assert not (tmp_path / "marker").exists()


HUGE = 10 * 2**40


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ((HUGE).to_bytes(8, "little") + b"{}", r"header claims 10995116277760 bytes of the file's 10"),
        (b"\xff" * 8 + b"{}", "header claims"),
        (
            crafted({"a": {"dtype": "F32", "shape": [HUGE // 4], "data_offsets": [0, HUGE]}}, b"1234"),
            "'a' is not where the header says",
        ),
        (
            crafted({"a": {"dtype": "F32", "shape": [HUGE], "data_offsets": [0, 4]}}, b"1234"),
            "'a' is not where the header says",
        ),
        (
            crafted({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}),
            "'a' is not where the header says",
        ),
        (
            crafted({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, b"1234"),
            "'a' is not where the header says",
        ),
    ],
)
def test_a_claim_of_ten_terabytes_allocates_nothing(raw: bytes, words: str) -> None:
    tracemalloc.start()
    try:
        refused(raw, words)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_nothing_of_ten_terabytes_is_nothing() -> None:
    raw = np.frombuffer(crafted({"a": {"dtype": "F32", "shape": [0, HUGE], "data_offsets": [0, 0]}}), np.uint8)
    assert read_tensor(raw, unpack(raw)[1]["a"]).shape == (0, HUGE)


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (with_header(b"[" * 100_000), "not a safetensors header, or is damaged"),
        (with_header(b'{"a":' * 100_000), "not a safetensors header, or is damaged"),
        (with_header([1, 2]), "not a safetensors header"),
        (with_header(3), "not a safetensors header"),
        (with_header(None), "not a safetensors header"),
        (with_header("text"), "not a safetensors header"),
        (with_header(b'{"a": "\xff\xfe"}'), "not a safetensors header"),
        (with_header(b""), "not a safetensors header"),
        (with_header({}), "of another library"),
        (with_header({"__metadata__": {"format": "pt"}, "a": ENTRY}, b"1234"), "of another library"),
        (with_header({"__metadata__": "text"}), "not a safetensors header"),
        (with_header({"__metadata__": {"sk_warmstart": 3}}), "its description cannot be read"),
        (with_header({"__metadata__": {"sk_warmstart": "[" * 100_000}}), "its description cannot be read"),
        (with_header({"__metadata__": {"sk_warmstart": "{}"}}), "damaged"),
        (with_header({"__metadata__": {"sk_warmstart": '{"digest": "'}}), "description cannot be read"),
        (crafted({}, version=1e400), "description cannot be read"),
        (crafted({}, version=None), "description cannot be read"),
        (crafted({}, version="one"), "description cannot be read"),
        (crafted({"a": 3}), "'a' is not where"),
        (crafted({"a": {}}), "'a' is not where"),
        (crafted({"a": {**ENTRY, "dtype": "F1024"}}, b"1234"), "'a' is not where"),
        (crafted({"a": {**ENTRY, "dtype": ["F32"]}}, b"1234"), "'a' is not where"),
        (crafted({"a": {**ENTRY, "shape": [1e400]}}, b"1234"), "not a safetensors header"),
        (crafted({"a": {**ENTRY, "shape": 1}}, b"1234"), "'a' is not where"),
        (crafted({"a": {**ENTRY, "data_offsets": [0, 4, 8]}}, b"1234"), "'a' is not where"),
        (crafted({"a": {**ENTRY, "data_offsets": [-4, 0]}}, b"1234"), "'a' is not where"),
        (crafted({"a": {**ENTRY, "data_offsets": [4, 0]}}, b"12345678"), "'a' is not where"),
        (crafted({"a": ENTRY, "b": ENTRY}, b"1234"), "overlap or have gaps"),
        (crafted({"a": ENTRY, "b": {**ENTRY, "data_offsets": [2, 6]}}, b"123456"), "overlap or have gaps"),
        (crafted({"a": {**ENTRY, "data_offsets": [4, 8]}}, b"12345678"), "overlap or have gaps"),
        (crafted({"a": ENTRY}, b"12345678"), "bytes follow its last tensor"),
    ],
)
def test_hostile_headers(raw: bytes, words: str) -> None:
    refused(raw, words)


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [100, 500, 900])
def test_lists_too_deep_to_walk_through(monkeypatch: pytest.MonkeyPatch, levels: int) -> None:
    with pytest.raises(CheckpointError, match="cannot be stored: lists and mappings in one another"):
        pack({"a": torch.ones(1)}, {"b": deep(levels)})
    with monkeypatch.context() as patch:
        patch.setattr(_container, "_check_depth", lambda value: None)
        raw = pack({"a": torch.ones(1)}, {"b": {"c": deep(levels)}}).tobytes()
    refused(raw, "description cannot be read")


def test_another_librarys_file(path: Path) -> None:
    save_file({name: tensor.clone() for name, tensor in nn.Linear(2, 3).state_dict().items()}, path)
    with pytest.raises(CheckpointError, match=r"of another library: Pretrained"):
        Checkpoint.load(path)


def test_a_file_of_the_future(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_container, "VERSION", 4)
        path.write_bytes(pack({"a": torch.ones(1)}, {}).tobytes())
    with pytest.raises(CheckpointError, match=r"it has format 4, and .* reads up to 3: upgrade sk_warmstart"):
        Checkpoint.load(path)


@pytest.mark.parametrize("dtype", [torch.complex128, torch.float8_e4m3fnuz])
def test_tensors_that_have_no_place_in_a_file(dtype: torch.dtype) -> None:
    with pytest.raises(CheckpointError, match=rf"cannot be stored: it has tensors of {dtype}"):
        pack({"a": torch.zeros(2).to(dtype)}, {})
    with pytest.raises(CheckpointError, match="cannot be stored"):
        pack({"a": torch.eye(2).to_sparse()}, {})


def test_a_failing_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(1.0).save(path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
            small(2.0).save(path)
    assert Checkpoint.load(path) == small(1.0) or Checkpoint.load(path).id == small(1.0).id
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_leftovers_of_killed_processes_are_swept(path: Path) -> None:
    begins = _container._beginning(path)
    names = (f"{begins}.1.tmp", f"{begins}.2.tmp", f"{_container._beginning(path.with_name('x'))}.1.tmp")
    old, young, other = map(path.with_name, names)
    for file in (old, young, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (0, 0))
    small().save(path)
    assert (old.exists(), young.exists(), other.exists()) == (False, True, True)


# One process that has imported everything forks those that are killed: importing takes seconds, a save none.
_KILLER = """
import os, random, select, signal, sys
import torch
from sk_warmstart.state import Checkpoint, CheckpointStore, Donor, NetState

def killed(work, kills, points):
    for _ in range(kills):
        progress, told = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(progress)
                work(told)
            finally:
                os._exit(0)
        os.close(told)
        # A number of steps, and then somewhere within the next one, which takes milliseconds.
        steps, wanted = 0, points.randrange(1, 200)
        while steps < wanted and (read := os.read(progress, wanted - steps)):
            steps += len(read)
        select.select([], [], [], points.random() * 0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(progress)
        yield steps

def checkpoint(*numbers, size=1):
    return Checkpoint.from_donor(Donor(NetState({"w": torch.tensor([*map(float, numbers)] * size)}, {"w"})))
"""
_SAVES = """
both = [checkpoint(i, size=100_000) for i in range(2)]

def save(told):
    for i in range(200):
        both[i % 2].save(sys.argv[1])
        os.write(told, b".")

for steps in killed(save, 20, random.Random(0)):
    assert Checkpoint.load(sys.argv[1]) in both
    print(steps)
"""
_PUTS = """
def put(told):
    store = CheckpointStore(sys.argv[1])
    for i in range(200):
        store.put(checkpoint(i, os.getpid()), score=i)
        os.write(told, b".")

done = 0
for steps in killed(put, 8, random.Random(1)):
    done += steps
    store = CheckpointStore(sys.argv[1])
    history = store.history()
    assert history["id"].nunique() == len(store) >= done
    assert history["present"].all()
    for name in store:
        assert store.get(name).id == name
    assert store.get("latest").id in store
    print(steps)
"""
_WRITER = """
store = CheckpointStore(sys.argv[1])
for i in range(200):
    store.put(checkpoint(i, sys.argv[2]), score=i)
"""


def run(script: str, *args: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _KILLER + script, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.split()


@pytest.mark.slow
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    steps = lines(run(_SAVES, tmp_path / "model.safetensors"))
    assert len(steps) == 20
    assert "0" not in steps


@pytest.mark.slow
def test_a_kill_leaves_a_readable_store(tmp_path: Path) -> None:
    assert len(lines(run(_PUTS, tmp_path))) == 8


@pytest.mark.slow
def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    for writer in [run(_WRITER, tmp_path, i) for i in (1, 2)]:
        lines(writer)
    store = CheckpointStore(tmp_path)
    history = store.history()
    assert len(history) == len(store) == history["id"].nunique() == 400
    assert history["present"].all()
    assert sorted(history["score"]) == sorted([*range(200)] * 2)
    for name in store:
        assert store.get(name).id == name
    assert store.get("best").state["w"][0] == 199
