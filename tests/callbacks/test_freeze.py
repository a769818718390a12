"""Freeze, GradualUnfreeze and LayerwiseLR."""

from __future__ import annotations

import warnings
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, LRScheduler
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, StepLR

from sk_warmstart import WarmStartClassifier
from sk_warmstart.callbacks import Freeze, GradualUnfreeze, LayerwiseLR
from sk_warmstart.modules import MLP
from sk_warmstart.modules._selection import layers_upwards, select_tensors
from sk_warmstart.policies import ResetLayers
from sk_warmstart.state import NetState

X, y = make_classification(60, 5, n_informative=4, n_redundant=0, random_state=0)
X = X.astype(np.float64)


class HearsBatches(Callback):
    """What makes the net take skorch's slow path."""

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


def make(*callbacks: Any, **params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (6, 4),
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
        "lr": 0.05,
        "device": "cpu",
        "classes": [0, 1],
    }
    return WarmStartClassifier(callbacks=list(callbacks), **(defaults | params))


def states_equal(a: Any, b: Any) -> bool:
    one, other = NetState.from_module(a.module_), NetState.from_module(b.module_)
    return all(torch.equal(one[name], other[name]) for name in one)


def unmoved(net: Any) -> set[str]:
    now = NetState.from_module(net.module_)
    return {name for name in now if torch.equal(now[name], net.origin_[name])}


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("body", {"hidden.0.weight", "hidden.0.bias", "hidden.2.weight", "hidden.2.bias"}),
        ("0.*bias", {"hidden.0.bias"}),
        (["hidden.2", "output.bias"], {"hidden.2.weight", "hidden.2.bias", "output.bias"}),
        (lambda name, layer: name == "output", {"output.weight", "output.bias"}),
    ],
)
@pytest.mark.parametrize("momentum", [{"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9}, {}])
def test_only_what_is_chosen_stays(which: Any, expected: set[str], momentum: dict[str, Any]) -> None:
    net = make(Freeze(which), optimizer__weight_decay=0.1, **momentum).fit(X, y)
    assert unmoved(net) == expected
    assert all(p.requires_grad for p in net.module_.parameters())


def test_frozen_layers_equal_a_hand_loop() -> None:
    settings: dict[str, Any] = {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "batch_size": -1}
    net = make(Freeze(n_epochs=2), max_epochs=4, iterator_train__shuffle=False, **settings)
    net.fit(X, y)
    module = MLP(5, 2, (6, 4)).double()
    net.origin_.load_into(module)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(4):
        for parameter in module.hidden.parameters():
            parameter.requires_grad_(epoch >= 2)
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y)).backward()
        optimizer.step()
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(net.module_.state_dict()[name], tensor)


def test_a_fit_with_kept_moments_may_train_more_than_the_last() -> None:
    sgd: dict[str, Any] = {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "optimizer_state": "keep"}
    for more in ([], [HearsBatches()]):
        net = make(Freeze(), warm_start=True, **sgd).fit(X, y)
        net.set_params(callbacks=more).fit(X, y)
        assert not torch.equal(net.module_.hidden[0].weight, net.origin_["hidden.0.weight"])


def test_batch_norm_of_frozen_layers_works_as_in_evaluation() -> None:
    first = make(module__norm="batch").fit(X, y)
    net = clone(first).set_params(warm_start=True, callbacks=[Freeze("hidden")])
    net.fit(X, y)
    before = NetState.from_module(net.module_)
    modes: list[bool] = []
    handle = net.module_.hidden[1].register_forward_hook(lambda layer, given, out: modes.append(layer.training))
    net.partial_fit(X, y)
    handle.remove()
    assert not any(modes)
    after = NetState.from_module(net.module_)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("hidden"))
    assert not torch.equal(before["output.weight"], after["output.weight"])
    assert not net.module_.hidden[1]._forward_pre_hooks


