"""Memory that threads have freed goes back to the system."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import pytest
from comparators import X, Y, comparator

from sk_warmstart.comparison.runs import _replicate
from sk_warmstart.comparison.runs.fits import _memory
from sk_warmstart.comparison.runs.fits._memory import _resident, return_freed


def test_what_threads_kept_is_returned() -> None:
    if _memory._trim() is None or _resident("RssAnon") is None:
        pytest.skip("this system has no malloc_trim, or does not tell its memory")
    survivors = []

    def run() -> None:
        blocks = [bytearray(b"x" * 60_000) for _ in range(1_000)]
        survivors.append(blocks[-1])  # lies last, so that what was before it cannot go by itself

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = _resident("RssAnon")
    return_freed()
    after = _resident("RssAnon")
    assert before is not None
    assert after is not None
    assert before - after > 50e6
    assert len(survivors) == 4


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_a_system_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fails(name: Any) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fails)
    assert _memory._trim.__wrapped__() is None


def test_it_is_returned_after_the_fits_of_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(_replicate, "return_freed", lambda: calls.append(1))
    comparator(n_jobs=1, refit=None).fit(X, Y)
    assert calls
