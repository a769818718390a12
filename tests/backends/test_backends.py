"""The same results whoever runs the tasks: one process, several, threads, a pack, or a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import net
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, learning_curve

from sk_warmstart import Checkpoint, WarmStartComparator
from sk_warmstart.comparison import DataIncremental

X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
GRID = {"lr": [0.01, 0.05], "init_policy": ["warm", "cold"]}
CLOCK = ["seconds", "process_seconds", "memory"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes of Dask."""
    distributed = pytest.importorskip("distributed", reason="needs the extra 'distributed'")
    import dask

    quiet = {"distributed.worker.daemon": True, "distributed.admin.log-format": "%(message)s"}
    with dask.config.set(quiet), distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as local, distributed.Client(local):  # fmt: skip
        yield local


@pytest.fixture(params=["loky", "threading", "packed", "dask"])
def backend(request: pytest.FixtureRequest) -> Any:
    """What makes a backend the one in use."""
    if request.param == "dask":
        request.getfixturevalue("cluster")

    @contextmanager
    def using() -> Iterator[None]:
        with joblib.parallel_config(backend=request.param, n_jobs=2):
            yield

    return using


def searched(donor: Any, where: Any = nullcontext) -> GridSearchCV:
    with where():
        return GridSearchCV(net(warm_start_from=donor), GRID, cv=3, refit=True).fit(X, Y)


@pytest.mark.slow
def test_a_search_over_starts(backend: Any, tmp_path: Path) -> None:
    path = tmp_path / "donor.safetensors"
    Checkpoint.from_estimator(net(random_state=7).fit(X + 0.01, Y)).save(path)
    here = searched(str(path))
    there = searched(str(path), backend)
    np.testing.assert_array_equal(here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"])
    np.testing.assert_allclose(here.predict_proba(X), there.predict_proba(X), rtol=1e-5, atol=1e-6)
    assert here.best_params_ == there.best_params_


@pytest.mark.slow
def test_a_comparison(backend: Any) -> None:
    def compared() -> WarmStartComparator:
        return WarmStartComparator(net(), ("cold", "warm"), DataIncremental(3), n_repeats=4, random_state=0).fit(
            X, Y
        )

    here = compared()
    with backend():
        there = compared()
    pd.testing.assert_frame_equal(here.results_.drop(columns=CLOCK), there.results_.drop(columns=CLOCK))
    np.testing.assert_allclose(here.predict_proba(X), there.predict_proba(X), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_successive_halving_and_a_learning_curve_with_partial_fit(backend: Any) -> None:
    def halved() -> HalvingGridSearchCV:
        search = HalvingGridSearchCV(
            net(), {"lr": [0.001, 0.01, 0.05, 0.1]}, resource="max_epochs", max_resources=8, min_resources=2, cv=3,
            random_state=0,
        )  # fmt: skip
        return search.fit(X, Y)

    def curve() -> Any:
        return learning_curve(
            net(), X, Y, cv=3, exploit_incremental_learning=True, train_sizes=[0.3, 0.6, 1.0], shuffle=True,
            random_state=0,
        )  # fmt: skip

    here, line = halved(), curve()
    with backend():
        there, other = halved(), curve()
    assert here.best_params_ == there.best_params_
    np.testing.assert_array_equal(here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"])
    for mine, yours in zip(line, other, strict=True):
        np.testing.assert_allclose(mine, yours)


def test_a_path_goes_to_workers_as_a_path(tmp_path: Path) -> None:
    path = tmp_path / "donor.safetensors"
    big = net(module__hidden_layer_sizes=(512, 512)).fit(X, Y)
    Checkpoint.from_estimator(big).save(path)
    told = len(pickle.dumps(net(warm_start_from=str(path))))
    assert told < 20_000
    assert path.stat().st_size > 50 * told
