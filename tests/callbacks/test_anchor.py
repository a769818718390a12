"""Anchor: L2-SP and L2-Init."""

from __future__ import annotations

import logging
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

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.callbacks import Anchor, Freeze
from sk_warmstart.modules import MLP
from sk_warmstart.state import NetState

X, y = make_classification(60, 5, n_informative=4, n_redundant=0, random_state=0)
X = X.astype(np.float64)


class HearsBatches(Callback):
    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


class OwnStep(WarmStartClassifier):
    """A step of one's own around skorch's."""

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        return super().train_step(batch, **fit_params)


def make(*callbacks: Any, cls: Any = WarmStartClassifier, **params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (6,),
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
        "lr": 0.05,
        "device": "cpu",
        "classes": [0, 1],
    }
    return cls(callbacks=list(callbacks), **(defaults | params))


def by_hand(origin: NetState, anchor: NetState, strength: float, scope: str, norm: str | None) -> nn.Module:
    module = MLP(5, 2, (6,), norm=norm).double()
    origin.load_into(module)
    norms = {f"hidden.1.{name}" for name in ("weight", "bias")} if norm else set()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    for _ in range(3):
        loss = nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y))
        for name, parameter in module.named_parameters():
            if name not in norms and (scope == "all" or parameter.ndim > 1):
                loss = loss + strength / 2 * (parameter - anchor[name]).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("scope", ["all", "matrices"])
@pytest.mark.parametrize("cls", [WarmStartClassifier, OwnStep])
def test_training_equals_a_hand_loop_with_the_penalty(norm: str | None, scope: str, cls: Any) -> None:
    settings: dict[str, Any] = {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "batch_size": -1,
        "iterator_train__shuffle": False,
    }
    donor = make(module__norm=norm).fit(X, y)
    net = make(Anchor(0.7, scope=scope), cls=cls, module__norm=norm, **settings)
    start = NetState.from_module(donor.module_)
    net.set_params(warm_start_from=Checkpoint.from_estimator(donor)).fit(X, y)
    module = by_hand(start, start, 0.7, scope, norm)
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(net.module_.state_dict()[name], tensor)


def test_the_origin_of_the_lineage_can_be_the_anchor() -> None:
    settings: dict[str, Any] = {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "batch_size": -1,
        "iterator_train__shuffle": False,
    }
    net = make(Anchor(0.7, to="origin"), warm_start=True, **settings).fit(X, y)
    start, origin = NetState.from_module(net.module_), net.origin_
    net.fit(X, y)
    module = by_hand(start, origin, 0.7, "all", None)
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(net.module_.state_dict()[name], tensor)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_all_loops_give_the_same_numbers(norm: str | None) -> None:
    fast = make(Anchor(0.5), module__norm=norm).fit(X, y)
    for other in (
        make(Anchor(0.5), HearsBatches(), module__norm=norm),
        make(Anchor(0.5), cls=OwnStep, module__norm=norm),
    ):
        other.fit(X, y)
        for name, tensor in fast.module_.state_dict().items():
            torch.testing.assert_close(other.module_.state_dict()[name], tensor, rtol=1e-12, atol=1e-12)


def test_no_strength_is_no_anchor() -> None:
    with_none, without = make(Anchor(0.0)).fit(X, y), make().fit(X, y)
    np.testing.assert_allclose(with_none.predict_proba(X), without.predict_proba(X), rtol=1e-9)


def test_partial_fits_equal_one_fit() -> None:
    whole, parts = make(Anchor(0.5)).fit(X, y), make(Anchor(0.5))
    for _ in range(3):
        parts.partial_fit(X, y)
    np.testing.assert_array_equal(whole.predict_proba(X), parts.predict_proba(X))


def test_donor_and_fresh_without_a_donor() -> None:
    pull = {
        to: make(Anchor(5.0, to=to)).fit(X, y).predict_proba(X) for to in ("start", "fresh", "donor", "origin")
    }
    np.testing.assert_array_equal(pull["fresh"], pull["start"])
    np.testing.assert_array_equal(pull["origin"], pull["start"])
    np.testing.assert_allclose(pull["donor"], make().fit(X, y).predict_proba(X), rtol=1e-9)


