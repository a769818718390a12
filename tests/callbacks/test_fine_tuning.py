"""Fine-tuning of transformers and convolutional networks: what is frozen, by which rates, and what decays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import net as small
from helpers._deep_networks import EfficientNet, PictureNet, ResNet, TextNet
from sklearn.base import clone
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.callbacks import Anchor, Freeze, GradualUnfreeze, LayerwiseLR, NoWeightDecay, WeightAverage
from sk_warmstart.modules._selection import layers_upwards
from sk_warmstart.policies import LinearProbe
from sk_warmstart.state import NetState

rng = np.random.default_rng(0)
y = np.array(["no", "yes"])[rng.integers(0, 2, 24)]
tokens = {"input_ids": rng.integers(1, 20, (24, 5)), "attention_mask": np.ones((24, 5), dtype=np.int64)}
pictures = rng.normal(size=(24, 1, 8, 8)).astype(np.float32)
INPUTS: dict[Any, Any] = {
    TextNet: tokens,
    PictureNet: {"pixel_values": pictures},
    ResNet: pictures,
    EfficientNet: pictures,
}
TRANSFORMERS = [TextNet, PictureNet]
CONVOLUTIONAL = [ResNet, EfficientNet]


class Rates(Callback):
    """Notes the learning rates of every epoch, and of every step."""

    def initialize(self) -> Rates:
        self.epochs_: list[list[float]] = []
        return self

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.epochs_.append([group["lr"] for group in net.optimizer_.param_groups])


class StepRates(Rates):
    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if training:
            self.epochs_.append([group["lr"] for group in net.optimizer_.param_groups])


def make(module: Any, *callbacks: Any, **params: Any) -> WarmStartClassifier:
    if module in TRANSFORMERS:
        pytest.importorskip("transformers")
    defaults = {"max_epochs": 2, "batch_size": 8, "random_state": 0, "lr": 0.05, "device": "cpu"}
    return WarmStartClassifier(module, callbacks=list(callbacks), **defaults | params)


def moved(before: NetState, net: Any) -> set[str]:
    now = NetState.from_module(net.module_)
    return {name for name in now if not torch.equal(now[name], before[name])}


# ---------------------------------------------------------------- what is frozen


@pytest.mark.parametrize("module", INPUTS)
def test_a_frozen_body_stays_and_its_batch_norms_with_it(module: Any) -> None:
    net = make(module, Freeze()).fit(INPUTS[module], y)
    head = layers_upwards(net.module_)[-1]
    assert moved(net.origin_, net) == set(head)


@pytest.mark.parametrize("module", CONVOLUTIONAL)
def test_batch_norms_above_the_frozen_blocks_collect_statistics(module: Any) -> None:
    net = make(module, Freeze("^(conv1|bn1|layer1|_conv_stem|_bn0)"))
    net.fit(INPUTS[module], y)
    buffers = {name for name, _ in net.module_.named_buffers() if name in moved(net.origin_, net)}
    expected = {name for name, _ in net.module_.named_buffers() if not name.startswith(("bn1", "layer1", "_bn0"))}
    assert buffers == expected


@pytest.mark.parametrize("module", INPUTS)
def test_blocks_are_unfrozen_one_by_one_from_the_top(module: Any) -> None:
    seen: list[set[str]] = []

    class Watch(Callback):
        def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
            self.before_ = NetState.from_module(net.module_)

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            seen.append(moved(self.before_, net))

    n = len(layers_upwards(module() if module in CONVOLUTIONAL else make(module).module()))
    net = make(module, GradualUnfreeze(factor=1.1), Watch(), max_epochs=n).fit(INPUTS[module], y)
    blocks = layers_upwards(net.module_)
    with_gradient = {name for name, p in net.module_.named_parameters() if p.grad is not None and p.grad.any()}
    buffers = {name for name, _ in net.module_.named_buffers()}
    for epoch, names in enumerate(seen, start=1):
        free = {name for block in blocks[-epoch:] for name in block}
        assert names - buffers <= free
        assert with_gradient & free <= names
    assert [bool(names & buffers) for names in seen] == [
        any(_holds(net.module_, block, buffers) for block in blocks[-epoch:]) for epoch in range(1, n + 1)
    ]


def _holds(network: Any, block: list[str], buffers: set[str]) -> bool:
    """Whether a layer of the block keeps statistics."""
    layers = {name.rpartition(".")[0] for name in block}
    return any(name.rpartition(".")[0] in layers for name in buffers)


@pytest.mark.parametrize("module", INPUTS)
@pytest.mark.parametrize(
    "companion", [GradualUnfreeze(1.2), LayerwiseLR(1.2), NoWeightDecay()], ids=lambda each: type(each).__name__
)
def test_partial_fits_equal_one_fit(module: Any, companion: Any) -> None:
    whole = make(module, companion, max_epochs=3).fit(INPUTS[module], y)
    parts = make(module, companion)
    for _ in range(3):
        parts.partial_fit(INPUTS[module], y, classes=["no", "yes"])
    assert not moved(NetState.from_module(whole.module_), parts)


# ---------------------------------------------------------------- rates and schedules


@pytest.mark.parametrize("module", INPUTS)
def test_every_block_has_its_rate(module: Any) -> None:
    net = make(module, LayerwiseLR(factor=2.0), max_epochs=1).fit(INPUTS[module], y)
    blocks = layers_upwards(net.module_)
    names = {parameter: name for name, parameter in net.module_.named_parameters()}
    groups = [(group["lr"], [names[p] for p in group["params"]]) for group in net.optimizer_.param_groups]
    assert [sorted(held) for _, held in groups] == [sorted(block) for block in reversed(blocks)]
    np.testing.assert_allclose([rate for rate, _ in groups], 0.05 / 2.0 ** np.arange(len(blocks)))


def _warm_up(step: int) -> float:
    return min(1.0, (step + 1) / 4) * max(0.0, 1 - step / 20)


SCHEDULES = {
    "warm-up": lambda: LRScheduler(LambdaLR, lr_lambda=_warm_up, step_every="batch"),
    "cosine": lambda: LRScheduler(CosineAnnealingLR, T_max=6, step_every="batch"),
    "one cycle": lambda: LRScheduler(OneCycleLR, max_lr=0.05, total_steps=12, step_every="batch"),
    "cosine by epochs": lambda: LRScheduler(CosineAnnealingLR, T_max=2),
}
COMPANIONS = {
    "none": [],
    "rates": [LayerwiseLR(2.0)],
    "unfreeze": [GradualUnfreeze(2.0)],
    "no decay": [LayerwiseLR(2.0), ("decay", NoWeightDecay())],
    "decay first": [("decay", NoWeightDecay()), LayerwiseLR(2.0)],
    "average": [WeightAverage(0.5), Anchor(0.1)],
}


@pytest.mark.parametrize("companions", COMPANIONS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer_state", ["reset", "keep"])
def test_a_schedule_begins_anew_with_every_fit_and_does_not_compound(
    schedule: str, companions: str, optimizer_state: str
) -> None:
    X = rng.normal(size=(24, 4)).astype(np.float32)
    watch = StepRates()
    callbacks = [*COMPANIONS[companions], ("schedule", SCHEDULES[schedule]()), ("watch", watch)]
    net = small(
        callbacks=callbacks, batch_size=8, lr=0.05, warm_start=True, optimizer_state=optimizer_state, max_epochs=4
    )
    runs = []
    for _ in range(3):
        net.fit(X, y)
        runs.append(dict(net.callbacks_)["watch"].epochs_)
    assert runs[0] == runs[1] == runs[2]
    rates = np.array(runs[0])
    assert len(rates) == 16
    assert len(np.unique(rates[:, 0])) > 1
    if companions in ("rates", "unfreeze"):
        np.testing.assert_allclose(rates[:, 0], 2 * rates[:, 1], atol=1e-12)


@pytest.mark.parametrize("schedule", ["warm-up", "cosine", "one cycle"])
def test_a_schedule_goes_on_over_partial_fits_of_a_transformer(schedule: str) -> None:
    def run(n_fits: int) -> tuple[Any, list[list[float]]]:
        callbacks = [LayerwiseLR(1.5), ("decay", NoWeightDecay()), ("schedule", SCHEDULES[schedule]())]
        net = make(TextNet, *callbacks, ("watch", StepRates()), max_epochs=4 // n_fits)
        if n_fits == 1:
            return net.fit(tokens, y), dict(net.callbacks_)["watch"].epochs_
        for _ in range(n_fits):
            net.partial_fit(tokens, y, classes=["no", "yes"])
        return net, dict(net.callbacks_)["watch"].epochs_

    (whole, rates), (parts, others) = run(1), run(4)
    assert rates == others
    assert not moved(NetState.from_module(whole.module_), parts)


def test_one_cycle_peaks_at_each_layers_share() -> None:
    X = rng.normal(size=(24, 4)).astype(np.float32)
    schedule = LRScheduler(OneCycleLR, max_lr=0.2, total_steps=12, step_every="batch")
    watch = StepRates()
    net = small(callbacks=[LayerwiseLR(4.0), schedule, ("watch", watch)], batch_size=8, max_epochs=4).fit(X, y)
    rates = np.array(dict(net.callbacks_)["watch"].epochs_)
    np.testing.assert_allclose(rates.max(0), [0.2, 0.05], rtol=0.05)
    np.testing.assert_allclose(rates[:, 0], 4 * rates[:, 1])


def test_a_saved_schedule_of_one_cycle_goes_on_with_shares(tmp_path: Any) -> None:
    X = rng.normal(size=(24, 4)).astype(np.float32)
    schedule = LRScheduler(OneCycleLR, max_lr=0.2, total_steps=24, step_every="batch")
    net = small(callbacks=[LayerwiseLR(4.0), ("schedule", schedule)], batch_size=8, max_epochs=4).fit(X, y)
    Checkpoint.from_estimator(net).save(tmp_path / "net.safetensors")
    resumed = Checkpoint.load(tmp_path / "net.safetensors").to_estimator(clone(net))
    for each in (net, resumed):
        each.partial_fit(X, y)
    rates = [[group["lr"] for group in each.optimizer_.param_groups] for each in (net, resumed)]
    assert rates[0] == pytest.approx(rates[1])
    assert not moved(NetState.from_module(net.module_), resumed)


# ---------------------------------------------------------------- weight decay


def _decays(net: Any) -> dict[str, float]:
    names = {parameter: name for name, parameter in net.module_.named_parameters()}
    return {names[p]: group["weight_decay"] for group in net.optimizer_.param_groups for p in group["params"]}


@pytest.mark.parametrize(
    "companions", [[], [LayerwiseLR(1.5)], [GradualUnfreeze(1.5)]], ids=["alone", "LayerwiseLR", "GradualUnfreeze"]
)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("module", [TextNet, ResNet])
def test_biases_and_normalisation_do_not_decay(module: Any, companions: list[Any], first: bool) -> None:
    decay = [("decay", NoWeightDecay())]
    callbacks = [*decay, *companions] if first else [*companions, *decay]
    net = make(module, *callbacks, optimizer__weight_decay=0.3).fit(INPUTS[module], y)
    found = _decays(net)
    assert set(found) == {name for name, _ in net.module_.named_parameters()}
    for name, decay_of_it in found.items():
        exempt = name.endswith("bias") or dict(net.module_.named_parameters())[name].ndim < 2
        assert decay_of_it == (0.0 if exempt else 0.3), name


def test_what_does_not_decay_can_be_chosen_and_stays_so() -> None:
    net = make(ResNet, NoWeightDecay("head"), optimizer__weight_decay=0.3).fit(pictures, y)
    assert {name for name, decay in _decays(net).items() if not decay} == {"fc.weight", "fc.bias"}
    net.set_params(optimizer__weight_decay=0.1).partial_fit(pictures, y)
    assert {name for name, decay in _decays(net).items() if not decay} == {"fc.weight", "fc.bias"}
    assert set(_decays(net).values()) == {0.0, 0.1}


def test_without_gradient_only_what_decays_moves() -> None:
    net = make(ResNet, NoWeightDecay(), optimizer=torch.optim.SGD, optimizer__weight_decay=0.3, max_epochs=1)
    plain = make(ResNet, optimizer=torch.optim.SGD, optimizer__weight_decay=0.0, max_epochs=1)
    one, other = net.fit(pictures, y), plain.fit(pictures, y)
    assert torch.equal(one.origin_["fc.bias"], other.origin_["fc.bias"])
    short = {"batch_size": -1, "iterator_train__shuffle": False}
    one, other = (each.set_params(**short).fit(pictures, y) for each in (net, plain))
    differing = moved(NetState.from_module(one.module_), other)
    assert differing == {name for name, decay in _decays(one).items() if decay}


def test_decay_errors_say_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"put NoWeightDecay before \['schedule'\]"):
        small(callbacks=[("schedule", SCHEDULES["cosine"]()), NoWeightDecay()]).fit(pictures[:, 0, 0], y)
    with pytest.raises(ValueError, match="an optimiser with weight decay, not Rprop"):
        small(callbacks=[NoWeightDecay()], optimizer=torch.optim.Rprop).fit(pictures[:, 0, 0], y)


# ---------------------------------------------------------------- anchors, averages and probes


@pytest.mark.parametrize("module", INPUTS)
def test_anchors_and_averages_hold_for_every_kind(module: Any) -> None:
    free = make(module, max_epochs=3).fit(INPUTS[module], y)
    held = make(module, Anchor(5.0), max_epochs=3, optimizer=torch.optim.SGD).fit(INPUTS[module], y)
    loose = make(module, max_epochs=3, optimizer=torch.optim.SGD).fit(INPUTS[module], y)
    average = make(module, WeightAverage(0.9), max_epochs=3).fit(INPUTS[module], y)

    def distance(net: Any) -> float:
        matrices = {name: p.detach() for name, p in net.module_.named_parameters() if p.ndim > 1}
        return sum(float((p - net.origin_[name]).square().sum()) for name, p in matrices.items())

    assert distance(held) < distance(loose)
    assert distance(average) < distance(free)
    assert average.predict(INPUTS[module]).shape == (24,)


@pytest.mark.parametrize("module", INPUTS)
def test_probe_then_unfreeze(module: Any) -> None:
    net = make(module, GradualUnfreeze(1.5), warm_start=True).fit(INPUTS[module], y)
    before = NetState.from_module(net.module_)
    net.set_params(init_policy=LinearProbe(), max_epochs=0).fit(INPUTS[module], y)
    assert net.start_.probe["n_rows"] == 24
    assert moved(before, net) <= {name for name in before if name.startswith(("head", "fc", "_fc"))}
    net.set_params(max_epochs=2).fit(INPUTS[module], y)
    assert net.n_iter_ == 2
