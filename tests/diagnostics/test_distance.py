"""Distances of states."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.diagnostics import distance, layer_distances
from sk_warmstart.modules import MLP
from sk_warmstart.state import NetState


def state(**tensors: list[float]) -> NetState:
    return NetState({name: torch.tensor(values) for name, values in tensors.items()}, set(tensors))


def net(seed: int) -> NetState:
    torch.manual_seed(seed)
    return NetState.from_module(MLP(3, 2, hidden_layer_sizes=(4,), norm="batch"))


def test_by_hand() -> None:
    a, b = state(x=[1.0, 2.0], y=[3.0]), state(x=[1.0, 0.0], y=[0.0])
    assert distance(a, b) == pytest.approx(math.sqrt(13))
    assert distance(a, b, scale="relative") == pytest.approx(math.sqrt(13))
    assert distance(a, b, scale="rms") == pytest.approx(math.sqrt(13 / 3))
    zero = state(x=[0.0])
    assert distance(zero, zero, scale="relative") == 0
    assert distance(state(x=[1.0]), zero, scale="relative") == math.inf


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_it_is_a_metric_and_agrees_with_the_state(i: int, j: int, k: int) -> None:
    a, b, c = net(i), net(j), net(k)
    assert distance(a, a) == 0
    assert distance(a, b) == pytest.approx(distance(b, a)) == pytest.approx(a.distance(b))
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-9


def test_layers_add_up_and_buffers_do_not_count() -> None:
    a, b = net(0), net(1)
    layers = layer_distances(a, b)
    assert list(layers) == ["hidden.0", "hidden.1", "output"]
    assert math.hypot(*layers.values()) == pytest.approx(distance(a, b))
    moved = NetState(
        {n: t if a.is_parameter(n) else t + 1 for n, t in a.items()}, {n for n in a if a.is_parameter(n)}
    )
    assert distance(a, moved) == 0


def test_tied_weights_count_once() -> None:
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    network[1].weight = network[0].weight
    a = NetState.from_module(network)
    assert distance(a, a.map(lambda name, t: t + 1)) == pytest.approx(2)


def test_states_that_do_not_match_are_named() -> None:
    with pytest.raises(ValueError, match=r"\['y'\] are in one only"):
        distance(state(x=[1.0]), state(x=[1.0], y=[1.0]))
    with pytest.raises(ValueError, match=r"'x' has shape \(1,\) in a and \(2,\) in b"):
        layer_distances(state(x=[1.0]), state(x=[1.0, 2.0]))
    with pytest.raises(ValueError, match="scale"):
        distance(state(x=[1.0]), state(x=[1.0]), scale="cosine")
