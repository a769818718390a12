"""Threads of packed calls that are interrupted: they end, and the interpreter ends after them."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from typing import Any

import joblib
import pytest
from sklearn.datasets import make_classification

from sk_warmstart import WarmStartClassifier

X, y = make_classification(130, 6, random_state=0)


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("packed")]


def assert_all_end() -> None:
    for thread in own_threads():
        thread.join(30)
    assert own_threads() == []


@pytest.mark.parametrize("n_jobs", [2, 12])
def test_threads_end_whether_they_train_or_wait_for_a_task(n_jobs: int) -> None:
    started = threading.Event()

    def task(i: int) -> Any:
        if i:
            started.wait(20)
            raise KeyboardInterrupt
        started.set()
        return WarmStartClassifier(max_epochs=10_000_000).fit(X, y)

    with joblib.parallel_config("packed", n_jobs=n_jobs), pytest.raises(KeyboardInterrupt):
        joblib.Parallel()(joblib.delayed(task)(i) for i in range(2))
    assert_all_end()


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_press_while_threads_are_started(nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started, start = [0], threading.Thread.start

    def starts(thread: threading.Thread) -> None:
        start(thread)
        if thread.name.startswith("packed"):
            started[0] += 1
            if started[0] == nth:
                raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", starts)
    done = threading.Event()
    with joblib.parallel_config("packed", n_jobs=4), pytest.raises(KeyboardInterrupt):
        joblib.Parallel()(joblib.delayed(done.wait)(20) for _ in range(4))
    done.set()
    gc.collect()  # a pool that was never finished ends its threads when it goes
    assert_all_end()


def test_threads_end_after_a_call_that_is_done() -> None:
    with joblib.parallel_config("packed", n_jobs=3):
        assert joblib.Parallel()(joblib.delayed(abs)(-i) for i in range(40)) == list(range(40))
    assert_all_end()


_PRESSED = """
import threading, joblib, torch
import sk_warmstart
started = threading.Event()
def task(i):
    if i:
        started.wait(60)
        raise KeyboardInterrupt
    started.set()
    for _ in range(100):
        torch.ones(700, 700) @ torch.ones(700, 700)
    print("its task has ended", flush=True)
with joblib.parallel_config("packed", n_jobs=2):
    joblib.Parallel()(joblib.delayed(task)(i) for i in range(2))
"""


@pytest.mark.slow
def test_the_interpreter_ends_in_order_while_torch_works() -> None:
    done = subprocess.run([sys.executable, "-c", _PRESSED], capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert "terminate called" not in done.stderr
    assert done.stdout == "its task has ended\n"
