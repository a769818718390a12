"""Memory of a comparison: bounded by the rows as the steps before the network prepare them, and by the jobs."""

import functools

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
