"""Which loop runs, and that whoever wants to be asked is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochScoring, GradientNormClipping, LRScheduler
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor
from sk_warmstart.modules import MLP
from sk_warmstart.training.mlp import _epoch as _closed_form_epoch
from sk_warmstart.training.updates import _direct_update

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts epochs of the closed form and direct updates."""
    counts = {"closed": 0, "direct": 0}

    def counting(cls: Any, method: str, name: str) -> None:
        original = getattr(cls, method)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(cls, method, wrapper)

    counting(_closed_form_epoch.ClosedFormEpochs, "run", "closed")
    counting(_direct_update.DirectUpdate, "step", "direct")
    return counts


def net(cls: Any = WarmStartClassifier, **params: Any) -> Any:
    given = {"max_epochs": 2, "batch_size": 16, "random_state": 0, "module__hidden_layer_sizes": (5,)} | params
    return cls(**given)


class Subclass(MLP):
    pass


class Infers(WarmStartClassifier):
    def infer(self, x: Any, **fit_params: Any) -> Any:
        self.__dict__.setdefault("calls_", []).append("infer")
        return super().infer(x, **fit_params)


class Loses(WarmStartClassifier):
    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        self.__dict__.setdefault("calls_", []).append("get_loss")
        if kwargs.get("training"):
            self.history.record_batch("mine", len(y_pred))
        return super().get_loss(y_pred, y_true, *args, **kwargs)


class Steps(WarmStartClassifier):
    def train_step_single(self, batch: Any, **fit_params: Any) -> Any:
        self.__dict__.setdefault("calls_", []).append("train_step_single")
        return super().train_step_single(batch, **fit_params)


class Validates(WarmStartClassifier):
    def validation_step(self, batch: Any, **fit_params: Any) -> Any:
        self.__dict__.setdefault("calls_", []).append("validation_step")
        return super().validation_step(batch, **fit_params)


class Below(NeuralNetClassifier):
    def get_loss(self, *args: Any, **kwargs: Any) -> Any:
        self.__dict__.setdefault("calls_", []).append("below")
        return super().get_loss(*args, **kwargs)


class Above(WarmStartMixin, Below):
    pass


class Gradients(Callback):
    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        net.__dict__.setdefault("calls_", []).append("grad")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "optimizer__nesterov": True},
        {"optimizer": torch.optim.Adam, "optimizer__weight_decay": 0.1},
        {"module__dropout": 0.3, "module__activation": "gelu"},
        {"early_stopping": True},
        {"callbacks": [("lr", LRScheduler("StepLR", step_size=1))]},
        {"callbacks": [("lr", EpochScoring("accuracy", on_train=False))]},
        {"iterator_train__drop_last": True, "class_weight": {0: 2.0, 1: 1.0, 2: 1.0}},
    ],
)
def test_the_default_network_needs_no_autograd(ran: dict[str, int], params: dict[str, Any]) -> None:
    net(**params).fit(X, y)
    assert ran == {"closed": 2, "direct": 0}


def test_nor_does_a_regressor(ran: dict[str, int]) -> None:
    net(WarmStartRegressor).fit(X, X[:, 0])
    net(WarmStartRegressor).fit(X, X[:, :2])
    assert ran["closed"] == 4


@pytest.mark.parametrize(
    ("cls", "params", "direct"),
    [
        (WarmStartClassifier, {"module": Subclass}, True),
        (WarmStartClassifier, {"module__norm": "layer"}, True),
        (WarmStartClassifier, {"criterion__label_smoothing": 0.1}, True),
        (WarmStartClassifier, {"optimizer__fused": False}, False),
        (WarmStartClassifier, {"optimizer__foreach": True}, False),
        (WarmStartClassifier, {"optimizer__amsgrad": True}, False),
        (WarmStartClassifier, {"optimizer": torch.optim.RMSprop}, False),
        (WarmStartClassifier, {"optimizer__param_groups": [("output*", {"lr": 0.1})]}, False),
        (WarmStartClassifier, {"callbacks": [("clip", GradientNormClipping(1.0))]}, False),
        (WarmStartClassifier, {"callbacks": [("grad", Gradients())]}, False),
        (Infers, {}, True),
        (Loses, {}, True),
        (Steps, {}, False),
    ],
)
def test_autograd_where_it_is_needed(ran: dict[str, int], cls: Any, params: dict[str, Any], direct: bool) -> None:
    fitted = net(cls, **params).fit(X, y)
    assert ran == {"closed": 0, "direct": 12 if direct else 0}
    assert np.isfinite(fitted.loss_curve_).all()


@pytest.mark.parametrize("cls", [Infers, Loses, Steps])
def test_methods_of_the_users_own_are_called_for_each_batch(cls: Any) -> None:
    fitted = net(cls).fit(X, y)
    assert len(fitted.calls_) >= 12
    if cls is Loses:
        assert [row["mine"] for row in fitted.history[-1, "batches"]] == [16, 16, 16, 16, 16, 10]


def test_a_validation_step_of_the_users_own_is_called() -> None:
    from skorch.dataset import ValidSplit

    assert len(net(Validates, train_split=ValidSplit(3)).fit(X, y).calls_) == 4


def test_a_loss_below_the_mixin_is_called_too() -> None:
    params = {"criterion": nn.CrossEntropyLoss, "train_split": None, "verbose": 0, "module": MLP}
    assert len(net(Above, **params).fit(X, y).calls_) >= 12


