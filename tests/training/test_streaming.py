"""Rows that do not fit on the device give the same numbers, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from helpers import Sine
from helpers.devices import needs_cuda
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.estimators.input import _table as _data
from sk_warmstart.training import Rows, TensorBatches, fits_on
from sk_warmstart.training.rows import _streaming
from sk_warmstart.training.rows._permutation import advance_past_randperm

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
meta = torch.device("meta")


@pytest.fixture
def small_device(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A device on which nothing fits."""
    asked: list[int] = []
    monkeypatch.setattr(_data, "fits_on", lambda device, nbytes: asked.append(nbytes))
    return asked


def rows_of(kind: str, travels_to: Any = None) -> Rows:
    from sk_warmstart.training import SparseMatrix

    table: Any = torch.from_numpy(X)
    if kind == "sparse":
        table = SparseMatrix.from_scipy(sparse.csr_array(X), None, "cpu")
    return Rows(table, torch.from_numpy(y), torch.rand(90), travels_to)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_batches_go_where_they_are_wanted(kind: str) -> None:
    rows = rows_of(kind, meta)
    assert (rows.X.device.type, rows.device) == ("cpu", meta)
    for part in (rows, rows.take(torch.arange(5, 60)), rows.take(slice(3, 50)), rows.evenly(20)):
        assert part.travels_to == meta
        batches = [part.batch(slice(0, 4)), part.batch(torch.tensor([3, 1]))]
        batches += list(TensorBatches(part, 8, shuffle=True))
        assert all(tensor.device == meta for batch in batches for tensor in batch)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("limit", [0, 2**30])
def test_order_and_numbers_are_the_same(
    kind: str, shuffle: bool, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sk_warmstart.training.rows import _batches

    monkeypatch.setattr(_batches, "_PERMUTED_COPY_LIMIT", limit)
    rows, other = rows_of(kind), rows_of(kind, torch.device("cpu"))
    other.weight = rows.weight
    made = []
    for each in (rows, other):
        batches = TensorBatches(each, 16, shuffle, generator=torch.Generator().manual_seed(3))
        made.append([batch for _ in range(2) for batch in batches])
    for one, two in zip(*made, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_one_batch_is_on_its_way_while_another_is_used() -> None:
    seen: list[str] = []

    def source() -> Iterator[Any]:
        for i in range(3):
            seen.append(f"cut {i}")
            yield torch.tensor([i]), None, None

    for batch in _streaming.one_ahead(source(), torch.device("cpu")):
        seen.append(f"use {int(batch[0])}")
        assert batch[1:] == (None, None)
    assert seen == ["cut 0", "cut 1", "use 0", "cut 2", "use 1", "use 2"]
    assert list(_streaming.one_ahead([], torch.device("cpu"))) == []


SETTINGS: list[dict[str, Any]] = [
    {},
    {"module": Sine},
    {"early_stopping": True, "validation_fraction": 0.3},
    {"module": Sine, "early_stopping": True, "validation_fraction": 0.3},
    {"class_weight": "balanced"},
    {"standardize": True},
    {"init_policy": "dash", "warm_start": True},
]


@pytest.mark.parametrize("params", SETTINGS)
@pytest.mark.parametrize("data", ["dense", "sparse", "mapped"])
def test_a_fit_is_the_same(small_device: list[int], params: dict[str, Any], data: str, tmp_path: Path) -> None:
    if params.get("init_policy") == "dash" and data != "dense":
        pytest.skip("once is enough")
    table: Any = X
    if data == "sparse":
        table = sparse.csr_array(X)
    if data == "mapped":
        np.save(tmp_path / "X.npy", X)
        table = np.load(tmp_path / "X.npy", mmap_mode="r")
    net = WarmStartClassifier(max_epochs=3, batch_size=16, random_state=0, **params)
    travelled = clone(net).fit(table, y)
    assert small_device
    assert 0 < small_device[0] <= 90 * 4 * 12 + 8 * 91
    probabilities = travelled.predict_proba(table)
    if params.get("warm_start"):
        travelled.fit(table, y)
        probabilities = travelled.predict_proba(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_data, "fits_on", lambda device, nbytes: True)
        stayed = net.fit(table, y)
        if params.get("warm_start"):
            stayed.fit(table, y)
        np.testing.assert_array_equal(stayed.predict_proba(table), probabilities)
    assert stayed.loss_curve_ == travelled.loss_curve_
    assert stayed.start_.score == travelled.start_.score
    scores = [each.lineage_.scores.get("valid_score") for each in (stayed, travelled)]
    assert scores[0] == scores[1]


def test_a_regressor_and_partial_fits(small_device: list[int]) -> None:
    net = WarmStartRegressor(max_epochs=2, random_state=0)
    travelled = clone(net).partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_data, "fits_on", lambda device, nbytes: True)
        stayed = net.partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    np.testing.assert_array_equal(stayed.predict(X), travelled.predict(X))


def test_packs_leave_such_fits_alone(small_device: list[int], caplog: pytest.LogCaptureFixture) -> None:
    def curve(seed: int) -> list[float]:
        return WarmStartClassifier(max_epochs=2, random_state=seed).fit(X, y).loss_curve_

    with caplog.at_level("INFO"), joblib.parallel_config(backend="packed", n_jobs=2):
        packed = Parallel()(delayed(curve)(seed) for seed in (0, 1))
    assert packed == [curve(0), curve(1)]
    assert "do not fit on the device" in caplog.text


def test_a_fit_for_skorchs_own_loop(small_device: list[int]) -> None:
    from torch.utils.data import DataLoader

    class Loader(DataLoader):
        pass

    nets = [
        WarmStartClassifier(max_epochs=2, random_state=0, iterator_train=kind).fit(X, y)
        for kind in (Loader, DataLoader)
    ]
    np.testing.assert_allclose(nets[0].loss_curve_, nets[1].loss_curve_, rtol=1e-5)


def test_the_host_has_room() -> None:
    assert fits_on("cpu", 2**60)
    assert fits_on(None, 2**60)


def test_free_memory_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (800, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    assert fits_on("cuda", 500)
    assert not fits_on("cuda:0", 501)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 90, 1000, 30_001])
def test_a_spent_order_leaves_the_generator_where_a_permutation_does(n: int) -> None:
    one, other = torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)
    torch.randperm(n, generator=one)
    advance_past_randperm(n, other)
    assert torch.equal(torch.rand(5, generator=one), torch.rand(5, generator=other))
    assert torch.equal(one.get_state(), other.get_state())


@needs_cuda
@pytest.mark.parametrize("params", SETTINGS)
def test_a_fit_on_a_device_is_the_same(small_device: list[int], params: dict[str, Any]) -> None:
    net = WarmStartClassifier(max_epochs=3, batch_size=16, random_state=0, device="cuda", **params)
    travelled = clone(net).fit(X, y)
    probabilities = travelled.predict_proba(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_data, "fits_on", lambda device, nbytes: True)
        stayed = net.fit(X, y)
        np.testing.assert_allclose(stayed.predict_proba(X), probabilities, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stayed.loss_curve_, travelled.loss_curve_, rtol=1e-5)
