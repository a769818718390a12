"""Sealed checkpoints with changed tensors or a changed description: refused, or used without any other error."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sk_warmstart import Checkpoint, CheckpointStore, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.state import CheckpointError
from sk_warmstart.state.files._container import pack

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each batch runs in a forked process")

N_FILES = 5_000
BATCH = 100
X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.array([0, 1, 2] * 4)


class Own(nn.Module):
    """A module of the user's, with a buffer and tied weights."""

    def __init__(self, n_features: int = 3, n_outputs: int = 3):
        super().__init__()
        self.first = nn.Linear(n_features, 4)
        self.norm = nn.BatchNorm1d(4)
        self.second = nn.Linear(4, n_outputs)
        self.same = self.second

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.norm(self.first(x))))


def nets() -> dict[str, Any]:
    common: dict[str, Any] = {"max_epochs": 1, "random_state": 0, "dtype": "float64"}
    small = {"module__hidden_layer_sizes": (4,)}
    return {
        "default": WarmStartClassifier(**common, **small, standardize=True),
        "sgd": WarmStartClassifier(**common, **small, optimizer=torch.optim.SGD, optimizer__momentum=0.9),
        "amsgrad": WarmStartRegressor(**common, **small, optimizer__amsgrad=True),
        "own": WarmStartClassifier(Own, **common),
    }


def parts() -> dict[str, tuple[dict[str, Any], dict[str, torch.Tensor]]]:
    """Description and tensors of a good file of each kind."""
    found = {}
    for name, net in nets().items():
        fitted = net.set_params(warm_start=True).fit(X, Y).fit(X, Y)
        checkpoint = Checkpoint.from_estimator(fitted)
        meta = {key: value for key, value in checkpoint._meta.items() if key not in ("version", "digest")}
        found[name] = meta, {entry: checkpoint._tensor(entry) for entry in checkpoint._entries}
    return found


SHAPES = [(), (0,), (1,), (2,), (3, 4), (4, 3), (1, 1), (5056,), (2, 2, 2), (10_000,)]
KINDS = [torch.float64, torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64]
NUMBERS = [0.0, -1.0, 1e300, float("nan"), float("inf"), 2.0**62]


def changed_tensors(tensors: dict[str, torch.Tensor], rng: np.random.Generator) -> dict[str, torch.Tensor]:
    changed = dict(tensors)
    for _ in range(int(rng.integers(1, 4))):
        name = str(rng.choice(list(changed)))
        old, way = changed[name], rng.integers(7)
        if way == 0:
            changed[name] = torch.zeros(SHAPES[rng.integers(len(SHAPES))], dtype=old.dtype)
        elif way == 1:
            changed[name] = old.to(KINDS[rng.integers(len(KINDS))])
        elif way == 2:
            changed[name] = old.flatten()
        elif way == 3:
            number = NUMBERS[rng.integers(len(NUMBERS))]
            wide = torch.full(old.shape, number, dtype=torch.float64)
            changed[name] = wide.to(old.dtype) if old.is_floating_point() else torch.zeros_like(old)
        elif way == 4:
            del changed[name]
        elif way == 5:
            changed[str(rng.choice(["moments/9/exp_avg", "state/more", "streams/cuda0", "x", f"{name}x"]))] = old
        else:
            other = str(rng.choice(list(changed)))
            changed[name], changed[other] = changed[other], old
    return changed


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 3, 2**70, 1.5, -0.5, 1e308, "", "x", "../x", "nan", "1", "AdamW", "\ud800"),
    *([], [1], ["a"], [[]], [None, None], {}, {"a": 1}, {"tensor": None}, [["first.weight", {}]]),
]


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    )
    for key, inner in entries:
        yield from paths_of(inner, (*at, key))


