"""NetState: a value, not a view."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from sk_warmstart.state import NetState
from sk_warmstart.state._alignment import align


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.norm = nn.BatchNorm1d(3)


def test_a_state_is_a_copy() -> None:
    net = nn.Linear(2, 2)
    state = NetState.from_module(net)
    before = state["weight"].clone()
    with torch.no_grad():
        net.weight.add_(1)
    assert torch.equal(state["weight"], before)


def test_load_into_keeps_the_parameter_objects() -> None:
    net, other = Tied(), Tied()
    parameters = list(net.parameters())
    NetState.from_module(other).load_into(net)
    assert all(a is b for a, b in zip(parameters, net.parameters(), strict=True))
    for name, tensor in other.state_dict().items():
        assert torch.equal(net.state_dict()[name], tensor)


def test_names_order_and_kinds() -> None:
    state = NetState.from_module(Tied())
    assert list(state) == list(Tied().state_dict())
    assert state.is_parameter("norm.weight")
    assert not state.is_parameter("norm.running_mean")
    assert state["norm.num_batches_tracked"].dtype == torch.int64


def test_tied_weights_stay_tied() -> None:
    state = NetState.from_module(Tied())
    assert state["a.weight"] is state["b.weight"]
    noisy = state.map(lambda _, tensor: tensor + torch.rand(tensor.shape))
    assert noisy["a.weight"] is noisy["b.weight"]
    assert "b.weight" not in state.unique()


def test_map_restores_dtype_and_leaves_the_original() -> None:
    state = NetState.from_module(Tied())
    before = copy.deepcopy(dict(state))
    doubled = state.map(lambda _, tensor: tensor.double() * 2)
    assert doubled["norm.num_batches_tracked"].dtype == torch.int64
    assert doubled["a.weight"].dtype == torch.float32
    assert all(torch.equal(state[name], before[name]) for name in state)


def test_digest_tells_content_names_and_dtypes_apart() -> None:
    net = nn.Linear(2, 2)
    state = NetState.from_module(net)
    assert state.digest() == NetState.from_module(net).digest()
    assert state.digest() != NetState.from_module(nn.Linear(2, 2)).digest()
    assert state.digest() != NetState.from_module(copy.deepcopy(net).double()).digest()
    assert state.digest() != NetState({"w": state["weight"], "bias": state["bias"]}, {"w", "bias"}).digest()


def test_digest_of_a_dtype_that_numpy_lacks() -> None:
    state = NetState.from_module(nn.Linear(2, 2).bfloat16())
    assert len(state.digest()) == 16


def test_distance_by_hand() -> None:
    one = NetState({"w": torch.tensor([0.0, 3.0]), "mean": torch.tensor([9.0])}, {"w"})
    other = NetState({"w": torch.tensor([4.0, 0.0]), "mean": torch.tensor([0.0])}, {"w"})
    assert one.distance(other) == 5.0


@pytest.mark.parametrize(("factor", "share"), [(1.0, 1.0), (0.4, 0.4), (0.0, 0.0), (-1.0, 0.0)])
def test_kept_is_the_share_of_the_previous(factor: float, share: float) -> None:
    previous = NetState({"w": torch.tensor([1.0, -2.0, 3.0])}, {"w"})
    assert previous.map(lambda _, tensor: tensor * factor).kept(previous)["w"] == pytest.approx(share)


def test_align_casts_and_names_what_does_not_fit() -> None:
    old, new = NetState.from_module(nn.Linear(3, 2)), NetState.from_module(nn.Linear(3, 2).double())
    aligned = align(old, new)
    assert aligned["weight"].dtype == torch.float64
    assert aligned["weight"].data_ptr() != old["weight"].data_ptr()
    with pytest.raises(ValueError, match=r"weight was \(2, 3\) and is \(5, 3\); bias was \(2,\) and is \(5,\)"):
        align(old, NetState.from_module(nn.Linear(3, 5)))
    with pytest.raises(ValueError, match=r"bias was \(2,\) and is absent"):
        align(old, NetState.from_module(nn.Linear(3, 2, bias=False)))
