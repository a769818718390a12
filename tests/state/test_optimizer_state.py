"""What an optimiser remembers, detached from it and handed on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from sk_warmstart.state import Donor, NetState, OptimizerState
from sk_warmstart.state.files._checkpoint import Checkpoint

Make = Callable[[Any], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
    "AdamW amsgrad": lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True, foreach=False),
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "SGD plain": lambda p: torch.optim.SGD(p, lr=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, centered=True, momentum=0.5),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1),
}


def network(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def step(net: Any, optimizer: torch.optim.Optimizer, n: int = 1) -> None:
    X = torch.linspace(-1, 1, 15).reshape(5, 3).to(net[0].weight.dtype)
    for _ in range(n):
        optimizer.zero_grad()
        (net(X) - 1).square().mean().backward()
        optimizer.step()


def trained(make: Make) -> tuple[Any, torch.optim.Optimizer]:
    net = network()
    optimizer = make(net.parameters())
    step(net, optimizer, 3)
    return net, optimizer


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "through a checkpoint"])
@pytest.mark.parametrize("kind", list(OPTIMIZERS))
def test_the_next_step_is_the_same(kind: str, stored: bool) -> None:
    net, optimizer = trained(OPTIMIZERS[kind])
    twin = copy.deepcopy(net)
    its = OPTIMIZERS[kind](twin.parameters())
    state = OptimizerState.from_optimizer(optimizer, net)
    if stored:
        again = Checkpoint.from_donor(Donor(NetState.from_module(net), optimizer=state)).donor().optimizer
        assert again is not None
        assert again.kind == state.kind == type(optimizer).__name__
        state = again
    state.load_into(its, twin)
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        entry, same = optimizer.state[one], its.state[other]
        assert entry.keys() == same.keys()
        for key, value in entry.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, same[key])
                assert (value.dtype, value.device) == (same[key].dtype, same[key].device)
            else:
                assert value == same[key]
    step(net, optimizer, 2)
    step(twin, its, 2)
    assert NetState.from_module(net).digest() == NetState.from_module(twin).digest()


def test_a_state_is_a_copy_both_ways() -> None:
    net, optimizer = trained(OPTIMIZERS["AdamW"])
    state = OptimizerState.from_optimizer(optimizer, net)
    before = copy.deepcopy(state)
    step(net, optimizer)
    state.load_into(optimizer, net)
    step(net, optimizer)
    for name, entry in before.moments.items():
        assert all(torch.equal(value, state.moments[name][key]) for key, value in entry.items())
    assert all(entry["step"] == 3 for entry in state.moments.values())


def test_own_numbers_stay() -> None:
    net, optimizer = trained(OPTIMIZERS["AdamW"])
    state = OptimizerState.from_optimizer(optimizer, net)
    assert state.groups[0]["lr"] == 0.1
    slow = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.5, 0.6))
    state.load_into(slow, net)
    assert (slow.param_groups[0]["lr"], slow.param_groups[0]["betas"]) == (1e-3, (0.5, 0.6))


def test_frozen_parameters_and_several_groups() -> None:
    net = network()
    net[0].weight.requires_grad_(False)

    def make(module: Any) -> torch.optim.Optimizer:
        # In another order than the module's, and one parameter left out.
        groups: list[dict[str, Any]] = [
            {"params": [module[2].weight], "lr": 0.5},
            {"params": list(module[0].parameters())},
        ]
        return torch.optim.Adam(groups, lr=0.1)

    optimizer = make(net)
    step(net, optimizer, 2)
    state = OptimizerState.from_optimizer(optimizer, net)
    assert set(state.moments) == {"2.weight", "0.bias"}
    assert [group["lr"] for group in state.groups] == [0.5, 0.1]
    again = Checkpoint.from_donor(Donor(NetState.from_module(net), optimizer=state)).donor().optimizer
    assert again is not None
    assert again.groups == state.groups
    twin = copy.deepcopy(net)
    its = make(twin)
    again.load_into(its, twin)
    step(net, optimizer)
    step(twin, its)
    assert NetState.from_module(net).digest() == NetState.from_module(twin).digest()
    assert torch.equal(net[0].weight, network()[0].weight)


def test_moments_of_another_dtype_follow_the_parameters() -> None:
    net, optimizer = trained(OPTIMIZERS["AdamW"])
    wide = copy.deepcopy(net).double()
    its = torch.optim.AdamW(wide.parameters())
    OptimizerState.from_optimizer(optimizer, net).load_into(its, wide)
    assert its.state[wide[0].weight]["exp_avg"].dtype == torch.float64
    assert its.state[wide[0].weight]["step"].dtype == torch.float32
    step(wide, its)


def test_map_forgets_a_parameter_as_a_whole() -> None:
    net, optimizer = trained(OPTIMIZERS["AdamW"])
    state = OptimizerState.from_optimizer(optimizer, net)
    kept = state.map(lambda name, key, tensor: None if (name, key) == ("0.bias", "exp_avg") else tensor * 2)
    assert set(kept.moments) == set(state.moments) - {"0.bias"}
    assert torch.equal(kept.moments["0.weight"]["exp_avg"], state.moments["0.weight"]["exp_avg"] * 2)
    assert kept.moments["0.weight"]["step"] == 3  # a number, not one a parameter
    kept.load_into(optimizer, net)
    assert net[0].bias not in optimizer.state


def test_what_cannot_be_stored_is_left_out() -> None:
    net = network()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)
    X = torch.randn(5, 3)
    optimizer.step(lambda: (loss := (net(X) - 1).square().mean(), optimizer.zero_grad(), loss.backward())[0])
    state = OptimizerState.from_optimizer(optimizer, net)
    checkpoint = Checkpoint.from_donor(Donor(NetState.from_module(net), optimizer=state))
    assert checkpoint.donor().optimizer is None