def changed_description(meta: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    changed = json.loads(json.dumps(meta))
    for _ in range(int(rng.integers(1, 3))):
        paths = list(paths_of(changed))
        *above, last = paths[rng.integers(len(paths))]
        inside = changed
        for key in above:
            inside = inside[key]
        way = rng.integers(4)
        if way == 0:
            del inside[last]
        elif way == 1 and isinstance(inside, dict):
            inside[str(VALUES[rng.integers(len(VALUES))])] = copy.deepcopy(inside[last])
        else:
            inside[last] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return changed


def use(path: Path, name: str, folder: Path) -> str:
    """Load a file, and do with it what users do; return what was wrong, or nothing."""
    try:
        checkpoint = Checkpoint.load(path)
    except CheckpointError:
        return "refused"
    repr(checkpoint)
    for attribute in ("id", "parent", "lineage", "classes", "feature_names", "dtype", "module", "state", "nbytes"):
        getattr(checkpoint, attribute)
    store = CheckpointStore(folder)
    store.put(checkpoint)
    store.history()
    net = nets()[name].set_params(warm_start_from=path, optimizer_state="keep")
    for act in (
        lambda: net.fit(X, Y),
        lambda: net.partial_fit(X, Y),
        lambda: checkpoint.to_estimator(nets()[name]),
    ):
        try:
            act()
        except CheckpointError:
            pass
        except ValueError as error:
            # A file may be of another network, and then the words name both.
            if not _says_what_does_not_fit(str(error)):
                raise
    return "used"


def _says_what_does_not_fit(words: str) -> bool:
    return any(each in words for each in ALLOWED)


# What a file of another network, or one whose numbers are too large to train, is told with.
ALLOWED = (
    *("does not fit", "do not fit", "NaN or infinite", "cannot turn the state of", "holds no class labels"),
    *("schema=", "labels", "classes", "columns", "non-finite parameter weights", "targets", "was saved from"),
    *("use optimizer_state='reset'", "learns n_features", "learns n_outputs", "features as input"),
)


def failures(make: Callable[[int, Path], str], seeds: range, folder: Path) -> list[str]:
    """Use files in forked processes, a batch each; one that dies is found one by one."""
    found = []
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    while batches:
        batch = batches.pop()
        code, words = _forked(make, batch, folder)
        if code == 0 and not words:
            continue
        if len(batch) > 1 and code != 0:
            half = len(batch) // 2
            batches += [batch[:half], batch[half:]]
        else:
            found.append(words or f"file {batch[0]} ends the process with the code {code}")
    return found


def _forked(make: Callable[[int, Path], str], batch: range, folder: Path) -> tuple[int, str]:
    out = folder / "out.txt"
    out.write_text("")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            warnings.simplefilter("ignore")
            torch.set_num_threads(1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            lines = []
            for seed in batch:
                try:
                    name = make(seed, folder / "file.safetensors")
                    use(folder / "file.safetensors", name, folder / "store")
                except CheckpointError:  # nothing that can be written
                    pass
                except BaseException as error:
                    lines.append(f"file {seed}: {type(error).__name__}: {str(error)[:300]}")
            out.write_text("\n".join(lines))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status, out.read_text()


def write(path: Path, tensors: dict[str, torch.Tensor], meta: dict[str, Any]) -> None:
    path.write_bytes(pack(tensors, meta).tobytes())


def tensor_files(good: dict[str, Any]) -> Callable[[int, Path], str]:
    def make(seed: int, path: Path) -> str:
        rng = np.random.default_rng(seed)
        name = str(rng.choice(list(good)))
        meta, tensors = good[name]
        meta = copy.deepcopy(meta)
        if rng.random() < 0.2 and meta["optimizer"]["moments"]:
            # Tensors and description agree that something is missing.
            place = int(rng.integers(len(meta["optimizer"]["moments"])))
            entry = meta["optimizer"]["moments"][place][1]
            key = str(rng.choice(list(entry)))
            del entry[key]
            tensors = {n: t for n, t in tensors.items() if n != f"moments/{place}/{key}"}
        write(path, changed_tensors(tensors, rng), meta)
        return name

    return make


def description_files(good: dict[str, Any]) -> Callable[[int, Path], str]:
    def make(seed: int, path: Path) -> str:
        rng = np.random.default_rng(seed)
        name = str(rng.choice(list(good)))
        meta, tensors = good[name]
        write(path, tensors, changed_description(meta, rng))
        return name

    return make


KINDS_OF_FILES = {"tensors": tensor_files, "descriptions": description_files}


def check(kind: str, first: int, last: int, folder: Path) -> None:
    """Use files in a process of their own, which forks: this one may have threads and workers."""
    command = [sys.executable, __file__, kind, str(first), str(last), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_good_files_are_used(tmp_path: Path) -> None:
    for name, (meta, tensors) in parts().items():
        path = tmp_path / "file.safetensors"
        write(path, tensors, meta)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert use(path, name, tmp_path / "store") == "used"


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("part", range(5))
def test_changed_files(tmp_path: Path, kind: str, part: int) -> None:
    check(kind, part * N_FILES // 5, (part + 1) * N_FILES // 5, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("part", range(1, 4))
def test_many_changed_files(tmp_path: Path, kind: str, part: int) -> None:
    check(kind, part * N_FILES, (part + 1) * N_FILES, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    files = KINDS_OF_FILES[sys.argv[1]](parts())
    print("\n".join(failures(files, range(int(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4]))), end="")
