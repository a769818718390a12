"""Small networks train with one thread, and the caller's number comes back whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.training import suited_threads

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)
SETTINGS: dict[str, Any] = {"max_epochs": 2, "batch_size": 16, "random_state": 0}


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Threads(Callback):
    """Notes how many threads there are at the end of each epoch, and may fail."""

    def __init__(self, fails: bool = False):
        self.fails, self.seen_ = fails, []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.seen_.append(torch.get_num_threads())
        if self.fails:
            raise RuntimeError("on purpose")


class Convolution(nn.Module):
    """Small in weights, large in work."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.layer, self.output = nn.Conv1d(1, 2, 3), nn.Linear(4, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.output(self.layer(X[:, None]).flatten(1))


@pytest.mark.parametrize(
    ("settings", "threads"),
    [
        ({}, 1),
        ({"batch_size": -1}, 1),
        ({"module__hidden_layer_sizes": (2_000, 500)}, 3),
        ({"module": Convolution}, 3),
        ({"early_stopping": True}, 1),
    ],
)
def test_threads_by_the_work_of_a_step(settings: dict[str, Any], threads: int) -> None:
    noted = Threads()
    net = WarmStartClassifier(**{**SETTINGS, "callbacks": [("noted", noted)], **settings}).fit(X, y)
    assert dict(net.callbacks_)["noted"].seen_ == [threads, threads]
    assert torch.get_num_threads() == 3
    net.partial_fit(X, y)
    assert dict(net.callbacks_)["noted"].seen_ == [threads] * 3
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_they_come_back_after_an_error(method: str) -> None:
    net = WarmStartClassifier(**SETTINGS, callbacks=[Threads(fails=True)])
    more = {"classes": [0, 1]} if method == "partial_fit" else {}
    with pytest.raises(RuntimeError, match="on purpose"):
        getattr(net, method)(X, y, **more)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("backend", ["threading", "packed"])
def test_they_come_back_after_fits_in_threads(backend: str) -> None:
    with joblib.parallel_config(backend=backend, n_jobs=3):
        cross_val_score(WarmStartClassifier(**SETTINGS), X, y, cv=3, error_score="raise")
    assert torch.get_num_threads() == 3
    with ThreadPoolExecutor(1) as pool:  # a thread that begins later
        assert pool.submit(torch.get_num_threads).result() == 3


def test_threads_that_overlap() -> None:
    """The first leaves while the second is inside, which began when there was one."""
    network, entered, leave = nn.Linear(2, 2), threading.Event(), threading.Event()

    def second() -> int:
        with suited_threads(network, 1, None, "cpu"):
            entered.set()
            leave.wait(10)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        with suited_threads(network, 1, None, "cpu"):
            future = pool.submit(second)
            assert entered.wait(10)
        assert torch.get_num_threads() == 3
        leave.set()
        assert future.result() == 3  # though it began when there was one
    assert torch.get_num_threads() == 3
