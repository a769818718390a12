"""The choice of the training loop: one answer, with its reasons, that the epoch and the pack follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping
from skorch.history import History
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.modules import MLP
from sk_warmstart.training import (
    METHODS,
    Companion,
    Route,
    TensorBatches,
    TrainableNet,
    is_overridden,
    route,
    run_epoch,
)

rng = np.random.default_rng(0)
CLIP = GradientNormClipping(1)
X = rng.normal(size=(40, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)


class Listens(Callback):
    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


class Steps(WarmStartClassifier):
    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        return super().train_step(batch, **fit_params)


class Loses(WarmStartClassifier):
    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        return super().get_loss(y_pred, y_true, *args, **kwargs)


class Loops(WarmStartClassifier):
    def fit_loop(self, *args: Any, **kwargs: Any) -> Any:
        return super().fit_loop(*args, **kwargs)


class Own(nn.Module):
    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layer(X)


class Normed(Own):
    def __init__(self, n_features: int, n_outputs: int):
        super().__init__(n_features, n_outputs)
        self.norm = nn.BatchNorm1d(n_features)


class Hooks(Callback):
    def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
        net.module_.register_forward_hook(lambda *_: None)


def fitted(cls: Any = WarmStartClassifier, **params: Any) -> Any:
    target = X[:, :2] if cls is WarmStartRegressor else y
    return cls(max_epochs=1, batch_size=16, random_state=0, **params).fit(X, target)


def batches_of(net: Any) -> Any:
    target = X[:, :2] if isinstance(net, WarmStartRegressor) else y
    return net.get_iterator(net.get_dataset(X, target), training=True)


def route_of(net: Any, forward_params: dict[str, Any] | None = None) -> Route:
    return route(net, batches_of(net), forward_params)


@pytest.mark.parametrize(
    ("cls", "params", "kind", "packs", "conditions"),
    [
        (WarmStartClassifier, {}, "closed_form", True, set()),
        (WarmStartRegressor, {"module__dropout": 0.5}, "closed_form", True, set()),
        (WarmStartClassifier, {"module": Own}, "autograd", True, {"closed_form", "device"}),
        (WarmStartClassifier, {"module": Normed}, "autograd", False, {"closed_form", "device", "buffers"}),
        (WarmStartClassifier, {"optimizer__fused": False}, "autograd", True, {"update"}),
        (WarmStartClassifier, {"optimizer": torch.optim.RMSprop}, "autograd", False, {"update", "optimizer"}),
        (WarmStartClassifier, {"autocast": "bfloat16"}, "autograd", False, {"autocast"}),
        (WarmStartClassifier, {"callbacks": [("each", Companion())]}, "autograd", False, {"companions"}),
        (WarmStartClassifier, {"callbacks": [("hooks", Hooks())]}, "autograd", False, {"hooks"}),
        (WarmStartClassifier, {"iterator_train__num_workers": 0}, "autograd", False, {"iterator"}),
        (WarmStartClassifier, {"callbacks": [("all", Listens())]}, "skorch", False, {"batch_events"}),
        (
            WarmStartClassifier,
            {"callbacks": [("clip", GradientNormClipping(1))]},
            "skorch",
            False,
            {"gradient_callback"},
        ),
        (WarmStartClassifier, {"optimizer": torch.optim.LBFGS}, "skorch", False, {"closure"}),
        (Loops, {}, "closed_form", False, {"loop"}),
        (Loses, {}, "autograd", False, {"forward_or_loss"}),
        (Steps, {"callbacks": [("all", Listens())]}, "skorch", False, {"step", "batch_events"}),
    ],
)
def test_the_kind_and_its_reasons(
    cls: Any, params: dict[str, Any], kind: str, packs: bool, conditions: set[str]
) -> None:
    found = route_of(fitted(cls, **params))
    assert (found.kind, found.packs) == (kind, packs)
    assert {reason.condition for reason in found.reasons} == conditions
    assert bool(found.why_alone()) is not packs
    assert all(reason.message in str(found) for reason in found.reasons)


def test_reasons_rule_out_what_is_better_than_what_runs() -> None:
    for params in ({}, {"module": Own}, {"callbacks": [("all", Listens())]}, {"autocast": "bfloat16"}):
        found = route_of(fitted(**params))
        ruled_out = {name for reason in found.reasons for name in reason.rules_out}
        order = ["closed_form", "cuda_graph", "autograd", "skorch"]
        assert ruled_out >= set(order[: order.index(found.kind)])
        assert found.kind not in ruled_out
        assert ("pack" in ruled_out) is not found.packs


def test_further_arguments_of_the_module() -> None:
    found = route_of(fitted(), {"mask": None})
    assert (found.kind, found.packs) == ("autograd", False)
    assert "mask" in found.why_alone()


def test_a_shared_history_needs_a_batch_at_a_time() -> None:
    net = fitted()
    net.history_ = type("Shared", (History,), {})()
    found = route(net, None)
    assert (found.kind, found.packs) == ("autograd", False)


def test_before_there_are_batches_any_that_suit_are_thought_of() -> None:
    assert route(fitted(), None).packs
    assert not route(fitted(Loops), None).packs


def test_what_a_callback_changes_between_epochs_counts() -> None:
    net = fitted()
    batches = batches_of(net)
    assert route(net, batches).kind == "closed_form"
    net.module_.output.weight.requires_grad_(False)
    found = route(net, batches)
    assert (found.kind, found.packs) == ("autograd", False)
    assert [reason.condition for reason in found.reasons] == ["parameters"]


@pytest.mark.parametrize("cls", [WarmStartClassifier, Loses, Steps])
def test_the_epoch_returns_the_route_that_it_took(cls: Any) -> None:
    net = fitted(cls)
    batches = batches_of(net)
    net.history.new_epoch()
    taken = run_epoch(net, batches, True, "train", net.train_step)
    assert taken == route(net, batches)
    assert net.history[-1, "train_batch_count"] == 3
    assert run_epoch(net, batches, False, "valid", net.validation_step) is None


@pytest.mark.parametrize("name", sorted({name for names in METHODS.values() for name in names}))
def test_methods_of_the_table_are_looked_for_in_the_users_classes(name: str) -> None:
    def overridden(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(mine, self), name)(*args, **kwargs)

    mine: Any = type("Mine", (WarmStartClassifier,), {name: overridden})
    assert hasattr(NeuralNet, name) or hasattr(WarmStartClassifier, name), "the table names what there is"
    assert is_overridden(mine(), name)
    assert not is_overridden(WarmStartClassifier(), name)
    net = WarmStartClassifier()
    vars(net)[name] = None
    assert is_overridden(net, name)


def test_estimators_are_trainable_nets() -> None:
    for net in (fitted(), fitted(WarmStartRegressor)):
        assert isinstance(net, TrainableNet)
        assert isinstance(batches_of(net), TensorBatches)
        assert type(net.module_) is MLP
