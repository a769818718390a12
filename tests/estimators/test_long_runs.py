"""Long runs: what a net holds does not grow, its history is bounded as documented, and predictions are right."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skorch.history import History

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.estimators import _fitting
from sk_warmstart.estimators.run import _history
from sk_warmstart.estimators.run._history import HISTORY_EPOCHS, joined, trimmed

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 6)).astype(np.float32)
y = (X[:, 0] + X[:, 1] > 0).astype(int)
X_new = rng.normal(size=(500, 6)).astype(np.float32)
y_new = (X_new[:, 0] + X_new[:, 1] > 0).astype(int)


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {"module__hidden_layer_sizes": (16,), "random_state": 0, "lr": 0.01}
    return WarmStartClassifier(**{**defaults, **params})


def with_batches(history: History) -> list[int]:
    return [i for i, row in enumerate(history) if row["batches"]]


def blocks() -> int:
    """Blocks of memory that Python holds: what every call leaves behind shows in them, and counting is free."""
    gc.collect()
    return sys.getallocatedblocks()


# ------------------------------------------------------------------ the rule


@st.composite
def histories(draw: st.DrawFn) -> History:
    n_batches = draw(st.lists(st.integers(0, 2), max_size=12))
    rows = ({"epoch": i + 1, "batches": [{"train_loss": 0.5}] * n} for i, n in enumerate(n_batches))
    return History(rows)


@given(histories(), st.integers(0, 12), st.integers(1, 8))
def test_what_is_trimmed(history: History, known: int, limit: int) -> None:
    known = min(known, len(history))
    before, rows = copy.deepcopy(history), list(history)
    with mock.patch.object(_history, "HISTORY_EPOCHS", limit):
        got = trimmed(history, known)
        assert trimmed(History(got), len(got) - (len(before) - known)) == got  # once more changes nothing
    own = len(before) - known
    assert got is history
    assert len(got) == min(len(before), max(limit, own))
    past = len(got) - own
    assert got[past:] == before[known:]
    assert got[:past] == [{**row, "batches": []} for row in before[known - past : known]]
    assert rows == before  # a net that is put back finds its rows as they were


@given(histories(), histories(), st.integers(1, 8))
def test_what_is_joined(past: History, done: History, limit: int) -> None:
    epochs = [row["epoch"] for row in (*past, *done)]
    goes_on, own = bool(past), len(done)
    with mock.patch.object(_history, "HISTORY_EPOCHS", limit):
        got = joined(past, done)
    if not goes_on:
        assert got is done
        return
    assert [row["epoch"] for row in got] == epochs[len(epochs) - len(got) :]
    assert len(got) == min(len(epochs), max(limit, own))
    assert [i for i, row in enumerate(got) if row.get("event_fit")] == ([len(got) - own] if own else [])
    assert not any(row["batches"] for row in got[: len(got) - own])


# ------------------------------------------------------------------ in the estimators


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_only_the_last_call_keeps_its_batches(method: str) -> None:
    fitted = net(warm_start=True, max_epochs=2, batch_size=100).fit(X, y)
    assert with_batches(fitted.history) == [0, 1]
    losses = fitted.history[:, "train_loss"]
    for _ in range(2):
        getattr(fitted, method)(X, y)
    assert with_batches(fitted.history) == list(range(len(fitted.history) - fitted.n_iter_, len(fitted.history)))
    assert fitted.history[-1, "batches", :, "train_batch_size"] == [100] * 4
    assert fitted.history[:2, "train_loss"] == losses


def test_the_epochs_of_the_last_fit_all_stay() -> None:
    with mock.patch.object(_history, "HISTORY_EPOCHS", 5):
        fitted = net(warm_start=True, max_epochs=3, batch_size=400).fit(X, y).fit(X, y)
        assert [row["epoch"] for row in fitted.history] == [2, 3, 4, 5, 6]
        assert [row["epoch"] for row in fitted.partial_fit(X, y).history] == [3, 4, 5, 6, 7]
        fitted.set_params(max_epochs=8).fit(X, y)
        assert [row["epoch"] for row in fitted.history] == list(range(8, 16))
        assert len(fitted.loss_curve_) == 8
        assert fitted.history[0]["event_fit"]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_call_that_fails_leaves_the_history_whole(method: str) -> None:
    fitted = net(warm_start=True, max_epochs=2).fit(X, y)
    history = fitted.history
    before = copy.deepcopy(history)
    with (
        mock.patch.object(_fitting, "_commit", side_effect=RuntimeError("at the very end")),
        pytest.raises(RuntimeError, match="at the very end"),
    ):
        getattr(fitted, method)(X, y)
    assert fitted.history is history
    assert history == before


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"init_policy": "shrink_perturb", "init_policy__shrink": 0.9, "init_policy__perturb": 0.0},
        {"init_policy": "auto", "standardize": True, "optimizer_state": "keep"},
    ],
    ids=["warm", "shrink_perturb", "auto"],
)
def test_sixty_warm_fits(params: dict[str, Any], tmp_path: Path) -> None:
    fitted = net(warm_start=True, max_epochs=25, batch_size=200, **params)

    def sizes() -> list[int]:
        Checkpoint.from_estimator(fitted).save(tmp_path / "net.safetensors")
        return [len(pickle.dumps(fitted)), os.path.getsize(tmp_path / "net.safetensors")]

    for _ in range(52):  # by then epochs below 257 are gone, small numbers that Python holds anyhow
        fitted.fit(X, y)
    early, held = sizes(), blocks()
    for _ in range(8):
        fitted.fit(X, y)
    assert blocks() - held < 4 * 8 * 25  # an epoch that stayed would hold more; others in the process hold some
    assert sizes() == pytest.approx(early, rel=0.01)
    assert len(fitted.history) == HISTORY_EPOCHS
    assert [row["epoch"] for row in fitted.history] == list(range(501, 1501))
    assert [i for i, row in enumerate(fitted.history) if row.get("event_fit")] == list(range(0, 1000, 25))
    assert with_batches(fitted.history) == list(range(975, 1000))
    assert fitted.start_.generation == 59
    assert len(fitted.learned_.memory.own | fitted.learned_.memory.ancestors) == len(X)
    assert fitted.score(X_new, y_new) > 0.95


def test_what_grows_are_the_ids_of_distinct_rows() -> None:
    fitted = net(warm_start=True, max_epochs=1, batch_size=100)
    known = []
    for first in range(0, 300, 10):
        fitted.fit(X[first : first + 100], y[first : first + 100])
        known.append(len(pickle.dumps(fitted.learned_.memory)))
    assert len(fitted.learned_.memory.own) == 100
    assert len(fitted.learned_.memory.own | fitted.learned_.memory.ancestors) == 390
    assert set(np.diff(known[1:])) <= {80, 81, 82}  # eight bytes each; the length itself may take a few


@pytest.mark.slow
def test_three_thousand_partial_fits() -> None:
    fitted = net().partial_fit(X, y, classes=[0, 1])

    def go_on(calls: int) -> tuple[int, int]:
        for _ in range(calls):
            rows = rng.integers(0, len(X), size=8)
            fitted.partial_fit(X[rows], y[rows])
        assert len(fitted.learned_.memory.own) == len(X)  # asked for, so the pickle holds each of them once
        return len(pickle.dumps(fitted)), blocks()

    early, held = go_on(1499)
    late, holds = go_on(1500)
    assert late == pytest.approx(early, abs=200)
    assert holds - held < 1500  # less than a thing a call
    assert len(fitted.history) == HISTORY_EPOCHS
    assert fitted.history[-1]["epoch"] == 3000
    assert with_batches(fitted.history) == [HISTORY_EPOCHS - 1]
    assert fitted.score(X_new, y_new) > 0.95
