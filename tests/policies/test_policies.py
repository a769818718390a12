"""The first policies: exact formulas, the ends of the lines, names and errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch import Tensor, nn

from sk_warmstart.policies import (
    Auto,
    BestOf,
    Cold,
    Compose,
    Dash,
    Fire,
    InitPolicy,
    Interpolate,
    LinearProbe,
    PolicyContext,
    RecycleDormant,
    ResetLayers,
    ShrinkPerturb,
    Warm,
    policy_names,
    resolve_policy,
)
from sk_warmstart.state import NetState

Case = Callable[..., tuple[NetState, NetState, Callable[[], PolicyContext]]]
Equal = Callable[[NetState, NetState], bool]


def test_law_7_the_ends_of_the_lines(net: str, case: Case, equal: Equal) -> None:
    previous, fresh, context = case(net)
    for warm in (Warm(), ShrinkPerturb(1, 0, buffers="keep"), Interpolate(0), Compose([])):
        assert equal(warm.start(previous, fresh, context()), previous)
        assert warm.keeps_previous()
    for cold in (Cold(), ShrinkPerturb(0, 1), Interpolate(1), Compose(["warm", "cold"])):
        assert equal(cold.start(previous, fresh, context()), fresh)
        assert not cold.keeps_previous()


@given(shrink=st.floats(0, 2), perturb=st.floats(0, 2))
def test_shrink_perturb_by_hand(case: Case, shrink: float, perturb: float) -> None:
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
    policy = ShrinkPerturb(0.6, 0.01, noise="gaussian", scope="no_norm", buffers="keep")
    start = policy.start(state, state, context)
    noise = start["0.weight"] - 0.6 * state["0.weight"]
    assert float(noise.std()) == pytest.approx(0.01, rel=0.02)
    assert abs(float(noise.mean())) < 5 * 0.01 / 200
    assert torch.equal(start["1.weight"], state["1.weight"])
    assert not torch.equal(start["0.bias"], 0.6 * state["0.bias"])


@given(c=st.floats(0, 1))
def test_interpolate_by_hand(case: Case, c: float) -> None:
    previous, fresh, context = case("mlp_batch")
    start = Interpolate(c).start(previous, fresh, context())
    for name in previous:
        if previous[name].is_floating_point():
            assert torch.allclose(start[name], (1 - c) * previous[name] + c * fresh[name])
    counter = "hidden.1.num_batches_tracked"
    assert torch.equal(start[counter], (fresh if c == 1 else previous)[counter])


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            ShrinkPerturb(shrink=-0.1),
            "shrink of ShrinkPerturb must be a number of at least 0 and finite, got -0",
        ),
        (
            ShrinkPerturb(perturb="much"),
            "must be a number of at least 0 and finite, got 'much'",
        ),
        (ShrinkPerturb(shrink=float("nan")), "shrink of ShrinkPerturb"),
        (ShrinkPerturb(noise="pink"), "noise of ShrinkPerturb must be one of"),
        (ShrinkPerturb(scope="head"), "scope of ShrinkPerturb must be one of"),
        (ShrinkPerturb(buffers=None), "buffers of ShrinkPerturb must be one of"),
        (Interpolate(1.5), r"fresh_share of Interpolate must be a number in \[0, 1\], got 1.5"),
        (Dash(shrink=1.1), r"shrink of Dash must be a number in \[0, 1\], got 1.1"),
        (Dash(alpha=0), r"alpha of Dash must be a number in \(0, 1\], got 0"),
        (Dash(chunk_size=0), "chunk_size of Dash must be an integer of at least 1 or None, got 0"),
        (Fire(n_iter=2.5), "n_iter of Fire must be an integer of at least 1 or None, got 2.5"),
        (Fire(n_iter=True), "n_iter of Fire must be an integer"),
        (RecycleDormant(tau=-1), "tau of RecycleDormant must be a number of at least 0"),
        (LinearProbe(Cs=[]), "Cs of LinearProbe must be a number of values or positive numbers"),
        (LinearProbe(Cs=[1, -1]), "Cs of LinearProbe must be a number of values or positive numbers"),
        (LinearProbe(Cs=["a"]), "Cs of LinearProbe must be a number of values or positive numbers"),
        (LinearProbe(Cs=0), "Cs of LinearProbe must be an integer of at least 1"),
        (LinearProbe(cv=1), "cv of LinearProbe must be an integer of at least 2"),
        (LinearProbe(max_iter="many"), "max_iter of LinearProbe must be an integer"),
        (ResetLayers(0), "which must be 'head', 'body', a number of layers from 1 to 3, a pattern"),
        (ResetLayers(4), "a number of layers from 1 to 3"),
        (ResetLayers(True), "a number of layers from 1 to 3"),
        (ResetLayers("conv"), "matches none of the tensors"),
        (ResetLayers(["output", "conv"]), r"which names \['conv'\], which are none of the layers"),
        (ResetLayers([]), "which is an empty list"),
        (ResetLayers(lambda name, layer: False), "accepts none of the layers"),
        (ResetLayers(1.5), "a list of names or a callable, got 1.5"),
    ],
)
def test_bad_parameters_are_named(case: Case, policy: InitPolicy, words: str) -> None:
    previous, fresh, context = case("mlp")
    with pytest.raises(ValueError, match=words):
        policy.start(previous, fresh, context())


def test_what_a_policy_needs_and_does_not_get_is_said(case: Case) -> None:
    previous, fresh, context = case("mlp")
    with pytest.raises(ValueError, match="needs the weights that the lineage first started from"):
        ShrinkPerturb(noise="original").start(previous, fresh, PolicyContext())
    with pytest.raises(ValueError, match="needs the network's structure"):
        ResetLayers().start(previous, fresh, PolicyContext())
    for policy in (Dash(), Fire(), RecycleDormant(), LinearProbe(), ResetLayers(lambda *_: True)):
        with pytest.raises(ValueError, match="needs the network's structure"):
            policy.start(previous, fresh, PolicyContext(data=context().data))
    for policy in (Dash(), RecycleDormant(), LinearProbe()):
        with pytest.raises(ValueError, match="looks at the rows of the phase"):
            policy.start(previous, fresh, PolicyContext(module=context().module))


def test_names_resolve() -> None:
    assert {type(resolve_policy(name)) for name in policy_names()} == {
        Cold,
        Warm,
        ShrinkPerturb,
        Interpolate,
        Dash,
        Fire,
        ResetLayers,
        RecycleDormant,
        LinearProbe,
        BestOf,
        Auto,
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


def test_a_policy_of_ones_own_needs_only_start(case: Case, equal: Equal) -> None:
    class Flip(InitPolicy):
        def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
            return previous.map(lambda _, tensor: -tensor)

    def negative(_: str, tensor: Tensor) -> Tensor:
        return -tensor

    previous, fresh, context = case("mlp")
    assert equal(resolve_policy(Flip()).start(previous, fresh, context()), previous.map(negative))


def test_old_names_work_for_one_version(case: Case, equal: Equal) -> None:
    previous, fresh, context = case("conv")
    with pytest.warns(FutureWarning, match="the policy 'reset_head' is called 'reset_layers'"):
        assert isinstance(resolve_policy("reset_head"), ResetLayers)
    assert "reset_head" not in policy_names()
    for old, new, words in (
        (Interpolate(c=0.3), Interpolate(0.3), "the parameter c of Interpolate is called fresh_share"),
        (clone(Interpolate().set_params(c=0.3)), Interpolate(0.3), "fresh_share"),
        (ResetLayers("last"), ResetLayers("head"), "which='last' of ResetLayers is called 'head'"),
        (
            ShrinkPerturb(scope="weights"),
            ShrinkPerturb(scope="no_norm"),
            "scope='weights' of ShrinkPerturb is called 'no_norm'",
        ),
    ):
        with pytest.warns(FutureWarning, match=words):
            start = old.start(previous, fresh, context())
        assert equal(start, new.start(previous, fresh, context()))
    with pytest.warns(FutureWarning, match="fresh_share"):
        assert not Interpolate(c=1).keeps_previous()
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="c of Interpolate must be"):
        Interpolate(c=2).start(previous, fresh, context())
