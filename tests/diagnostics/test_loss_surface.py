"""Gradient norm, sharpness and barrier, on losses whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sk_warmstart.diagnostics import (
    ascent_sharpness,
    dormant_scores,
    gradient_norm,
    interpolation_barrier,
    sharpness,
)
from sk_warmstart.modules import MLP
from sk_warmstart.state import NetState

LOSS = nn.MSELoss()


class Point(nn.Module):
    """Gives its only parameter for each row; the loss is then any function of it."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(values, dtype=torch.float64))

    def forward(self, X: Tensor) -> Tensor:
        return self.theta.expand(len(X), -1)


def quadratic(diagonal: list[float]) -> Callable[[Tensor, Tensor], Tensor]:
    """Half of theta' H theta, and a slope."""
    h = torch.tensor(diagonal, dtype=torch.float64)
    return lambda output, y: (0.5 * h * output**2 + 3 * output).sum(dim=1).mean()


ROWS = torch.zeros(4, 1, dtype=torch.float64)


def problem(seed: int = 0, **settings: Any) -> tuple[MLP, Tensor, Tensor]:
    torch.manual_seed(seed)
    network = MLP(3, 1, hidden_layer_sizes=(5,), **settings).double()
    return network, torch.randn(11, 3, dtype=torch.float64), torch.randn(11, 1, dtype=torch.float64)


def end(*values: float) -> NetState:
    return NetState({"theta": torch.tensor(values, dtype=torch.float64)}, {"theta"})


def test_gradient_norm_of_linear_regression_by_hand() -> None:
    network, rng = nn.Linear(2, 1).double(), np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    weight, bias = network.weight.detach().numpy(), network.bias.detach().numpy()
    error = X @ weight.T + bias - y
    slope = np.concatenate([2 * X.T @ error / 6, 2 * error.mean(axis=0, keepdims=True)])
    assert gradient_norm(network, LOSS, X, y) == pytest.approx(np.linalg.norm(slope), abs=1e-9)


def test_gradient_norm_agrees_with_backward_in_evaluation_mode() -> None:
    network, X, y = problem(dropout=0.5, norm="batch")
    found = gradient_norm(network, LOSS, X, y)
    network.eval()
    LOSS(network(X), y).backward()
    expected = math.sqrt(sum(float((p.grad**2).sum()) for p in network.parameters() if p.grad is not None))
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 100])
def test_batches_change_nothing(batch_size: int) -> None:
    network, X, y = problem()
    a, b = NetState.from_module(network), NetState.from_module(problem(1)[0])
    for measure in (
        lambda **k: gradient_norm(network, LOSS, X, y, **k),
        lambda **k: sharpness(network, LOSS, X, y, **k).value,
        lambda **k: ascent_sharpness(network, LOSS, X, y, **k),
        lambda **k: interpolation_barrier(network, a, b, LOSS, X, y, **k).value,
    ):
        assert measure(batch_size=batch_size) == pytest.approx(measure(), abs=1e-12)


def test_frozen_parameters_have_no_gradient() -> None:
    network, X, y = problem()
    network.hidden.requires_grad_(False)
    found = gradient_norm(network, LOSS, X, y)
    network.zero_grad()
    LOSS(network(X), y).backward()
    expected = math.hypot(*(float(p.grad.norm()) for p in network.output.parameters()))
    assert found == pytest.approx(expected, abs=1e-9)
    network.requires_grad_(False)
    with pytest.raises(ValueError, match="requires_grad"):
        gradient_norm(network, LOSS, X, y)


def test_a_parameter_that_the_output_does_not_use_has_none_either() -> None:
    network = Point([1.0])
    network.unused = nn.Parameter(torch.ones(2, dtype=torch.float64))
    assert gradient_norm(network, quadratic([2.0]), ROWS, ROWS) == pytest.approx(5)


def test_sharpness_of_an_even_quadratic_is_exact() -> None:
    # H = 2 I: the rise is s^2 |theta|^2 whatever the direction, and the slope cancels.
    found = sharpness(Point([3.0, 4.0]), quadratic([2.0, 2.0]), ROWS, ROWS, scale=0.1, n_draws=3)
    assert found.value == pytest.approx(0.25, abs=1e-9)
    assert found.standard_error == pytest.approx(0, abs=1e-9)
    assert found.loss == pytest.approx(25 + 21)


