"""The laws that every policy keeps, on every kind of network."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sk_warmstart.policies import (
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
)
from sk_warmstart.state import NetState

Case = Callable[..., tuple[NetState, NetState, Callable[[], PolicyContext]]]
Equal = Callable[[NetState, NetState], bool]

POLICIES: list[InitPolicy] = [
    Cold(),
    Warm(),
    ShrinkPerturb(),
    ShrinkPerturb(noise="gaussian", scope="no_norm", buffers="keep"),
    ShrinkPerturb(noise="original"),
    Interpolate(0.3),
    Dash(),
    Dash(0.05, 0.5, chunk_size=7),
    Dash(shrink=1),
    Fire(),
    Fire(n_iter=5),
    ResetLayers(),
    ResetLayers(2),
    ResetLayers("weight"),
    ResetLayers(["head"]),
    RecycleDormant(),
    RecycleDormant(tau=0.8),
    LinearProbe(Cs=2, cv=2),
    Compose([Interpolate(0.5), "reset_layers"]),
    Compose([("fire", Fire()), RecycleDormant(tau=0.5), LinearProbe(Cs=[1.0], cv=3)]),
]
pytestmark = pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: " ".join(repr(p).split()))
class TestEveryPolicy:
    @settings(max_examples=3)
    @given(seed=st.integers(0, 1000))
    def test_pure_and_deterministic(self, policy: Any, net: str, case: Case, equal: Equal, seed: int) -> None:
        policy = named_for(policy, net)
        previous, fresh, context = case(net, seed)
        kept = [{name: tensor.clone() for name, tensor in state.items()} for state in (previous, fresh)]
        module = {name: tensor.clone() for name, tensor in context().structure().state_dict().items()}
        drawn, numpy_drawn = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
        first, second = (policy.start(previous, fresh, context()) for _ in range(2))
        assert equal(first, second)
        for state, before in zip((previous, fresh), kept, strict=True):
            assert all(torch.equal(state[name], before[name]) for name in state)
        after = context().structure()
        assert all(torch.equal(tensor, module[name]) for name, tensor in after.state_dict().items())
        assert all(parameter.grad is None for parameter in after.parameters())
        assert after.training
        assert torch.equal(drawn, torch.get_rng_state())
        assert np.array_equal(numpy_drawn, np.random.get_state()[1])  # noqa: NPY002

    @settings(max_examples=3)
    @given(seed=st.integers(0, 1000))
    def test_layout_is_kept_and_nothing_is_shared(self, policy: Any, net: str, case: Case, seed: int) -> None:
        previous, fresh, context = case(net, seed)
        start = named_for(policy, net).start(previous, fresh, context())
        assert list(start) == list(fresh)
        owned = {tensor.data_ptr() for state in (previous, fresh) for tensor in state.values()}
        for name, tensor in start.items():
            expected = fresh[name]
            assert (tensor.shape, tensor.dtype, tensor.device) == (expected.shape, expected.dtype, expected.device)
            assert tensor.data_ptr() not in owned
            assert not tensor.requires_grad
            assert bool(torch.isfinite(tensor).all())
            assert start.is_parameter(name) == fresh.is_parameter(name)
            if not tensor.is_floating_point():
                assert any(torch.equal(tensor, state[name]) for state in (previous, fresh))

    def test_tied_weights_stay_tied(self, policy: Any, net: str, case: Case) -> None:
        previous, fresh, context = case(net)
        start = named_for(policy, net).start(previous, fresh, context())
        assert len(start.unique()) == len(previous.unique())

    def test_clone_and_pickle_give_the_same_start(self, policy: Any, net: str, case: Case, equal: Equal) -> None:
        policy = named_for(policy, net)
        previous, fresh, context = case(net)
        start = policy.start(previous, fresh, context())
        for twin in (clone(policy), pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy)):
            assert equal(start, twin.start(previous, fresh, context()))

    def test_notes_can_be_written_down(self, policy: Any, net: str, case: Case) -> None:
        previous, fresh, context = case(net)
        made = context()
        named_for(policy, net).start(previous, fresh, made)
        assert json.loads(json.dumps(made.notes)) == made.notes


def named_for(policy: Any, net: str) -> Any:
    """The head goes by another name in the MLP."""
    return ResetLayers(["output"]) if getattr(policy, "which", 0) == ["head"] and "mlp" in net else policy
