"""Fits side by side: what packs depend on, what members keep, what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import config_context, get_config
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.modules import MLP
from sk_warmstart.training import Stopwatch, current_rendezvous, run_together


class Own(nn.Module):
    """A module that only vmap can run."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.first, self.last = nn.Linear(n_features, 4), nn.Linear(4, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.last(torch.sin(self.first(X)))


def _fit(**params: Any) -> Callable[[], WarmStartClassifier]:
    X, y = make_classification(90, 5, random_state=0)
    estimator = WarmStartClassifier(max_epochs=3, module__hidden_layer_sizes=(4,), **params)
    return lambda: estimator.fit(X, y)


def test_tasks_side_by_side_train_in_one_pack_however_long_they_take() -> None:
    packs = []

    class Slow(Callback):
        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
            for _ in range(200_000):
                pass
            packs.append(current_rendezvous())

    tasks = [_fit(random_state=i, callbacks=[Slow()] if i == 1 else None) for i in range(3)]
    together = run_together(tasks)
    assert [rendezvous.packs for rendezvous in packs] == [[3]]
    for i, fitted in enumerate(together):
        alone = _fit(random_state=i)()
        np.testing.assert_allclose(fitted.loss_curve_, alone.loss_curve_, rtol=1e-9)
        gradients = zip(fitted.module_.parameters(), alone.module_.parameters(), strict=True)
        assert all(torch.allclose(a.grad, b.grad, rtol=1e-7, atol=1e-12) for a, b in gradients)


def test_members_of_different_lengths_each_keep_their_last_gradient() -> None:
    def task(n: int) -> Callable[[], WarmStartClassifier]:
        X, y = make_classification(n, 5, random_state=0)
        net = WarmStartClassifier(module, max_epochs=2, random_state=0, batch_size=16)
        return lambda: net.fit(X, y)

    for module in (MLP, Own):
        sizes = (40, 64, 75)
        for fitted, n in zip(run_together([task(n) for n in sizes]), sizes, strict=True):
            alone = task(n)()
            for a, b in zip(fitted.module_.parameters(), alone.module_.parameters(), strict=True):
                assert torch.allclose(a.grad, b.grad, rtol=1e-7, atol=1e-12), (module, n)


def test_the_first_task_that_fails_is_told_and_the_others_are_given_up() -> None:
    def fails() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run_together([_fit(random_state=0), fails, _fit(random_state=1)])
    assert run_together([fails, _fit()][1:])[0].n_iter_ == 3  # one alone needs no thread


def test_settings_of_scikit_learn_reach_the_tasks() -> None:
    with config_context(assume_finite=True):
        found = run_together([lambda: get_config()["assume_finite"]] * 2)
    assert found == [True, True]


def test_a_rendezvous_inside_a_task_does_not_hold_up_the_others() -> None:
    def outer() -> list[int]:
        return [net.n_iter_ for net in run_together([_fit(random_state=1), _fit(random_state=2)])]

    assert run_together([outer, lambda: [_fit(random_state=3)().n_iter_]]) == [[3, 3], [3]]


def test_seconds_of_a_fit_in_a_pack_are_its_share() -> None:
    def task(seed: int) -> Callable[[], float]:
        fit = _fit(random_state=seed)

        def run() -> float:
            watch = Stopwatch(shared=True)
            fit()
            return watch.seconds

        return run

    began = time.perf_counter()
    shares = run_together([task(seed) for seed in range(6)])
    whole = time.perf_counter() - began
    assert min(shares) > 0
    assert sum(shares) < whole * 1.5  # each of them waited about as long as all took