def test_sharpness_of_a_quadratic_is_the_mean_curvature() -> None:
    # E[u' H u] = tr H / d on the sphere, so the rise is s^2 |theta|^2 tr H / (2 d).
    diagonal, theta = [8.0, 1.0, 0.0, 3.0], [1.0, -2.0, 2.0, 4.0]
    found = sharpness(Point(theta), quadratic(diagonal), ROWS, ROWS, scale=0.2, n_draws=2000)
    expected = 0.2**2 * 25 * 12 / 8
    assert abs(found.value - expected) < 4 * found.standard_error
    assert found.standard_error < 0.02 * expected


@given(st.floats(0.01, 100))
def test_sharpness_goes_by_relative_noise(factor: float) -> None:
    # Scaling a ReLU layer up and the next one down changes nothing, so neither does its sharpness.
    network, X, y = problem()
    before = sharpness(network, LOSS, X, y).value
    with torch.no_grad():
        for parameter in network.hidden[0].parameters():
            parameter *= factor
        network.output.weight /= factor
    assert sharpness(network, LOSS, X, y).value == pytest.approx(before, rel=1e-6)


def test_sharpness_draws_from_the_generator_only() -> None:
    network, X, y = problem()
    assert sharpness(network, LOSS, X, y) == sharpness(network, LOSS, X, y)
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    one, same, other = (sharpness(network, LOSS, X, y, rng=seed).value for seed in seeds)
    assert one == same != other
    assert sharpness(network, LOSS, X, y, rng=seeds[0]).value != one
    assert math.isnan(sharpness(network, LOSS, X, y, n_draws=1).standard_error)


def test_ascent_by_hand() -> None:
    # At 0.25 from theta = 2 along the slope of theta^2 + 3 theta.
    found = ascent_sharpness(Point([2.0]), quadratic([2.0]), ROWS, ROWS, radius=0.25)
    assert found == pytest.approx((2.25**2 + 3 * 2.25) - (2**2 + 6), abs=1e-9)
    flat = Point([-1.5])
    assert ascent_sharpness(flat, quadratic([2.0]), ROWS, ROWS) == 0


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(3, 15))
def test_a_convex_loss_has_no_barrier(x: float, y: float, n_points: int) -> None:
    found = interpolation_barrier(Point([0.0]), end(x), end(y), quadratic([2.0]), ROWS, ROWS, n_points)
    assert 0 <= found.value < 1e-12
    assert len(found.losses) == n_points


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_barrier_is_at_least_zero_and_the_same_both_ways(i: int, j: int) -> None:
    network, X, y = problem(i)
    a, b = NetState.from_module(network), NetState.from_module(problem(j)[0])
    there, back = (interpolation_barrier(network, *ends, LOSS, X, y) for ends in ((a, b), (b, a)))
    assert there.value >= 0
    assert there.value == pytest.approx(back.value, abs=1e-12)
    assert interpolation_barrier(network, a, a, LOSS, X, y).value == pytest.approx(0, abs=1e-15)


def test_barrier_by_hand() -> None:
    def bumpy(output: Tensor, y: Tensor) -> Tensor:
        return ((output**2 - 1) ** 2 + output).mean()

    found = interpolation_barrier(Point([0.0]), end(-1.0), end(1.0), bumpy, ROWS, ROWS, n_points=5)
    # Losses (x^2 - 1)^2 + x at -1, -.5, 0, .5, 1; the straight line is x.
    assert found.losses == pytest.approx((-1, 0.0625, 1, 1.0625, 1))
    assert found.value == pytest.approx(1)
    assert found.position == 0.5


def test_a_loss_that_breaks_on_the_way_is_an_infinite_barrier() -> None:
    found = interpolation_barrier(
        Point([0.0]), end(-1.0), end(1.0), lambda o, y: (1 / o**2).mean() * 0, ROWS, ROWS
    )
    assert found.value == math.inf
    assert found.position == 0.5


def test_running_statistics_lie_on_the_line_and_counters_do_not() -> None:
    network, X, y = problem(norm="batch")
    network.train()
    network(X)
    a = NetState.from_module(network)
    network(5 * X)
    b = NetState.from_module(network)
    found = interpolation_barrier(network, a, b, LOSS, X, y, n_points=3)
    between = a.map(lambda name, t: (t + b[name]) / 2 if t.is_floating_point() else t)
    between.load_into(network)
    network.eval()
    assert found.losses[1] == pytest.approx(LOSS(network(X), y).item(), abs=1e-12)


def test_tied_weights_stay_tied() -> None:
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Tanh(), nn.Linear(2, 2, bias=False)).double()
    network[2].weight = network[0].weight
    X, y = torch.ones(3, 2, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.float64)
    a = NetState.from_module(network)
    b = a.map(lambda name, t: -t)
    losses = interpolation_barrier(network, a, b, LOSS, X, y, n_points=3).losses
    assert losses[0] == pytest.approx(losses[2]) == pytest.approx(LOSS(network(X), y).item())
    assert losses[1] == 0
    assert gradient_norm(network, LOSS, X, y) > 0
    assert sharpness(network, LOSS, X, y).loss == pytest.approx(losses[0])


