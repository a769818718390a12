"""Dash: the paper's rule by loops, its limits, its warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sk_warmstart.policies import Dash, PlainShrinkWarning, PolicyContext, ShrinkPerturb
from sk_warmstart.state import NetState

ContextOf = Callable[..., PolicyContext]
quiet = pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")


def softmax_gradients(net: nn.Module, X: Tensor, y: Tensor, w: Tensor | None) -> dict[str, np.ndarray]:
    """Gradients of the weighted cross entropy by backward(), in evaluation mode."""
    net.eval().zero_grad()
    losses = nn.functional.cross_entropy(net(X), y, reduction="none")
    (losses if w is None else losses * w).mean().backward()
    found = {name: p.grad.double().numpy().copy() for name, p in net.named_parameters()}
    net.zero_grad()
    return found


def factor(w: np.ndarray, g: np.ndarray, shrink: float) -> float:
    """min(max(cos(w, -g), shrink), 1), entry by entry."""
    dot = sum(float(a) * -float(b) for a, b in zip(w.ravel(), g.ravel(), strict=True))
    norms = np.sqrt(sum(float(a) ** 2 for a in w.ravel())) * np.sqrt(sum(float(b) ** 2 for b in g.ravel()))
    cosine = dot / norms if norms > 0 else 0.0
    return min(max(cosine, shrink), 1.0)


def by_hand(net: nn.Module, chunks: list[tuple[Any, ...]], shrink: float, alpha: float) -> dict[str, np.ndarray]:
    average: dict[str, Any] = {name: 0.0 for name, _ in net.named_parameters()}
    for X, y, w in chunks:
        for name, g in softmax_gradients(net, X, y, w).items():
            average[name] = (1 - alpha) * average[name] + alpha * g
    expected = {}
    for layer_name, layer in net.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            w, g = layer.weight.detach().double().numpy().copy(), average[f"{layer_name}.weight"]
            for o in range(w.shape[0]):
                if w.ndim == 2:
                    w[o] *= factor(w[o], g[o], shrink)
                else:
                    for i in range(w.shape[1]):
                        w[o, i] *= factor(w[o, i], g[o, i], shrink)
            expected[f"{layer_name}.weight"] = w
            b, g = layer.bias.detach().double().numpy().copy(), average[f"{layer_name}.bias"]
            expected[f"{layer_name}.bias"] = b * factor(b, g, shrink)
    return expected


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 3)
    ).double()


@quiet
@given(
    seed=st.integers(0, 100),
    shrink=st.floats(0, 0.99),
    alpha=st.floats(0.05, 1),
    size=st.sampled_from([None, 1, 4, 100]),
    weighted=st.booleans(),
)
def test_equals_the_paper_s_loops(
    context_of: ContextOf, seed: int, shrink: float, alpha: float, size: int | None, weighted: bool
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = convolutional()
        net[1].running_mean.uniform_(-1, 1)  # type: ignore[operator, union-attr]
        X, y, w = torch.randn(11, 2, 3, 3).double(), torch.randint(3, (11,)), torch.rand(11).double()
    weight = w if weighted else None
    previous, context = NetState.from_module(net), context_of(net, X, y, weight)
    start = Dash(shrink, alpha, size).start(previous, previous, context)
    parts = [slice(i, i + (size or 11)) for i in range(0, 11, size or 11)]
    chunks = [(X[part], y[part], None if weight is None else weight[part]) for part in parts]
    expected = by_hand(net, chunks, shrink, alpha)
    for name in previous:
        if name in expected:
            np.testing.assert_allclose(start[name].numpy(), expected[name], rtol=1e-9, atol=1e-12)
            clamped = context.notes["frac_clamped"][name]
            assert 0 <= clamped <= 1
        else:
            assert torch.equal(start[name], previous[name])
    assert set(context.notes["frac_clamped"]) == set(expected)


@quiet
@given(seed=st.integers(0, 100), shrink=st.floats(0, 1))
def test_rows_are_multiples_with_factors_in_range(case: Any, seed: int, shrink: float) -> None:
    previous, fresh, context = case("mlp_batch", seed)
    start = Dash(shrink).start(previous, fresh, context())
    for name in ("hidden.0.weight", "output.weight"):
        ratio = start[name] / previous[name]
        assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio))
        assert bool((ratio >= shrink - 1e-9).all())
        assert bool((ratio <= 1 + 1e-9).all())


def test_no_shrinking_is_warm_and_needs_nothing(case: Any, equal: Any, net: str) -> None:
    previous, fresh, _ = case(net)
    assert equal(Dash(shrink=1).start(previous, fresh, PolicyContext()), previous)


def test_all_cosines_below_shrink_is_plain_shrinking_and_says_so(context_of: ContextOf) -> None:
    net = nn.Sequential(nn.Linear(50, 20), nn.ReLU(), nn.Linear(20, 3)).double()
    torch.manual_seed(0)
    for p in net.parameters():
        nn.init.normal_(p)
    # Every row is wrong with confidence: the descent direction is to shrink the head.
    X = torch.randn(40, 50, dtype=torch.float64)
    y = net(X).argmin(1)
    previous, context = NetState.from_module(net), context_of(net, X, y)
    with pytest.warns(
        PlainShrinkWarning, match=r"100% of the groups .* ShrinkPerturb\(shrink=0.9, perturb=0"
    ) as record:
        start = Dash(0.9).start(previous, previous, context)
    assert len(record) == 1
    plain = ShrinkPerturb(0.9, 0, scope="no_norm", buffers="keep").start(previous, previous, context)
    assert all(torch.allclose(start[name], plain[name]) for name in previous if "weight" in name)
    assert context.notes["frac_clamped"]["0.weight"] == 1.0


def test_groups_that_follow_descent_are_kept_and_nothing_is_said(context_of: ContextOf) -> None:
    net = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    X, y = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).double(), torch.tensor([0, 1])
    previous, context = NetState.from_module(net), context_of(net, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start = Dash().start(previous, previous, context)
    assert torch.equal(start["weight"], previous["weight"])
    assert context.notes["frac_clamped"] == {"weight": 0.0}


@quiet
def test_zero_groups_and_tiny_gradients_have_cosines(context_of: ContextOf) -> None:
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        net.bias.zero_()
    X, y = torch.tensor([[1e-18, 0.0]]), torch.tensor([0])  # the squared norm underflows in float32
    start = Dash(0.5).start(NetState.from_module(net), NetState.from_module(net), context_of(net, X, y))
    assert start["weight"].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert start["bias"].tolist() == [0.0, 0.0]


@quiet
def test_large_chunks_are_gone_through_in_parts(context_of: ContextOf, monkeypatch: pytest.MonkeyPatch) -> None:
    net = convolutional()
    X, y = torch.randn(23, 2, 3, 3).double(), torch.arange(23) % 3
    previous = NetState.from_module(net)
    whole = Dash().start(previous, previous, context_of(net, X, y))
    monkeypatch.setattr("sk_warmstart.policies.rules._dash._ROWS_AT_ONCE", 5)
    parts = Dash().start(previous, previous, context_of(net, X, y))
    assert all(torch.allclose(whole[name], parts[name]) for name in previous)


@quiet
def test_frozen_layers_and_other_layers_are_left_alone(context_of: ContextOf) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm = nn.Embedding(7, 4), nn.LayerNorm(4)
            self.frozen, self.unused, self.head = nn.Linear(4, 4), nn.Linear(2, 2), nn.Linear(4, 2)
            self.frozen.requires_grad_(False)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(self.frozen(self.norm(self.words(X).mean(1))))

    net = Net()
    X, y = torch.randint(7, (9, 3)), torch.arange(9) % 2
    previous = NetState.from_module(net)
    start = Dash(0.2).start(previous, previous, context_of(net, X, y))
    for name in previous:
        assert torch.equal(start[name], previous[name]) == (not name.startswith("head")), name


def test_gradients_are_taken_where_gradients_are_off(context_of: ContextOf) -> None:
    net = convolutional()
    X, y = torch.randn(6, 2, 3, 3).double(), torch.arange(6) % 3
    previous = NetState.from_module(net)
    with torch.no_grad():
        Dash(0.0).start(previous, previous, context_of(net, X, y))


def test_what_cannot_be_followed_is_an_error(context_of: ContextOf) -> None:
    net = nn.Linear(2, 2)
    X, y = torch.ones(3, 2), torch.tensor([0, 1, 0])
    state = NetState.from_module(net)
    broken = state.map(lambda name, t: t * float("nan") if name == "weight" else t.clone())
    with pytest.raises(ValueError, match="Dash cannot start from previous weights that are not finite: weight"):
        Dash().start(broken, state, context_of(net, X, y))
    with pytest.raises(ValueError, match="Dash cannot start from gradients that are not finite"):
        Dash().start(state, state, context_of(net, X * float("inf"), y))
    with pytest.raises(ValueError, match="needs targets"):
        Dash().start(state, state, context_of(net, X, None))
