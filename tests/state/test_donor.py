"""What a fitted network hands on, in the layout of the next one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sk_warmstart.state import Donor, Lineage, NetState, OptimizerState
from sk_warmstart.state._alignment import Remap
from sk_warmstart.state._schema import Reindex
from sk_warmstart.state.rows._standardizer import Reparametrisation, Standardizer

OPTIMIZERS: dict[str, Any] = {
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=0.1),
    "LBFGS": lambda p: torch.optim.LBFGS(p, max_iter=2),
}


def network(n_features: int = 3, n_outputs: int = 2, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(n_features, 4), nn.Tanh(), nn.Linear(4, n_outputs))


def donor(kind: str = "Adam", **fields: Any) -> Donor:
    net = network()
    origin, optimizer = NetState.from_module(net), OPTIMIZERS[kind](net.parameters())
    X = torch.randn(7, 3)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (net(X) - 1).square().mean()
        value.backward()
        return value

    for _ in range(3):
        optimizer.step(loss)
    state = OptimizerState.from_optimizer(optimizer, net)
    return Donor(NetState.from_module(net), origin=origin, optimizer=state, **fields)


COLUMNS, CLASSES = Reindex(np.array([2, -1, 0, 1]), 3), Reindex(np.array([-1, 1, 0]), 2)
REMAPS = {
    "0.weight": [Remap(1, COLUMNS, fresh=False)],
    "2.weight": [Remap(0, CLASSES, fresh=True)],
    "2.bias": [Remap(0, CLASSES, fresh=True)],
}


@pytest.mark.parametrize("kind", ["Adam", "SGD", "RMSprop", "Adagrad", "Adadelta"])
def test_weights_origin_and_moments_follow(kind: str) -> None:
    old, layout = donor(kind), NetState.from_module(network(4, 3, seed=1))
    new = old.adapted(layout, REMAPS)
    for before, after in ((old.state, new.state), (old.origin, new.origin)):
        assert before is not None
        assert after is not None
        assert torch.equal(after["0.weight"][:, [2, 3, 0]], before["0.weight"])
        assert not after["0.weight"][:, 1].any()
        assert torch.equal(after["2.weight"][[2, 1]], before["2.weight"])
        assert torch.equal(after["2.weight"][0], layout["2.weight"][0])
        assert torch.equal(after["0.bias"], before["0.bias"])
    assert old.optimizer is not None
    assert new.optimizer is not None
    assert set(new.optimizer.moments) == set(old.optimizer.moments) == set(old.state)
    for key, moment in old.optimizer.moments["0.weight"].items():
        moved = new.optimizer.moments["0.weight"][key]
        if isinstance(moment, torch.Tensor) and moment.ndim:
            assert torch.equal(moved[:, [2, 3, 0]], moment)
            assert not moved[:, 1].any()
            assert not new.optimizer.moments["2.bias"][key][0].any()
        else:
            assert moved == moment
    fresh = network(4, 3)
    optimizer = OPTIMIZERS[kind](fresh.parameters())
    new.state.load_into(fresh)
    new.optimizer.load_into(optimizer, fresh)
    fresh(torch.randn(5, 4)).square().mean().backward()
    optimizer.step()
    assert all(torch.isfinite(parameter).all() for parameter in fresh.parameters())


@pytest.mark.parametrize("kind", ["Rprop", "Adafactor", "LBFGS"])
def test_odd_moments_are_dropped_where_they_would_be_wrong(kind: str) -> None:
    old = donor(kind)
    moved = old.adapted(NetState.from_module(network(4, 3)), REMAPS).optimizer
    assert moved is not None
    # A step size of zero, a factor of a matrix that changed its size: no beginning for a new column.
    assert set(moved.moments) <= {"0.bias"}


@pytest.mark.parametrize("kind", list(OPTIMIZERS))
def test_all_moments_are_kept_where_nothing_changed(kind: str) -> None:
    old = donor(kind)
    kept = old.adapted(NetState.from_module(network(seed=1)), {}).optimizer
    assert old.optimizer is not None
    assert kept is not None
    assert kept.moments.keys() == old.optimizer.moments.keys()


@pytest.mark.parametrize("kind", ["Rprop", "Adafactor"])
def test_a_reordering_moves_what_has_an_entry_a_column(kind: str) -> None:
    swap = Reindex(np.array([2, 0, 1]), 3)
    moved = donor(kind).adapted(NetState.from_module(network()), {"0.weight": [Remap(1, swap, False)]}).optimizer
    assert moved is not None
    assert ("0.weight" in moved.moments) == (kind == "Rprop")
    if kind == "Rprop":
        assert (moved.moments["0.weight"]["step_size"] > 0).all()


def statistics(shift: float) -> Reparametrisation:
    old = Standardizer(1.0, np.zeros(3), np.ones(3))
    new = Standardizer(1.0, np.full(3, shift), np.array([4.0, 1.0, 0.25]))
    return Reparametrisation("0.weight", "0.bias", old, new)


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("Adam", True), ("SGD", True), ("RMSprop", True), ("Adagrad", True), ("Rprop", False), ("LBFGS", False)],
)
def test_moments_follow_the_statistics(kind: str, kept: bool) -> None:
    old, change = donor(kind), statistics(0.5)
    new = old.adapted(NetState.from_module(network()), {}, change)
    X = torch.randn(5, 3)
    then, now = network(), network()
    old.state.load_into(then)
    new.state.load_into(now)
    rows = (X - 0.5) / torch.tensor([2.0, 1.0, 0.5])
    torch.testing.assert_close(now(rows), then(X), rtol=1e-5, atol=1e-5)
    assert old.optimizer is not None
    assert new.optimizer is not None
    assert ("0.weight" in new.optimizer.moments) == kept
    for name in set(old.optimizer.moments) - {"0.weight"}:
        for key, value in old.optimizer.moments[name].items():
            same = new.optimizer.moments[name][key]
            assert torch.equal(value, same) if isinstance(value, torch.Tensor) else value == same
    linear = {"Adam": "exp_avg", "SGD": "momentum_buffer", "RMSprop": "grad_avg"}.get(kind)
    if linear:
        moments = old.optimizer.moments
        expected = change.linear_moment(moments["0.weight"][linear], moments["0.bias"][linear])
        torch.testing.assert_close(new.optimizer.moments["0.weight"][linear], expected.float())
    for squared in ("exp_avg_sq", "square_avg", "sum"):
        if squared in new.optimizer.moments.get("0.weight", {}):
            assert (new.optimizer.moments["0.weight"][squared] >= 0).all()


def test_a_donor_without_bias_moments_still_follows() -> None:
    old = donor("Adam")
    assert old.optimizer is not None
    moments = {name: entry for name, entry in old.optimizer.moments.items() if name != "0.bias"}
    frozen = replace(old, optimizer=OptimizerState("Adam", moments, old.optimizer.groups))
    new = frozen.adapted(NetState.from_module(network()), {}, statistics(0.0)).optimizer
    assert new is not None
    torch.testing.assert_close(
        new.moments["0.weight"]["exp_avg"], moments["0.weight"]["exp_avg"] / torch.tensor([2.0, 1.0, 0.5])
    )


def test_adapting_leaves_the_donor_alone() -> None:
    old = donor()
    before = old.id
    new = old.adapted(NetState.from_module(network()), {}, statistics(1.0))
    new.state["0.bias"].zero_()
    assert new.optimizer is not None
    assert old.optimizer is not None
    assert old.id == before
    assert old.optimizer.moments["0.weight"]["step"] == 3


_STORY = """
import torch
from sk_warmstart.state import Donor, Lineage, NetState
state = NetState({"w": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}, {"w"})
print(Donor(state, lineage=Lineage(2, "abc", "Warm", {"a": 1}, 10, 30, 4, 7)).id)
"""


def test_the_id_is_the_same_in_another_process() -> None:
    elsewhere = subprocess.run([sys.executable, "-c", _STORY], capture_output=True, text=True, check=True)
    told = elsewhere.stdout.strip()
    state = NetState({"w": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(3)}, {"w"})
    line = Lineage(2, "abc", "Warm", {"a": 1}, 10, 30, 4, 7)
    one = Donor(state, lineage=line)
    assert one.id == told
    assert len(told) == 16
    assert Donor(state.copy(), lineage=line).id == told
    changes: list[dict[str, Any]] = [
        {"generation": 3}, {"parent": None}, {"policy": "Cold"}, {"rows": 11}, {"rows_seen": 31}, {"epochs": 5},
    ]  # fmt: skip
    others = [replace(one, lineage=replace(line, **change)) for change in changes]
    others.append(replace(one, state=state.map(lambda _, tensor: tensor + 1)))
    assert len({told, *(other.id for other in others)}) == len(others) + 1