class Counting(nn.Module):
    """Counts its calls, draws random numbers even in evaluation, and has a buffer outside of its state."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(3, 4), nn.Linear(4, 1)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.ones(1), persistent=False)

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        self.scratch = self.scratch + 1
        hidden = self.inner(X).relu() + 0 * torch.rand(len(X), 1)
        return self.outer(hidden), hidden


def test_measuring_leaves_no_trace() -> None:
    torch.manual_seed(0)
    network = Counting()
    network.outer.eval()  # modes that differ
    network.inner.weight.grad = torch.full_like(network.inner.weight, 7.0)
    X, y = torch.randn(5, 3), torch.randn(5, 1)
    rows, targets = X.clone(), y.clone()
    before, other = NetState.from_module(network), NetState.from_module(Counting())
    digest, scratch = before.digest(), network.scratch
    modes = [layer.training for layer in network.modules()]
    random = torch.get_rng_state()
    dormant_scores(network, X)
    gradient_norm(network, LOSS, X, y)
    sharpness(network, LOSS, X, y, n_draws=2)
    ascent_sharpness(network, LOSS, X, y)
    interpolation_barrier(network, before, other, LOSS, X, y)
    assert torch.equal(torch.get_rng_state(), random)
    assert NetState.from_module(network).digest() == digest == before.digest()
    assert network.scratch is scratch
    assert scratch.tolist() == [1]
    assert [layer.training for layer in network.modules()] == modes
    assert (network.inner.weight.grad == 7).all()
    assert network.outer.weight.grad is None
    assert torch.equal(X, rows)
    assert torch.equal(y, targets)
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


def test_modes_come_back_where_a_network_fails() -> None:
    network, _, _ = problem()
    with pytest.raises(RuntimeError):
        gradient_norm(network, LOSS, torch.ones(2, 9, dtype=torch.float64), ROWS[:2])
    assert network.training


def test_arrays_get_the_networks_dtype() -> None:
    network = MLP(3, 2, hidden_layer_sizes=(4,))
    X, y = np.random.default_rng(0).normal(size=(6, 3)), np.array([0, 1, 0, 1, 1, 0])
    expected = gradient_norm(network, nn.CrossEntropyLoss(), torch.tensor(X).float(), torch.tensor(y))
    assert gradient_norm(network, nn.CrossEntropyLoss(), X, y) == expected


def test_bad_input_is_named() -> None:
    network, X, y = problem()
    state = NetState.from_module(network)
    for bad, match in (
        ({"y": y[:3]}, r"y must have one entry per row of X \(11\)"),
        ({"X": X * math.nan}, "X contains NaN"),
        ({"y": y * math.inf}, "y contains NaN or infinity"),
        ({"loss": nn.MSELoss(reduction="none")}, "reduction='mean'"),
        ({"batch_size": 0}, "batch_size"),
        ({"X": np.array([["a"]] * 11)}, "X must hold numbers"),
    ):
        given = {"loss": LOSS, "X": X, "y": y, **bad}
        for measure in (gradient_norm, sharpness, ascent_sharpness):
            with pytest.raises(ValueError, match=match):
                measure(network, **given)
        with pytest.raises(ValueError, match=match):
            interpolation_barrier(network, state, state, **given)
    with pytest.raises(ValueError, match="scale"):
        sharpness(network, LOSS, X, y, scale=0)
    with pytest.raises(ValueError, match="n_draws"):
        sharpness(network, LOSS, X, y, n_draws=0)
    with pytest.raises(ValueError, match="radius"):
        ascent_sharpness(network, LOSS, X, y, radius=-1)
    with pytest.raises(ValueError, match="n_points"):
        interpolation_barrier(network, state, state, LOSS, X, y, n_points=2)
    with pytest.raises(ValueError, match=r"b is not a state of this network: 'hidden.0.weight' .* nothing"):
        interpolation_barrier(network, state, end(1.0), LOSS, X, y)
    wider = NetState.from_module(MLP(3, 1, hidden_layer_sizes=(6,)))
    with pytest.raises(ValueError, match=r"a is not a state .* a has shape \(6, 3\)"):
        interpolation_barrier(network, wider, state, LOSS, X, y)
    broken = state.map(lambda name, t: t * math.nan)
    with pytest.raises(ValueError, match="ends must be finite"):
        interpolation_barrier(network, state, broken, LOSS, X, y)