def test_the_donor_of_a_warm_start_is_the_start() -> None:
    donor = Checkpoint.from_estimator(make().fit(X, y))
    nets = [make(Anchor(5.0, to=to), warm_start_from=donor).fit(X, y) for to in ("start", "donor")]
    np.testing.assert_array_equal(nets[0].predict_proba(X), nets[1].predict_proba(X))


def test_strength_can_be_searched_in_packs_and_without(caplog: pytest.LogCaptureFixture) -> None:
    grid = {"callbacks__anchor__strength": [0.0, 0.5, 50.0]}
    search = GridSearchCV(make(("anchor", Anchor())), grid, cv=2, refit=False)
    alone = clone(search).fit(X, y).cv_results_
    with caplog.at_level(logging.INFO), joblib.parallel_config(backend="packed", n_jobs=4):
        packed = clone(search).fit(X, y).cv_results_
    np.testing.assert_array_equal(alone["mean_test_score"], packed["mean_test_score"])
    assert "wants to see each batch" in caplog.text


def test_it_goes_with_freeze_and_clone() -> None:
    net = clone(make(("anchor", Anchor(0.3, scope="matrices")), Freeze())).fit(X, y)
    assert net.get_params()["callbacks__anchor__strength"] == 0.3
    assert torch.equal(net.module_.hidden[0].weight, net.origin_["hidden.0.weight"])


def test_errors_say_what_to_do() -> None:
    for anchor, message in (
        (Anchor(-1.0), "strength of Anchor must be"),
        (Anchor(to="there"), "to of Anchor must be"),
        (Anchor(scope="some"), "scope of Anchor must be"),
    ):
        with pytest.raises(ValueError, match=message):
            make(anchor).fit(X, y)
    with pytest.raises(ValueError, match="LBFGS"):
        make(Anchor(), optimizer=torch.optim.LBFGS).fit(X, y)


def test_a_changed_meaning_of_the_columns_is_noticed() -> None:
    net = make(Anchor(0.5), standardize=True).partial_fit(X, y)
    before = net.predict_proba(X)
    with pytest.raises(ValueError, match="to='origin'"):
        net.partial_fit(X + 3, y)
    np.testing.assert_array_equal(net.predict_proba(X), before)
    make(Anchor(0.5, to="origin"), standardize=True).partial_fit(X, y).partial_fit(X + 3, y)
    net = make(("anchor", Anchor(0.5))).partial_fit(X, y).set_params(callbacks__anchor__strength=0.1)
    with pytest.raises(ValueError, match="the anchor is gone"):
        net.partial_fit(X, y)


@pytest.mark.parametrize(("to", "attribute"), [("fresh", "fresh"), ("donor", "previous")])
def test_the_session_tells_of_fresh_and_previous(to: str, attribute: str) -> None:
    donor = Checkpoint.from_estimator(make().fit(X, y))
    pulled = {"warm_start_from": donor, "init_policy": "shrink_perturb", "max_epochs": 40}
    told = NetState({name: torch.full_like(t, 0.25) for name, t in donor.state.items()}, set(donor.state))
    tells = Anchor(1000.0, to=to)
    settings: dict[str, Any] = {"optimizer": torch.optim.SGD, "lr": 5e-4, **pulled}

    class Tells(Callback):
        def on_train_begin(self, net: Any, **kwargs: Any) -> None:
            setattr(net.session_, attribute, told)

    net = make(Tells(), tells, **settings).fit(X, y)
    for parameter in net.module_.parameters():
        np.testing.assert_allclose(parameter.detach().numpy(), 0.25, atol=1e-2)


def test_a_start_that_nobody_tells_of_is_an_error() -> None:
    donor = Checkpoint.from_estimator(make().fit(X, y))

    class Hides(Callback):
        def on_train_begin(self, net: Any, **kwargs: Any) -> None:
            net.session_.fresh = net.session_.previous = None

    for to in ("fresh", "donor"):
        net = make(Hides(), Anchor(to=to), warm_start_from=donor, init_policy="shrink_perturb")
        with pytest.raises(ValueError, match="use to='start' or to='origin'"):
            net.fit(X, y)


def test_the_old_name_of_a_scope_works_and_warns() -> None:
    with pytest.warns(FutureWarning, match="scope='weights' of Anchor is called 'matrices'"):
        old = make(Anchor(0.5, scope="weights")).fit(X, y)
    np.testing.assert_array_equal(
        old.predict_proba(X), make(Anchor(0.5, scope="matrices")).fit(X, y).predict_proba(X)
    )