def test_a_hook_on_the_module_is_called(ran: dict[str, int]) -> None:
    class Hooks(Callback):
        def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
            self.calls_: list[int] = []
            net.module_.output.register_forward_hook(lambda *_: self.calls_.append(1))

    hooks = Hooks()
    net(callbacks=[("hooks", hooks)]).fit(X, y)
    assert ran["closed"] == 0
    assert len(hooks.calls_) >= 12


def test_frozen_parameters_stay(ran: dict[str, int]) -> None:
    class Frozen(Callback):
        def on_train_begin(self, net: Any, *args: Any, **kwargs: Any) -> None:
            self.before_ = net.module_.hidden[0].weight.detach().clone()
            net.module_.hidden[0].weight.requires_grad_(False)

    frozen = Frozen()
    fitted = net(callbacks=[("frozen", frozen)]).fit(X, y)
    assert ran["closed"] == 0
    assert torch.equal(fitted.module_.hidden[0].weight, frozen.before_)


def test_callbacks_see_the_network_gradients_and_moments_of_every_epoch() -> None:
    class Looks(Callback):
        def initialize(self) -> Any:
            self.seen_: list[Any] = []
            return self

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            parameters = list(net.module_.parameters())
            assert net.module_.training
            self.seen_.append(
                [p.detach().clone() for p in parameters]
                + [p.grad.clone() for p in parameters]
                + [net.optimizer_.state[p][name].clone() for p in parameters for name in ("exp_avg", "step")]
            )

    closed, plain = Looks(), Looks()
    net(max_epochs=3, callbacks=[("looks", closed)], dtype="float64").fit(X, y)
    net(max_epochs=3, callbacks=[("looks", plain)], dtype="float64", optimizer__fused=False).fit(X, y)
    for ours, theirs in zip(closed.seen_, plain.seen_, strict=True):
        for one, two in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-10)


def test_what_a_callback_changes_between_epochs_counts() -> None:
    class Zeroes(Callback):
        def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
            with torch.no_grad():
                for parameter in net.module_.parameters():
                    parameter.zero_()
            net.optimizer_.state.clear()
            net.optimizer_.param_groups[0]["lr"] = 0.0

    fitted = net(callbacks=[("zeroes", Zeroes())]).fit(X, y)
    assert all(not p.any() for p in fitted.module_.parameters())
    assert fitted.history[-1, "train_loss"] == pytest.approx(np.log(3))


def test_the_direct_update_is_the_optimisers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(optimizer: Any, **params: Any) -> Any:
        return net(module=Subclass, optimizer=optimizer, max_epochs=3, **params).fit(X, y)

    for optimizer, extra in [
        (torch.optim.SGD, {}),
        (torch.optim.SGD, {"optimizer__momentum": 0.9}),
        (torch.optim.Adam, {"optimizer__weight_decay": 0.1}),
        (torch.optim.AdamW, {}),
    ]:
        ours, theirs = fitted(optimizer, **extra), fitted(optimizer, optimizer__fused=True, **extra)
        for one, two in zip(ours.module_.parameters(), theirs.module_.parameters(), strict=True):
            assert torch.equal(one, two)
            for name, value in theirs.optimizer_.state[two].items():
                assert value is None or torch.equal(ours.optimizer_.state[one][name], value)


def test_a_loss_that_is_no_number_is_told_as_ever(ran: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no longer a finite number"):
        net(WarmStartRegressor, lr=1e30, optimizer=torch.optim.SGD, max_epochs=5).fit(X, X[:, 0])
    assert ran["closed"]


def test_an_interrupted_epoch_keeps_what_it_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    from sk_warmstart.training import FlatUpdate

    step, calls = FlatUpdate.fused_step, []

    def interrupted(self: Any, counter: Any) -> None:
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        step(self, counter)

    monkeypatch.setattr(FlatUpdate, "fused_step", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        fitted = net().fit(X, y)
    steps = {float(state["step"]) for state in fitted.optimizer_.state.values()}
    assert steps == {8.0}
    assert fitted.predict(X).shape == (90,)


def test_predictions_of_many_rows_are_those_of_batches() -> None:
    fitted = net(batch_size=7).fit(X, y)
    many = rng.normal(size=(5000, 4)).astype(np.float32)
    probabilities = fitted.predict_proba(many)
    by_skorch = NeuralNetClassifier.predict_proba(fitted, many)
    np.testing.assert_allclose(probabilities, by_skorch, rtol=1e-5, atol=1e-7)
    assert probabilities.dtype == np.float32


@pytest.mark.parametrize("name", ["infer", "forward_iter", "evaluation_step", "get_iterator"])
def test_prediction_asks_whoever_overrides_a_part_of_it(name: str) -> None:
    calls = []

    def overridden(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return getattr(WarmStartClassifier, name)(self, *args, **kwargs)

    cls = type("Mine", (WarmStartClassifier,), {name: overridden})
    fitted = net(cls).fit(X, y)
    calls.clear()
    assert np.allclose(fitted.predict_proba(X).sum(1), 1)
    assert calls


def test_prediction_with_a_nonlinearity_of_the_users_own() -> None:
    fitted = net(predict_nonlinearity=lambda output: output * 0).fit(X, y)
    assert not fitted.predict_proba(X).any()


def test_a_module_that_works_in_place_does_not_change_the_rows() -> None:
    class InPlace(nn.Module):
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__()
            self.layer = nn.Linear(n_features, n_outputs)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.layer(X.mul_(2))

    data = X.copy()
    fitted = WarmStartClassifier(InPlace, max_epochs=1, random_state=0).fit(data, y)
    assert np.array_equal(fitted.predict_proba(data), fitted.predict_proba(data))
    assert np.array_equal(data, X)
