"""Policies: exact formulas, and the laws that all of them keep."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch import Tensor, nn

from sk_warmstart.modules import MLP
from sk_warmstart.policies import (
    Cold,
    Compose,
    InitPolicy,
    Interpolate,
    PolicyContext,
    ResetLayers,
    ShrinkPerturb,
    Warm,
    policy_names,
    resolve_policy,
)
from sk_warmstart.state import NetState


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(3 * 4, 2)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, 3), nn.Linear(3, 3)
        self.decoder.weight = self.encoder.weight


NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: MLP(4, 3, hidden_layer_sizes=(5, 6)),
    "mlp_norm": lambda: MLP(4, 3, hidden_layer_sizes=(5,), norm="batch").double(),
    "conv": Conv,
    "tied": Tied,
}
POLICIES: list[InitPolicy] = [
    Cold(),
    Warm(),
    ShrinkPerturb(),
    ShrinkPerturb(noise="gaussian", scope="weights", buffers="keep"),
    ShrinkPerturb(noise="original"),
    Interpolate(0.3),
    ResetLayers(),
    ResetLayers(2),
    ResetLayers("weight"),
    Compose([Interpolate(0.5), "reset_head"]),
]


def drawn(name: str, seed: int) -> tuple[nn.Module, NetState]:
    torch.manual_seed(seed)
    net = NETS[name]()
    for key, buffer in net.named_buffers():
        buffer.copy_(torch.full_like(buffer, seed + 1) if "num" in key else torch.rand_like(buffer))
    return net, NetState.from_module(net)


def case(name: str) -> tuple[NetState, NetState, Callable[[], PolicyContext]]:
    (_, previous), (net, fresh), (_, original) = drawn(name, 0), drawn(name, 1), drawn(name, 2)
    return previous, fresh, lambda: PolicyContext(torch.Generator().manual_seed(7), net, original)


def equal(a: NetState, b: NetState) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: " ".join(repr(p).split()))
class TestEveryPolicy:
    def test_pure_and_deterministic(self, policy: InitPolicy, net: str) -> None:
        previous, fresh, context = case(net)
        kept = [{name: tensor.clone() for name, tensor in state.items()} for state in (previous, fresh)]
        first, second = (policy.start(previous, fresh, context()) for _ in range(2))
        assert equal(first, second)
        for state, before in zip((previous, fresh), kept, strict=True):
            assert all(torch.equal(state[name], before[name]) for name in state)

    def test_layout_is_kept_and_nothing_is_shared(self, policy: InitPolicy, net: str) -> None:
        previous, fresh, context = case(net)
        start = policy.start(previous, fresh, context())
        assert list(start) == list(fresh)
        owned = {id(tensor) for state in (previous, fresh) for tensor in state.values()}
        for name, tensor in start.items():
            expected = fresh[name]
            assert (tensor.shape, tensor.dtype) == (expected.shape, expected.dtype)
            assert id(tensor) not in owned
            assert start.is_parameter(name) == fresh.is_parameter(name)

    def test_tied_weights_stay_tied(self, policy: InitPolicy, net: str) -> None:
        previous, fresh, context = case(net)
        start = policy.start(previous, fresh, context())
        assert len(start.unique()) == len(previous.unique())

    def test_clone_and_pickle_give_the_same_start(self, policy: InitPolicy, net: str) -> None:
        previous, fresh, context = case(net)
        start = policy.start(previous, fresh, context())
        for twin in (clone(policy), pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy)):
            assert equal(start, twin.start(previous, fresh, context()))


@pytest.mark.parametrize("net", NETS)
def test_law_7_the_ends_of_the_lines(net: str) -> None:
    previous, fresh, context = case(net)
    for warm in (Warm(), ShrinkPerturb(1, 0, buffers="keep"), Interpolate(0), Compose([])):
        assert equal(warm.start(previous, fresh, context()), previous)
        assert warm.keeps_previous()
    for cold in (Cold(), ShrinkPerturb(0, 1), Interpolate(1), Compose(["warm", "cold"])):
        assert equal(cold.start(previous, fresh, context()), fresh)
        assert not cold.keeps_previous()


@given(shrink=st.floats(0, 2), perturb=st.floats(0, 2))
def test_shrink_perturb_by_hand(shrink: float, perturb: float) -> None:
    previous, fresh, context = case("conv")
    start = ShrinkPerturb(shrink, perturb).start(previous, fresh, context())
    original = ShrinkPerturb(shrink, perturb, noise="original", buffers="keep")
    from_original = original.start(previous, fresh, context())
    for name in previous:
        if previous.is_parameter(name):
            assert torch.allclose(start[name], shrink * previous[name] + perturb * fresh[name], atol=1e-6)
            expected = shrink * previous[name] + perturb * context().original[name]  # type: ignore[index]
            assert torch.allclose(from_original[name], expected, atol=1e-6)
        else:
            assert torch.equal(start[name], fresh[name])
            assert torch.equal(from_original[name], previous[name])


def test_gaussian_noise_has_its_standard_deviation_and_spares_norms() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(200, 200), nn.BatchNorm1d(200))
    state = NetState.from_module(net)
    context = PolicyContext(torch.Generator().manual_seed(0), net)
    policy = ShrinkPerturb(0.6, 0.01, noise="gaussian", scope="weights", buffers="keep")
    start = policy.start(state, state, context)
    noise = start["0.weight"] - 0.6 * state["0.weight"]
    assert float(noise.std()) == pytest.approx(0.01, rel=0.02)
    assert abs(float(noise.mean())) < 5 * 0.01 / 200
    assert torch.equal(start["1.weight"], state["1.weight"])
    assert not torch.equal(start["0.bias"], 0.6 * state["0.bias"])


@given(c=st.floats(0, 1))
def test_interpolate_by_hand(c: float) -> None:
    previous, fresh, context = case("mlp_norm")
    start = Interpolate(c).start(previous, fresh, context())
    for name in previous:
        if previous[name].is_floating_point():
            assert torch.allclose(start[name], (1 - c) * previous[name] + c * fresh[name])
    counter = "hidden.1.num_batches_tracked"
    assert torch.equal(start[counter], (fresh if c == 1 else previous)[counter])


@pytest.mark.parametrize(
    ("which", "reset"),
    [
        ("last", {"output.weight", "output.bias"}),
        (1, {"output.weight", "output.bias"}),
        (2, {"hidden.2.weight", "hidden.2.bias", "output.weight", "output.bias"}),
        (r"^hidden\.0\.", {"hidden.0.weight", "hidden.0.bias"}),
    ],
)
def test_reset_layers(which: Any, reset: set[str]) -> None:
    previous, fresh, context = case("mlp")
    start = ResetLayers(which).start(previous, fresh, context())
    for name in previous:
        assert torch.equal(start[name], (fresh if name in reset else previous)[name]), name


def test_reset_layers_takes_the_norm_with_the_layer_before_it() -> None:
    previous, fresh, context = case("conv")
    start = ResetLayers(2).start(previous, fresh, context())
    assert equal(start, fresh)


def test_compose_is_in_order() -> None:
    previous, fresh, context = case("mlp")
    start = Compose([ShrinkPerturb(0.5, 0, buffers="keep"), "reset_head"]).start(previous, fresh, context())
    assert torch.equal(start["output.weight"], fresh["output.weight"])
    assert torch.equal(start["hidden.0.weight"], previous["hidden.0.weight"] * 0.5)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (ShrinkPerturb(shrink=-0.1), "shrink of ShrinkPerturb must be a number at least 0, got -0.1"),
        (ShrinkPerturb(perturb="much"), "perturb of ShrinkPerturb must be a number at least 0, got 'much'"),
        (ShrinkPerturb(shrink=float("nan")), "shrink of ShrinkPerturb"),
        (ShrinkPerturb(noise="pink"), "noise of ShrinkPerturb must be one of"),
        (ShrinkPerturb(scope="head"), "scope of ShrinkPerturb must be one of"),
        (ShrinkPerturb(buffers=None), "buffers of ShrinkPerturb must be one of"),
        (Interpolate(c=1.5), r"c of Interpolate must be a number in \[0, 1\], got 1.5"),
        (ResetLayers(0), "which must be 'last', a pattern or a number from 1 to 3"),
        (ResetLayers(4), "a number from 1 to 3"),
        (ResetLayers(True), "a number from 1 to 3"),
        (ResetLayers("conv"), "matches none of the tensors"),
    ],
)
def test_bad_parameters_are_named(policy: InitPolicy, words: str) -> None:
    previous, fresh, context = case("mlp")
    with pytest.raises(ValueError, match=words):
        policy.start(previous, fresh, context())


def test_what_a_policy_needs_and_does_not_get_is_said() -> None:
    previous, fresh, _ = case("mlp")
    with pytest.raises(ValueError, match="needs the weights that the lineage first started from"):
        ShrinkPerturb(noise="original").start(previous, fresh, PolicyContext())
    with pytest.raises(ValueError, match="needs the network's structure"):
        ResetLayers().start(previous, fresh, PolicyContext())


def test_names_resolve() -> None:
    assert {type(resolve_policy(name)) for name in policy_names()} == {
        Cold,
        Warm,
        ShrinkPerturb,
        Interpolate,
        ResetLayers,
    }
    policy = ShrinkPerturb()
    assert resolve_policy(policy) is policy
    assert resolve_policy(policy, shrink=0.9).shrink == 0.9
    assert policy.shrink == 0.4
    for bad in ("hot", Warm, None, 3):
        with pytest.raises(ValueError, match="init_policy must be one of"):
            resolve_policy(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"init_policy='warm' has no parameter 'shrink'"):
        resolve_policy("warm", shrink=0.1)


def test_a_policy_of_ones_own_needs_only_start() -> None:
    class Flip(InitPolicy):
        def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
            return previous.map(lambda _, tensor: -tensor)

    def negative(_: str, tensor: Tensor) -> Tensor:
        return -tensor

    previous, fresh, context = case("mlp")
    assert equal(resolve_policy(Flip()).start(previous, fresh, context()), previous.map(negative))
