"""Memory of a comparison: bounded by the rows as the steps before the network prepare them, and by the jobs."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from sk_warmstart.cli import default_pipeline
from sk_warmstart.comparison.runs import _execute
from sk_warmstart.comparison.runs._scorer import Scorer
from sk_warmstart.comparison.runs._task import Task
from sk_warmstart.comparison.runs.arms._arm import make_arms

N = 40_000


@functools.cache  # nothing here changes a task
def task_of(n_columns: int, rows: int = N) -> Task:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"c{i}": [f"v{v}" for v in rng.integers(0, 50, rows)] for i in range(n_columns)})
    estimator = default_pipeline(X, "classification")
    arms = make_arms(["cold", "warm", "shrink_perturb"], estimator, None)
    scorer: Scorer = lambda estimator, X, y: 0.0  # noqa: E731
    return Task(estimator, arms, None, X, np.arange(rows) % 2, None, scorer)


def test_wide_one_hot_columns_stay_sparse_and_the_numbers_single() -> None:
    X = pd.DataFrame({"a": np.arange(30.0), "b": [f"v{i % 5}" for i in range(30)]})
    small = default_pipeline(X, "classification")[:-1].fit_transform(X)
    assert small.dtype == np.float32
    task = task_of(20)
    prepared = task.estimator[:-1].fit_transform(task.X)
    assert issparse(prepared)
    assert prepared.shape == (N, 1000)
    assert prepared.dtype == np.float32


@pytest.mark.parametrize(("n_columns", "jobs", "most"), [(20, 1, 1), (20, 2, 1), (2, 1, 10), (2, 2, 5)])
def test_replicates_in_step_share_the_bound(n_columns: int, jobs: int, most: int) -> None:
    task = task_of(n_columns)
    at_a_time = _execute._at_a_time(task, 10, jobs)
    assert at_a_time == most
    held = at_a_time * jobs * (2 + len(task.arms)) * N * n_columns * 50 * 4
    assert held <= _execute._BYTES_AT_A_TIME or at_a_time == 1


def test_steps_that_fail_on_a_few_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(2, 100)

    def fails(*args: object) -> None:
        raise ValueError

    monkeypatch.setattr(_execute, "fit_steps_before", fails)
    assert _execute._at_a_time(task, 10, 1) == 10


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell shared memory")
def test_the_command_on_many_rows_of_many_categories_keeps_under_two_gigabytes(tmp_path: Path) -> None:
    task = task_of(20)
    rng = np.random.default_rng(1)
    task.X.assign(y=rng.integers(0, 2, N)).to_csv(tmp_path / "wide.csv", index=False)
    # Neither more replicates nor more epochs hold more: as many run at a time, and an epoch's rows are the same.
    command = [sys.executable, "-m", "sk_warmstart", "compare", "wide.csv", "--target", "y", "--quiet"]
    options = ["--repeats", "2", "--epochs", "3"]
    with subprocess.Popen([*command, *options], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_own_bytes(pid) for pid in _with_children(process.pid)))
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 0
    assert 0.3e9 < peak < 2e9


def _own_bytes(pid: int) -> int:
    """Return the memory of a process, with its share of what several have; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    try:
        found = " ".join(task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return
    for child in found.split():
        yield from _with_children(int(child))
