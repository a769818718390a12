"""WeightAverage: EMA, and Hare & Tortoise."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from sk_warmstart import WarmStartClassifier
from sk_warmstart.callbacks import Freeze, WeightAverage
from sk_warmstart.modules import MLP
from sk_warmstart.state import NetState

X, y = make_classification(60, 5, n_informative=4, n_redundant=0, flip_y=0.2, random_state=0)
X = X.astype(np.float64)


class HearsBatches(Callback):
    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


def make(*callbacks: Any, **params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (6,),
        "max_epochs": 4,
        "batch_size": 20,
        "random_state": 0,
        "lr": 0.05,
        "device": "cpu",
        "classes": [0, 1],
    }
    return WarmStartClassifier(callbacks=list(callbacks), **(defaults | params))


def assert_equal(net: Any, expected: dict[str, Any]) -> None:
    for name, tensor in net.module_.state_dict().items():
        np.testing.assert_allclose(tensor.numpy(), np.asarray(expected[name]), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("every", [None, 2])
def test_the_average_equals_one_by_hand(every: int | None) -> None:
    settings: dict[str, Any] = {"optimizer": torch.optim.SGD, "iterator_train__shuffle": False, "max_epochs": 5}
    net = make(WeightAverage(0.9, copy_back_every=every), **settings).fit(X, y)
    hare = MLP(5, 2, (6,)).double()
    net.origin_.load_into(hare)
    tortoise = {name: tensor.numpy().copy() for name, tensor in hare.state_dict().items()}
    optimizer = torch.optim.SGD(hare.parameters(), lr=0.05)
    for epoch in range(1, 6):
        for first in range(0, 60, 20):
            rows = slice(first, first + 20)
            optimizer.zero_grad()
            nn.functional.cross_entropy(hare(torch.tensor(X[rows])), torch.tensor(y[rows])).backward()
            optimizer.step()
            for name, tensor in hare.state_dict().items():
                tortoise[name] = 0.9 * tortoise[name] + 0.1 * tensor.numpy()
        if every and epoch % every == 0:
            hare.load_state_dict({name: torch.tensor(array) for name, array in tortoise.items()})
    assert_equal(net, tortoise)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_no_decay_is_no_average(norm: str | None) -> None:
    net, plain = make(WeightAverage(0.0), module__norm=norm).fit(X, y), make(module__norm=norm).fit(X, y)
    for (name, one), other in zip(net.module_.named_parameters(), plain.module_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12, msg=name)
    if norm:
        count = "hidden.1.num_batches_tracked"
        assert net.module_.state_dict()[count] == plain.module_.state_dict()[count] == 12


def test_batch_norm_collects_statistics_of_the_average() -> None:
    net = make(WeightAverage(0.9), module__norm="batch").fit(X, y)
    hidden = net.module_.hidden[0](torch.tensor(X)).detach()
    batches = hidden.split(20)
    layer = net.module_.hidden[1]
    torch.testing.assert_close(layer.running_mean, torch.stack([b.mean(0) for b in batches]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([b.var(0) for b in batches]).mean(0))
    assert layer.momentum == 0.1
    assert layer.num_batches_tracked.dtype == torch.int64


def test_statistics_that_are_frozen_stay() -> None:
    first = make(module__norm="batch").fit(X, y)
    net = clone(first).set_params(callbacks=[WeightAverage(0.5), Freeze("hidden")], warm_start=True)
    net.fit(X, y)
    start = net.origin_
    for name, tensor in net.module_.state_dict().items():
        assert torch.equal(tensor, start[name]) == name.startswith("hidden"), name


@pytest.mark.parametrize("norm", [None, "batch"])
def test_both_loops_give_the_same_numbers(norm: str | None) -> None:
    fast = make(WeightAverage(0.8, copy_back_every=2), module__norm=norm).fit(X, y)
    slow = make(WeightAverage(0.8, copy_back_every=2), HearsBatches(), module__norm=norm).fit(X, y)
    assert_equal(fast, slow.module_.state_dict())


@pytest.mark.parametrize("norm", [None, "batch"])
def test_partial_fits_equal_one_fit(norm: str | None) -> None:
    whole = make(WeightAverage(0.8, copy_back_every=3), module__norm=norm).fit(X, y)
    parts = make(WeightAverage(0.8, copy_back_every=3), module__norm=norm)
    for i in range(4):
        parts.partial_fit(X, y)
        if i == 1:
            parts = pickle.loads(pickle.dumps(parts))
    assert_equal(whole, parts.module_.state_dict())


def test_what_is_validated_is_what_is_returned() -> None:
    net = make(WeightAverage(0.7), early_stopping=True, n_iter_no_change=2, max_epochs=40, validation_fraction=0.4)
    seen: dict[float, np.ndarray] = {}

    class Watch(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            seen[len(net.history)] = net.predict_proba(X)

    net.set_params(callbacks=[WeightAverage(0.7), Watch()]).fit(X, y)
    scores = net.history[:, "valid_score"]
    best = len(scores) - 1 if scores[-1] == max(scores) else int(np.argmax(scores))
    assert net.n_iter_ < 40
    if scores[best] > net.start_.score:
        np.testing.assert_array_equal(net.predict_proba(X), seen[best + 1])
    else:
        assert NetState.from_module(net.module_).distance(net.origin_) == 0
    # A partial fit goes on from what was returned.
    before = NetState.from_module(net.module_)
    assert NetState.from_module(net.partial_fit(X, y).module_).distance(before) < 1.0


class Fails(Callback):
    def __init__(self, armed: bool = True):
        self.armed = armed

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        if self.armed and len(net.history[-1]["batches"]) == 2 and len(net.history) > 1:
            raise RuntimeError("stop here")


@pytest.mark.parametrize("norm", [None, "batch"])
def test_a_failure_leaves_nothing_swapped(norm: str | None) -> None:
    fails = Fails(False)
    net = make(WeightAverage(0.8), fails, module__norm=norm).partial_fit(X, y).partial_fit(X, y)
    before = net.predict_proba(X)
    fails.armed = True
    with pytest.raises(RuntimeError, match="stop here"):
        net.partial_fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), before)
    fails.armed = False
    whole = make(WeightAverage(0.8), module__norm=norm, max_epochs=3).fit(X, y)
    np.testing.assert_allclose(net.partial_fit(X, y).predict_proba(X), whole.predict_proba(X), rtol=1e-9)


def test_a_user_who_stops_keeps_the_average() -> None:
    class Stops(Callback):
        def on_batch_end(self, net: Any, **kwargs: Any) -> None:
            if len(net.history) == 2:
                raise KeyboardInterrupt

    average = WeightAverage(0.999)
    net = make(average, Stops()).fit(X, y)
    assert_equal(net, dict(average.average_))  # type: ignore[call-overload]
    assert 0 < NetState.from_module(net.module_).distance(net.origin_) < 0.1


def test_a_warm_refit_starts_from_the_average() -> None:
    net = make(WeightAverage(0.9), warm_start=True).fit(X, y)
    kept = net.predict_proba(X)
    net.set_params(max_epochs=0).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), kept)


def test_decay_can_be_searched_in_packs_and_without() -> None:
    grid = {"callbacks__average__decay": [0.0, 0.9], "callbacks__average__copy_back_every": [None, 2]}
    search = GridSearchCV(make(("average", WeightAverage())), grid, cv=2, refit=False)
    alone = clone(search).fit(X, y).cv_results_
    with joblib.parallel_config(backend="packed", n_jobs=4):
        packed = clone(search).fit(X, y).cv_results_
    np.testing.assert_array_equal(alone["mean_test_score"], packed["mean_test_score"])


@pytest.mark.parametrize(("params", "message"), [({"decay": 1.0}, "decay"), ({"copy_back_every": 0}, "copy_back")])
def test_errors_say_what_is_wrong(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(WeightAverage(**params)).fit(X, y)