class Counts(nn.Module):
    """A layer of a user's own that averages what it sees, into a new tensor each time."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * X.detach().mean(0)
        return self.scale * (X - self.mean)


class Normed(nn.Module):
    def __init__(self, kind: str, n_features: int, n_outputs: int):
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(n_features, 4), nn.Linear(4, n_outputs)]
        if kind == "hooks":
            layers = [nn.utils.spectral_norm(layer) for layer in layers]
        elif kind == "parametrizations":
            layers = [nn.utils.parametrizations.spectral_norm(layer) for layer in layers]
        self.low = layers[0]
        self.between = Counts() if kind == "own" else nn.Tanh()
        self.head = layers[1]

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.between(self.low(X)))


@pytest.mark.parametrize("kind", ["hooks", "parametrizations", "own"])
@pytest.mark.parametrize("companion", [Freeze(), Freeze("low.*weight|between"), GradualUnfreeze(n_epochs=5)])
def test_what_frozen_layers_count_holds_still(kind: str, companion: Any) -> None:
    net = make(companion, module=Normed, module__kind=kind, module__hidden_layer_sizes=None)
    params = {k: v for k, v in net.get_params(deep=False).items() if k != "module__hidden_layer_sizes"}
    net = WarmStartClassifier(**params).fit(X, y)
    still = unmoved(net)
    layers = [name for name in net.module_.state_dict() if not name.startswith("head") and name != "low.bias"]
    assert len(layers) >= 3
    assert still >= set(layers)
    assert not any(name.startswith("head") for name in still)  # its vectors go on
    assert all(layer.training == net.module_.training for layer in net.module_.modules())
    net.set_params(callbacks=[], warm_start=True).fit(X, y)
    assert not unmoved(net)


@pytest.mark.parametrize("kind", ["hooks", "parametrizations"])
def test_a_spectral_norm_goes_on_where_its_weight_trains(kind: str) -> None:
    net = make(Freeze("low.bias|_u|_v"), module=Normed, module__kind=kind, module__hidden_layer_sizes=None)
    params = {k: v for k, v in net.get_params(deep=False).items() if k != "module__hidden_layer_sizes"}
    assert unmoved(WarmStartClassifier(**params).fit(X, y)) == {"low.bias"}


def test_frozen_parameters_of_a_user_stay_frozen() -> None:
    class Own(MLP):
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__(n_features, n_outputs, (3,))
            self.hidden[0].bias.requires_grad_(False)

    net = make(Freeze("hidden.0.weight"), module=Own, module__hidden_layer_sizes=None)
    params = {k: v for k, v in net.get_params(deep=False).items() if k != "module__hidden_layer_sizes"}
    net = WarmStartClassifier(**params).fit(X, y)
    assert [p.requires_grad for p in net.module_.parameters()] == [True, False, True, True]


@pytest.mark.parametrize("companion", [Freeze(), Freeze(n_epochs=1), GradualUnfreeze(), LayerwiseLR()])
def test_both_loops_give_the_same_numbers(companion: Any) -> None:
    fast = make(clone(companion), module__norm="batch").fit(X, y)
    slow = make(clone(companion), HearsBatches(), module__norm="batch").fit(X, y)
    assert states_equal(fast, slow)
    assert fast.history[:, "train_loss"] == slow.history[:, "train_loss"]


@pytest.mark.parametrize("companion", [Freeze(n_epochs=2), GradualUnfreeze(), LayerwiseLR()])
def test_partial_fits_equal_one_fit(companion: Any) -> None:
    whole = make(clone(companion)).fit(X, y)
    parts = make(clone(companion))
    for _ in range(3):
        parts.partial_fit(X, y)
    assert states_equal(whole, parts)


@pytest.mark.parametrize("companion", [Freeze(), GradualUnfreeze(), LayerwiseLR()])
def test_the_next_fit_is_free(companion: Any) -> None:
    net = make(clone(companion), warm_start=True).fit(X, y)
    free = make(warm_start_from=None, warm_start=True).fit(X, y)
    net.set_params(callbacks=[])
    net.fit(X, y)
    assert not any(torch.equal(p, net.origin_[n]) for n, p in net.module_.named_parameters())
    assert len(net.optimizer_.param_groups) == len(free.optimizer_.param_groups) == 1


class Fails(Callback):
    """Fails in the middle of the second epoch."""

    def __init__(self, armed: bool = True):
        self.armed = armed

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        if self.armed and len(net.history[-1]["batches"]) == 2:
            raise RuntimeError("stop here")


@pytest.mark.parametrize("companion", [Freeze("hidden"), GradualUnfreeze()])
def test_nothing_is_frozen_after_a_failure(companion: Any) -> None:
    fails = Fails(armed=False)
    net = make(clone(companion), fails, module__norm="batch").partial_fit(X, y)
    before = NetState.from_module(net.module_)
    fails.armed = True
    with pytest.raises(RuntimeError, match="stop here"):
        net.partial_fit(X, y)
    now = NetState.from_module(net.module_)
    assert all(torch.equal(before[name], now[name]) for name in before)
    assert all(p.requires_grad for p in net.module_.parameters())
    assert not any(layer._forward_pre_hooks for layer in net.module_.modules())
    fails.armed = False
    again = make(clone(companion), module__norm="batch")
    again.partial_fit(X, y).partial_fit(X, y)
    assert states_equal(net.partial_fit(X, y), again)


def test_unfreezing_goes_from_top_to_bottom_with_smaller_rates() -> None:
    moved: list[list[bool]] = []
    rates: list[list[float]] = []

    class Watch(Callback):
        def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
            self.before_ = NetState.from_module(net.module_)

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            now = NetState.from_module(net.module_)
            names = ("output.weight", "hidden.2.weight", "hidden.0.weight")
            moved.append([not torch.equal(now[n], self.before_[n]) for n in names])
            rates.append([group["lr"] for group in net.optimizer_.param_groups])

    make(GradualUnfreeze(factor=2.6), Watch(), max_epochs=4).fit(X, y)
    assert moved == [[True, False, False], [True, True, False], [True, True, True], [True, True, True]]
    np.testing.assert_allclose(rates, [[0.05, 0.05 / 2.6, 0.05 / 2.6**2]] * 4)
    moved.clear()
    make(GradualUnfreeze(n_epochs=2, blocks=["hidden", "output"]), Watch(), max_epochs=3).fit(X, y)
    assert moved == [[True, False, False], [True, False, False], [True, True, True]]


def test_rates_by_layer_equal_a_hand_made_optimiser() -> None:
    schedule = LRScheduler(StepLR, step_size=1, gamma=0.5)
    settings: dict[str, Any] = {"optimizer": torch.optim.SGD, "batch_size": -1, "iterator_train__shuffle": False}
    net = make(LayerwiseLR(factor=3.0), schedule, **settings).fit(X, y)
    module = MLP(5, 2, (6, 4)).double()
    net.origin_.load_into(module)
    layers = [module.output, module.hidden[2], module.hidden[0]]
    groups = [{"params": layer.parameters(), "lr": 0.05 / 3.0**depth} for depth, layer in enumerate(layers)]
    optimizer = torch.optim.SGD(groups)
    halves = StepLR(optimizer, 1, 0.5)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y)).backward()
        optimizer.step()
        halves.step()
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(net.module_.state_dict()[name], tensor)


def test_moments_are_kept_across_fits() -> None:
    net = make(LayerwiseLR(), warm_start=True, optimizer_state="keep").fit(X, y)
    net.fit(X, y)
    assert {float(state["step"]) for state in net.optimizer_.state.values()} == {2 * 3 * 4.0}


def test_a_rate_set_between_partial_fits_is_spread_again() -> None:
    net = make(LayerwiseLR(factor=2.0)).partial_fit(X, y)
    net.set_params(lr=0.4)
    net.partial_fit(X, y)
    assert [group["lr"] for group in net.optimizer_.param_groups] == [0.4, 0.2, 0.1]


def test_errors_say_what_to_do() -> None:
    schedule = LRScheduler(StepLR, step_size=1)
    with pytest.raises(ValueError, match="before"):
        make(schedule, LayerwiseLR()).fit(X, y)
    with pytest.raises(ValueError, match="StepLR or CosineAnnealingLR"):
        make(LayerwiseLR(), LRScheduler(CyclicLR, base_lr=0.01, max_lr=0.1, cycle_momentum=False)).fit(X, y)
    with pytest.raises(ValueError, match="GradualUnfreeze does so itself"):
        make(LayerwiseLR(2.0), ("more", GradualUnfreeze(3.0))).fit(X, y)
    with pytest.raises(ValueError, match="nothing is left to train"):
        make(Freeze(".")).fit(X, y)
    with pytest.raises(ValueError, match="matches none"):
        make(Freeze("absent")).fit(X, y)
    with pytest.raises(ValueError, match="names \\['absent'\\]"):
        make(Freeze(["absent"])).fit(X, y)
    with pytest.raises(ValueError, match="n_epochs of Freeze must be"):
        make(Freeze(n_epochs=0)).fit(X, y)
    with pytest.raises(ValueError, match="factor of LayerwiseLR must be"):
        make(LayerwiseLR(0.5)).fit(X, y)
    with pytest.raises(ValueError, match="n_epochs of GradualUnfreeze must be"):
        make(GradualUnfreeze(n_epochs=0)).fit(X, y)
    with pytest.raises(ValueError, match="blocks must be"):
        make(LayerwiseLR(blocks=["absent"])).fit(X, y)
    with pytest.raises(ValueError, match="no body"):
        make(Freeze(), module__hidden_layer_sizes=()).fit(X, y)
    with pytest.raises(TypeError, match="WarmStartMixin"):
        NeuralNetClassifier(MLP(5, 2), callbacks=[Freeze()], verbose=0).fit(X.astype("float32"), y)


def test_layers_of_unusual_networks() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cls = nn.Parameter(torch.zeros(1))
            self.head = nn.Linear(3, 3)
            self.low = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
            self.norm = nn.LayerNorm(3)
            self.top = nn.Linear(3, 3)
            self.top.weight = self.head.weight
            self.output_layer = "head"

    layers = layers_upwards(Tied())
    assert [sorted(layer) for layer in layers[-2:]] == [["top.bias"], ["head.bias", "head.weight"]]
    low = next(layer for layer in layers if "low.bias" in layer)
    assert {"norm.weight", "norm.bias", "low.parametrizations.weight.original0"} <= set(low)
    assert "head.weight" not in select_tensors("body", Tied())


@pytest.mark.parametrize(
    ("companion", "grid"),
    [
        (Freeze(), {"callbacks__c__which": ["body", "bias"], "callbacks__c__n_epochs": [None, 1]}),
        (GradualUnfreeze(), {"callbacks__c__factor": [1.0, 2.6], "callbacks__c__n_epochs": [1, 2]}),
        (LayerwiseLR(), {"callbacks__c__factor": [1.0, 5.0]}),
    ],
)
def test_they_can_be_searched_in_packs_and_without(companion: Any, grid: dict[str, Any]) -> None:
    search = GridSearchCV(make(("c", companion)), grid, cv=2, refit=False)
    alone = clone(search).fit(X, y).cv_results_
    with joblib.parallel_config(backend="packed", n_jobs=4):
        packed = clone(search).fit(X, y).cv_results_
    np.testing.assert_array_equal(alone["mean_test_score"], packed["mean_test_score"])


@pytest.mark.parametrize("companion", [Freeze(), GradualUnfreeze(), LayerwiseLR()])
def test_early_stopping_returns_what_was_validated(companion: Any) -> None:
    seen: list[np.ndarray] = []

    class Watch(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            seen.append(net.predict_proba(X))

    net = make(clone(companion), Watch(), early_stopping=True, n_iter_no_change=10, validation_fraction=0.3)
    net.set_params(max_epochs=30, module__hidden_layer_sizes=(30,), module__activation="tanh").fit(X, y)
    scores = net.history[:, "valid_score"]
    best = len(scores) - 1 if scores[-1] == max(scores) else int(np.argmax(scores))
    assert max(scores) > net.start_.score
    np.testing.assert_array_equal(net.predict_proba(X), seen[best])


def test_the_old_name_of_the_epochs_works_and_warns() -> None:
    with pytest.warns(FutureWarning, match="the parameter epochs_per_layer of GradualUnfreeze is called n_epochs"):
        old = clone(make(GradualUnfreeze(epochs_per_layer=2))).fit(X, y)
    assert states_equal(old, make(GradualUnfreeze(n_epochs=2)).fit(X, y))


@pytest.mark.parametrize("which", ["head", "body", 1, 2, "0.*bias", ["hidden.2"], lambda name, layer: "2" in name])
def test_what_is_frozen_is_what_reset_layers_would_reset(which: Any) -> None:
    frozen = unmoved(make(Freeze(which)).fit(X, y))
    donor = FrozenEstimator(make().fit(X, y))
    start = make(warm_start_from=donor, init_policy=ResetLayers(which), max_epochs=0).fit(X, y)
    before, after = NetState.from_module(donor.estimator.module_), NetState.from_module(start.module_)
    assert frozen == {name for name in after if not torch.equal(before[name], after[name])}


@given(n_layers=st.integers(2, 45), factor=st.sampled_from([1, 1.05, 1.5, 2.6, 10]))
@settings(max_examples=30, deadline=None)
def test_layers_that_are_as_good_as_frozen_are_told(n_layers: int, factor: float) -> None:
    """A plain chain gives each layer a rate of its own: below the precision of a weight there is no step."""
    chain = nn.Sequential(*(nn.Linear(5, 5) for _ in range(n_layers - 1)), nn.Linear(5, 2))
    net = WarmStartClassifier(chain, max_epochs=1, random_state=0, callbacks=[LayerwiseLR(factor)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(X[:20], y[:20])
    rates = np.array([group["lr"] for group in net.optimizer_.param_groups]) / net.lr
    n_still = int((rates < np.finfo(np.float32).eps).sum())
    told = [str(warning.message) for warning in caught if "layers do not learn" in str(warning.message)]
    assert len(told) == (n_still > 0)
    if told:
        assert f"and {n_still} layers do not learn: name blocks" in told[0]
        assert f"{n_layers} layers the lowest learning rate is {rates.min():.1e}" in told[0]


@pytest.mark.parametrize("companion", [LayerwiseLR, GradualUnfreeze])
def test_blocks_or_a_smaller_factor_are_ways_out(companion: Any) -> None:
    chain = nn.Sequential(*(nn.Linear(5, 5) for _ in range(40)), nn.Linear(5, 2))
    for way in ({"factor": 1.1}, {"blocks": ["0", "20", "40"]}):
        WarmStartClassifier(chain, max_epochs=1, random_state=0, callbacks=[companion(**way)]).fit(X, y)
    with pytest.warns(UserWarning, match=r"factor=2.6 and 41 layers .* 24 layers do not learn: name blocks"):
        WarmStartClassifier(chain, max_epochs=1, random_state=0, callbacks=[companion()]).fit(X, y)
