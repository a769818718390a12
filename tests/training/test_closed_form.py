"""The closed form gives what autograd and torch's optimisers give."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.modules import MLP
from sk_warmstart.training import FlatUpdate, Rows, TensorBatches, weighted_loss
from sk_warmstart.training.mlp._activations import ACTIVATIONS
from sk_warmstart.training.mlp._closed_form_pack import ClosedFormPack
from sk_warmstart.training.mlp._epoch import _build
from sk_warmstart.training.packed._state import PackState

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """A network, an optimiser and rows."""
    kind = draw(st.sampled_from(sorted(OPTIMIZERS)))
    unit = st.floats(0.0, 0.95)
    numbers: dict[str, Any] = {
        "lr": draw(st.floats(1e-4, 0.05)),
        "weight_decay": draw(st.sampled_from([0.0, 0.01, 0.3])),
    }
    if kind == "sgd":
        numbers["momentum"] = draw(st.sampled_from([0.0, 0.5, 0.9]))
        numbers["nesterov"] = bool(numbers["momentum"]) and draw(st.booleans())
    else:
        numbers["betas"] = (draw(unit), draw(st.floats(0.5, 0.999)))
        # A tiny eps makes Adam a sign function, whose steps no two ways of rounding share.
        numbers["eps"] = draw(st.sampled_from([1e-4, 1e-3]))
    return {
        "kind": kind,
        "numbers": numbers,
        "n_features": draw(st.integers(1, 5)),
        "n_outputs": draw(st.integers(1, 4)),
        "hidden": draw(st.lists(st.integers(1, 6), max_size=3)),
        "activation": draw(st.sampled_from(sorted(ACTIVATIONS))),
        "dropout": draw(st.sampled_from([0.0, 0.0, 0.4])),
        "loss": draw(st.sampled_from(["cross_entropy", "squared_error"])),
        "weights": draw(st.sampled_from(["none", "some", "zeros"])),
        "n": draw(st.integers(1, 23)),
        "batch_size": draw(st.integers(1, 12)),
        "drop_last": draw(st.booleans()),
        "seed": draw(st.integers(0, 10**6)),
    }


def prepared(problem: dict[str, Any], dtype: torch.dtype) -> tuple[MLP, Any, nn.Module, Rows]:
    torch.manual_seed(problem["seed"])
    n, k = problem["n"], problem["n_outputs"]
    module = MLP(problem["n_features"], k, problem["hidden"], problem["activation"], problem["dropout"]).to(dtype)
    X = torch.randn(n, problem["n_features"], dtype=dtype)
    if problem["loss"] == "cross_entropy":
        y, criterion = torch.randint(0, k, (n,)), nn.CrossEntropyLoss()
    else:
        y, criterion = torch.randn(n, k, dtype=dtype), nn.MSELoss()
    weight = None
    if problem["weights"] != "none":
        weight = torch.rand(n, dtype=dtype) * 2
        if problem["weights"] == "zeros":
            weight *= torch.rand(n) < 0.5
    optimizer = OPTIMIZERS[problem["kind"]](module.parameters(), fused=True, **problem["numbers"])
    return module, optimizer, criterion, Rows(X, y, weight)


def batches_of(rows: Rows, problem: dict[str, Any]) -> TensorBatches:
    generator = torch.Generator().manual_seed(problem["seed"])
    return TensorBatches(rows, problem["batch_size"], True, problem["drop_last"], generator)


def by_autograd(module: MLP, optimizer: Any, criterion: nn.Module, batches: TensorBatches) -> list[float]:
    losses = []
    module.train()
    for X, y, *weight in batches:
        optimizer.zero_grad()
        output = module(X)
        loss = weighted_loss(criterion, output, y, *weight) if weight else criterion(output, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def assert_same_training(problem: dict[str, Any], epochs: int, dtype: torch.dtype, tolerance: float) -> None:
    module, optimizer, criterion, rows = prepared(problem, dtype)
    other = copy.deepcopy(module)
    other_optimizer = OPTIMIZERS[problem["kind"]](other.parameters(), fused=True, **problem["numbers"])
    ours, theirs = batches_of(rows, problem), batches_of(rows, problem)
    trainer = _build(module, criterion, optimizer, ours)
    assert trainer is not None
    close = {"rtol": tolerance, "atol": tolerance}
    for _ in range(epochs):
        torch.manual_seed(1)
        losses, sizes = trainer.run(optimizer, ours)
        torch.manual_seed(1)
        expected = by_autograd(other, other_optimizer, criterion, theirs)
        np.testing.assert_allclose(losses, expected, **close)
        assert sizes == [
            len(X) for X, *_ in TensorBatches(rows, problem["batch_size"], False, problem["drop_last"])
        ]
        for one, two in zip(module.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(one, two, **close)
            assert (one.grad is None) == (two.grad is None)
            if one.grad is not None:
                torch.testing.assert_close(one.grad, two.grad, **close)
            state, other_state = optimizer.state[one], other_optimizer.state[two]
            kept = {name: value for name, value in other_state.items() if value is not None}
            assert set(state) == set(kept)
            for name, value in kept.items():
                assert state[name].dtype == value.dtype
                torch.testing.assert_close(state[name], value, **close)


@settings(max_examples=60)
@given(problems())
def test_epochs_equal_autograd_in_double_precision(problem: dict[str, Any]) -> None:
    assert_same_training(problem, 3, torch.float64, 1e-10)


@settings(max_examples=30)
@given(problems())
def test_a_pass_equals_autograd_in_single_precision(problem: dict[str, Any]) -> None:
    assert_same_training({**problem, "n": min(problem["n"], problem["batch_size"])}, 1, torch.float32, 1e-5)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_each_activation_in_single_precision(activation: str) -> None:
    problem = {
        "kind": "sgd",
        "numbers": {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.0, "nesterov": False},
        "n_features": 3,
        "n_outputs": 2,
        "hidden": [6, 5],
        "activation": activation,
        "dropout": 0.0,
        "loss": "cross_entropy",
        "weights": "none",
        "n": 60,
        "batch_size": 20,
        "drop_last": False,
        "seed": 3,
    }
    assert_same_training(problem, 2, torch.float32, 1e-5)


@settings(max_examples=40)
@given(problems(), st.integers(1, 4), st.booleans())
def test_members_of_a_pack_train_as_they_would_alone(problem: dict[str, Any], members: int, rests: bool) -> None:
    problem = {**problem, "dropout": 0.0}
    singles = []
    for k in range(members):
        numbers = {**problem["numbers"], "lr": problem["numbers"]["lr"] / (k + 1)}
        singles.append(prepared({**problem, "seed": problem["seed"] + k, "numbers": numbers}, torch.float64))
    rng = np.random.default_rng(problem["seed"])
    state = PackState([(module, optimizer) for module, optimizer, *_ in copy.deepcopy(singles)])
    gradient = torch.zeros_like(state.flat)
    parts = state.views(state.flat), state.views(gradient)
    net = ClosedFormPack(problem["activation"], problem["loss"], *parts)
    update = FlatUpdate(problem["kind"], state.flat, gradient)
    rates = [optimizer.param_groups[0]["lr"] for _, optimizer, *_ in singles]
    update.set_numbers([{**problem["numbers"], "lr": rate} for rate in rates])
    n = problem["n"]
    X = torch.stack([rows.X for *_, rows in singles])  # type: ignore[misc]
    y = torch.stack([rows.y for *_, rows in singles])  # type: ignore[misc]
    weight = torch.stack([torch.ones(n).double() if rows.weight is None else rows.weight for *_, rows in singles])
    for _ in range(3):
        takes = [not rests or bool(rng.random() < 0.7) for _ in range(members)]
        with torch.no_grad():
            outputs = net.step(X, y, net.scale(n, weight))
            means = (net.losses(outputs, y) * weight).mean(-1)
            update.step(takes if rests else None)
        for k, (module, optimizer, criterion, rows) in enumerate(singles):
            if takes[k]:
                optimizer.zero_grad()
                loss = weighted_loss(criterion, module(rows.X), rows.y, weight[k])  # type: ignore[arg-type]
                assert means[k].item() == pytest.approx(loss.item(), rel=1e-9, abs=1e-12)
                loss.backward()
                optimizer.step()
            for view, parameter in zip(state.views(state.flat[k]), module.parameters(), strict=True):
                torch.testing.assert_close(view.clone(), parameter.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", sorted(OPTIMIZERS))
def test_the_update_of_one_network_is_that_of_torchs_optimiser(kind: str) -> None:
    numbers = {
        "lr": 0.01,
        "weight_decay": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "betas": (0.8, 0.99),
        "eps": 1e-6,
    }
    start, gradient = torch.randn(2, 50, dtype=torch.float64).unbind()
    accepted = ("lr", "weight_decay", *(("momentum", "nesterov") if kind == "sgd" else ("betas", "eps")))
    parameter = start.clone().requires_grad_()
    optimizer = OPTIMIZERS[kind]([parameter], fused=False, **{name: numbers[name] for name in accepted})
    parameter.grad = gradient.clone()
    flat = start.clone()
    update = FlatUpdate(kind, flat, gradient.clone())
    update.set_numbers(numbers)
    for counter in update.fused_steps(5):
        update.fused_step(counter)
        optimizer.step()
    torch.testing.assert_close(flat, parameter.detach(), rtol=1e-12, atol=1e-12)


def test_a_long_epoch_goes_through_the_buffers_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    from sk_warmstart.training.mlp import _epoch as _closed_form_epoch

    monkeypatch.setattr(_closed_form_epoch, "_CHUNK_NUMBERS", 100)
    problem = {
        "kind": "adam",
        "numbers": {"lr": 0.01, "weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-3},
        "n_features": 3,
        "n_outputs": 2,
        "hidden": [4],
        "activation": "tanh",
        "dropout": 0.0,
        "loss": "cross_entropy",
        "weights": "some",
        "n": 61,
        "batch_size": 5,
        "drop_last": False,
        "seed": 3,
    }
    assert_same_training(problem, 2, torch.float64, 1e-10)
    assert_same_training({**problem, "drop_last": True}, 2, torch.float64, 1e-10)
