"""What a net may hold after each kind of call: its parameters, fitted attributes, and nothing of the rows."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, LRScheduler

from sk_warmstart import WarmStartClassifier, WarmStartRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)).astype(np.float32)
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]

OF_SKORCH = {
    "callbacks_",
    "criterion_",
    "cuda_dependent_attributes_",
    "history_",
    "init_context_",
    "initialized_",
    "module_",
    "optimizer_",
    "prefixes_",
    "virtual_params_",
    "_modules",
    "_criteria",
    "_optimizers",
    "_kwargs",
    "_params_to_validate",
}
FITTED = {"learned_", "n_features_in_", "n_iter_", "loss_curve_", "training_route_"}
OF_A_CLASSIFIER = {"classes_inferred_"}  # skorch's name of what classes_ returns


class Fails(Callback):
    """Ends a call with an error, in the middle of training."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        raise RuntimeError("in the middle")


class FailsOnce(Callback):
    """Ends the second call with an error."""

    def initialize(self) -> FailsOnce:
        self.n_epochs_ = 0
        return self

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.n_epochs_ += 1
        if self.n_epochs_ > 1:
            raise RuntimeError("in the middle")


def make(cls: Any = WarmStartClassifier, **params: Any) -> Any:
    return cls(**{"max_epochs": 1, "batch_size": 16, "random_state": 0, **params})


def held(net: Any) -> set[str]:
    return set(vars(net)) - set(net._get_param_names())


def allowed(net: Any) -> set[str]:
    extra = OF_A_CLASSIFIER if isinstance(net, WarmStartClassifier) else set()
    return OF_SKORCH | FITTED | extra


def targets(cls: Any) -> Any:
    return Y if cls is WarmStartClassifier else X[:, 0] + 1


@pytest.mark.parametrize("cls", [WarmStartClassifier, WarmStartRegressor])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"standardize": True},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"schema": "adapt", "warm_start": True},
        {"init_policy": "best_of", "warm_start": True},
        {"iterator_train__shuffle": False, "optimizer_state": "keep", "warm_start": True},
    ],
    ids=str,
)
def test_after_every_kind_of_call(cls: Any, params: dict[str, Any]) -> None:
    net, y = make(cls, **params), targets(cls)
    assert held(net) <= OF_SKORCH
    for call in (net.fit, net.fit, net.partial_fit, net.partial_fit):
        call(X, y)
        assert held(net) <= allowed(net)
        assert {"learned_", "n_features_in_", "n_iter_", "loss_curve_"} <= held(net)
        assert held(pickle.loads(pickle.dumps(net))) <= allowed(net)
    classes = {"classes": ["a", "b", "c"]} if cls is WarmStartClassifier else {}
    fresh = clone(net).partial_fit(X, y, **classes)
    assert held(fresh) <= allowed(net)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_after_a_first_call_that_fails(method: str) -> None:
    net = make(callbacks=[Fails()])
    before = dict(vars(net))
    params = {"classes": ["a", "b", "c"]} if method == "partial_fit" else {}
    with pytest.raises(RuntimeError, match="in the middle"):
        getattr(net, method)(X, Y, **params)
    assert vars(net) == before


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_after_a_later_call_that_fails(method: str) -> None:
    net = make(callbacks=[FailsOnce()], warm_start=True).partial_fit(X[:20], Y[:20], classes=["a", "b", "c"])
    if method == "fit":
        net.set_params(callbacks=[Fails()])
    before, size = dict(vars(net)), len(pickle.dumps(net))
    wide = np.repeat(X, 200, axis=0)
    with pytest.raises(RuntimeError, match="in the middle"):
        getattr(net, method)(wide, np.repeat(Y, 200))
    assert vars(net) == before
    assert all(vars(net)[name] is value for name, value in before.items())
    assert abs(len(pickle.dumps(net)) - size) < 100  # callbacks may count


class Pickles(Callback):
    """Keeps a pickle of the net while it trains."""

    made: list[bytes] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.made.append(pickle.dumps(net))


def test_a_pickle_made_during_a_fit_holds_no_rows() -> None:
    Pickles.made = []
    for n in (1, 300):
        rows = {"X": np.repeat(X, n, axis=0), "y": np.repeat(Y, n)}
        make(callbacks=[Pickles()], batch_size=10**6).fit(**rows)
    for each in map(pickle.loads, Pickles.made):
        assert held(each) <= allowed(each)
        assert each.predict(X[:3]).shape == (3,)
    assert abs(len(Pickles.made[1]) - len(Pickles.made[0])) < 20_000


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_size_of_a_pickle_does_not_follow_the_rows(method: str) -> None:
    sizes = []
    for n in (10, 25_000):  # 10 MB
        rows = rng.normal(size=(n, 100)).astype(np.float32)
        net = make(batch_size=500, module__hidden_layer_sizes=(8,))
        params = {"classes": [0, 1]} if method == "partial_fit" else {}
        getattr(net, method)(rows, np.arange(n) % 2, **params)
        sizes.append(len(pickle.dumps(net)) - len(pickle.dumps(net.learned_.memory)))
    assert sizes[1] - sizes[0] < 200_000


def test_a_template_stays_the_same_object_in_a_copy() -> None:
    template = torch.nn.Sequential(torch.nn.Linear(4, 3))
    net = make(module=template).fit(X, Y)
    for each in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert each.learned_.architecture["module"] is each.module
        after = each.partial_fit(X, Y).predict_proba(X)
        assert np.array_equal(after, copy.deepcopy(net).partial_fit(X, Y).predict_proba(X))
    changed = pickle.loads(pickle.dumps(net.set_params(module=torch.nn.Sequential(torch.nn.Linear(4, 3)))))
    with pytest.raises(ValueError, match="module changed"):
        changed.partial_fit(X, Y)


class Trains(Callback):
    """Calls a training method of the net that is being trained."""

    def __init__(self, method: str):
        self.method = method

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        getattr(net, self.method)(X, Y)


@pytest.mark.parametrize("inner", ["fit", "partial_fit"])
@pytest.mark.parametrize("outer", ["fit", "partial_fit"])
def test_a_net_that_trains_is_not_trained_by_its_callbacks(outer: str, inner: str) -> None:
    net = make(warm_start=True).fit(X, Y)
    before = net.predict_proba(X)
    net.set_params(callbacks=[Trains(inner)])
    if outer == "partial_fit":
        net.callbacks_ = [*net.callbacks_, ("trains", Trains(inner))]
    with pytest.raises(RuntimeError, match="is being trained"):
        getattr(net, outer)(X, Y)
    assert np.array_equal(net.predict_proba(X), before)
    assert held(net) <= allowed(net)


def test_a_copy_follows_its_schedule() -> None:
    net = make(max_epochs=2, callbacks=[("rate", LRScheduler("StepLR", step_size=1, gamma=0.5))]).fit(X, Y)
    rates = set()
    for each in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), net):
        each.partial_fit(X, Y).partial_fit(X, Y)
        rates.add(each.optimizer_.param_groups[0]["lr"])
    assert len(rates) == 1
