"""Arrays that are mapped from files are brought in at once, and are what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sk_warmstart import WarmStartClassifier
from sk_warmstart.estimators.input import _mapped

rng = np.random.default_rng(0)
table = rng.normal(size=(3000, 5)).astype(np.float32)


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "X.npy", table)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.parametrize(
    "part", [slice(None), slice(700, 2000), slice(0, 0), slice(None, None, 3), slice(2999, None)]
)
def test_parts_of_a_file(mapped: np.ndarray, part: slice) -> None:
    _mapped.touch(mapped[part])
    _mapped.touch(np.asarray(mapped)[part])
    np.testing.assert_array_equal(mapped[part], table[part])


def test_only_what_lies_there_is_asked_for(mapped: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []

    class Spy:
        def __init__(self, base: Any):
            self.base = base

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(self.base)

        def madvise(self, *given: int) -> None:
            asked.append(given)  # type: ignore[arg-type]
            raise OSError("an older kernel")

    base = _mapped._mapping(mapped)
    monkeypatch.setattr(_mapped, "_mapping", lambda array: Spy(base))
    monkeypatch.setattr(_mapped.np, "frombuffer", lambda spy, dtype, real=np.frombuffer: real(spy.base, dtype))
    monkeypatch.setattr(_mapped.sys, "platform", "linux")
    _mapped.touch(mapped[1000:1500])
    ((_, start, length),) = asked
    first = 128 + 1000 * 20  # behind NumPy's header
    assert start % 4096 == 0
    assert start <= first < start + 4096
    assert start + length == first + 500 * 20
    monkeypatch.setattr(_mapped.os, "sysconf", lambda name: 4096 if "SIZE" in name else 1)
    _mapped.touch(mapped)
    assert len(asked) == 1  # a file larger than the memory


def test_anything_else_is_left_alone() -> None:
    for array in (table, [[1.0]], None, "text"):
        _mapped.touch(array)


def test_a_fit_on_a_file(mapped: np.ndarray) -> None:
    y = (table[:, 0] > 0).astype(np.int64)
    one, other = (WarmStartClassifier(max_epochs=1, random_state=0).fit(X, y) for X in (mapped, table))
    np.testing.assert_array_equal(one.predict_proba(mapped), other.predict_proba(table))
