"""The results are kept whatever the refit does, and a refit has the validation rows that its callbacks need."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparators import X, Y, comparator, net
from sklearn.exceptions import FitFailedWarning, NotFittedError
from skorch.callbacks import Callback, EarlyStopping
from skorch.callbacks import Checkpoint as SkorchCheckpoint
from skorch.dataset import ValidSplit

from sk_warmstart import WarmStartClassifier
from sk_warmstart.comparison import DataIncremental


class Monitor(Callback):
    """Reads the loss on validation rows."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        assert net.history[-1, "valid_loss"] >= 0


class Fails(Callback):
    """Fails where a fit has all rows, or nearly all."""

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if len(X) > 120:
            raise RuntimeError("too many rows")


class Interrupts(Callback):
    """Ctrl-C where a fit has all rows."""

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        if len(dataset_train) > 120:
            os.kill(os.getpid(), signal.SIGINT)


def refitted(estimator: WarmStartClassifier, **params: Any) -> Any:
    settings = {"phases": DataIncremental(2), "refit": "warm"}
    return comparator(estimator, **(settings | params)).fit(X, Y)


@pytest.mark.parametrize("split", [None, ValidSplit(5)], ids=["", "train_split"])
@pytest.mark.parametrize("kind", ["early stopping", "files", "own"])
def test_callbacks_that_watch_validation_rows_have_them(kind: str, split: Any, tmp_path: Path) -> None:
    callback = {
        "early stopping": EarlyStopping(patience=2),
        "files": SkorchCheckpoint(dirname=str(tmp_path), load_best=True),
        "own": Monitor(),
    }[kind]
    result = refitted(net(callbacks=[("watch", callback)], train_split=split))
    best = result.best_estimator_
    assert (result.results_["error"] == "").all()
    assert result.curves_.query("epoch > 0")["valid_loss"].notna().all()
    assert "valid_loss" in best.history[-1]
    assert best.train_split is split
    assert [name for name, _ in best.callbacks] == ["watch"]
    assert best.predict(X).shape == Y.shape


def test_an_arm_may_have_a_split_of_its_own() -> None:
    policies = {
        "cold": "cold",
        "warm": {"init_policy": "warm", "train_split": ValidSplit(5), "callbacks": [("watch", Monitor())]},
    }
    result = refitted(net(), policies=policies)
    assert (result.results_["error"] == "").all()
    assert result.best_estimator_.train_split is policies["warm"]["train_split"]  # type: ignore[index]


def test_without_callbacks_that_need_them_no_row_is_held_out() -> None:
    result = refitted(net())
    assert "valid_loss" not in result.best_estimator_.history[-1]


def test_validation_rows_of_the_refit_never_trained() -> None:
    result = refitted(net(callbacks=[EarlyStopping(patience=2)]))  # a LeakageWarning would be an error
    assert result.refit_error_ is None


def test_a_refit_that_fails_leaves_the_results() -> None:
    with pytest.warns(FitFailedWarning, match=r"complete, but 'warm' cannot be refitted: RuntimeError: too many"):
        result = refitted(net(callbacks=[Fails()]))
    assert result.best_estimator_ is None
    assert "too many rows" in result.refit_error_
    assert len(result.results_) == 4
    assert result.interrupted_ is None
    assert result.gain_.loc["warm", "verdict"] != "failed"
    with pytest.raises(NotFittedError, match="'warm' cannot be refitted"):
        result.score(X, Y)
    assert not hasattr(result.fit(X[:100], Y[:100]).refit_error_, "upper")


@pytest.fixture
def _as_in_the_foreground() -> Iterator[None]:
    # A shell lets what it starts in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_as_in_the_foreground")
def test_ctrl_c_in_the_refit_leaves_the_results() -> None:
    with pytest.warns(FitFailedWarning, match="'warm' cannot be refitted: it was interrupted"):
        result = refitted(net(callbacks=[Interrupts()]))
    assert result.best_estimator_ is None
    assert "interrupted" in result.interrupted_
    assert len(result.results_) == 4


def test_a_named_arm_that_failed_is_not_refitted() -> None:
    policies = {"cold": "cold", "warm": {"init_policy": "warm", "criterion": "no such thing"}}
    with pytest.warns(FitFailedWarning, match=r"'warm' cannot be refitted: it failed in 2 of 2 replicates \("):
        result = refitted(net(), policies=policies)
    assert result.best_estimator_ is None
    assert np.isfinite(result.gain_.loc["cold", "score"])
