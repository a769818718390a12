"""RecycleDormant: which units, what they become, and that nothing else notices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sk_warmstart.modules import MLP
from sk_warmstart.policies import PolicyContext, RecycleDormant
from sk_warmstart.state import NetState

ContextOf = Callable[..., PolicyContext]


def outputs(net: nn.Module, state: NetState, X: Tensor) -> Tensor:
    state.load_into(net)
    with torch.no_grad():
        return net.eval()(X)


def two_draws(build: Callable[[], nn.Module], seed: int = 0) -> tuple[nn.Module, NetState]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net, fresh = build(), NetState.from_module(build())
    return net, fresh


@given(seed=st.integers(0, 50), tau=st.floats(0, 1.2))
def test_multi_layer_perceptron_by_hand(context_of: ContextOf, seed: int, tau: float) -> None:
    net, fresh = two_draws(lambda: MLP(4, 2, hidden_layer_sizes=(6, 5)).double(), seed)
    X = torch.randn(25, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.no_grad():
        net.hidden[0].bias[1] = -100.0
    previous = NetState.from_module(net)
    context = context_of(net, X, torch.arange(25) % 2)
    start = RecycleDormant(tau).start(previous, fresh, context)

    P = {name: t.numpy().copy() for name, t in previous.items()}
    h1 = np.maximum(X.numpy() @ P["hidden.0.weight"].T + P["hidden.0.bias"], 0)
    h2 = np.maximum(h1 @ P["hidden.2.weight"].T + P["hidden.2.bias"], 0)
    expected, recycled = {name: value.copy() for name, value in P.items()}, {}
    for layer, h in (("hidden.0", h1), ("hidden.2", h2)):
        activity = [sum(abs(row[i]) for row in h) / len(h) for i in range(h.shape[1])]
        recycled[layer] = [i for i, a in enumerate(activity) if a / (sum(activity) / len(activity)) <= tau]
        for i in recycled[layer]:
            expected[f"{layer}.weight"][i] = fresh[f"{layer}.weight"][i].numpy()
            expected[f"{layer}.bias"][i] = fresh[f"{layer}.bias"][i].numpy()
    for layer, following in (("hidden.0", "hidden.2"), ("hidden.2", "output")):
        expected[f"{following}.weight"][:, recycled[layer]] = 0
    assert context.notes["recycled"] == recycled
    assert 1 in recycled["hidden.0"]
    for name in previous:
        np.testing.assert_array_equal(start[name], expected[name])


class Residual(nn.Module):
    """Only the first convolution of the block has units of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = (nn.Conv2d(c, 4, 3, padding=1) for c in (1, 4, 4))
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.relu(self.stem(X))
        h = torch.relu(h + self.second(torch.relu(self.norm(self.first(h)))))
        return self.head(h.mean((2, 3)))


class Heads(nn.Module):
    """Two layers read the same units."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, X: Tensor) -> Tensor:
        h = torch.relu(self.body(X))
        return self.a(h) + self.b(h).tanh()


class Repeated(nn.Module):
    """The middle layer is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, X: Tensor) -> Tensor:
        return self.last(torch.relu(self.middle(torch.relu(self.middle(torch.relu(self.first(X)))))))


def flattened() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )


def grouped() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 6, 1, groups=2),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 2, groups=2),
        nn.ReLU(),
        nn.Conv2d(4, 3, 5),
        nn.Flatten(),
        nn.Linear(3, 3),
    )


@pytest.mark.parametrize(
    ("build", "shape", "silenced", "examined"),
    [
        (flattened, (1, 6, 6), {"1.bias": [0, 2]}, {"0": [0, 2]}),
        (Residual, (1, 5, 5), {"norm.bias": [1]}, {"first": [1]}),
        (Heads, (4,), {"body.bias": [3, 5]}, {"body": [3, 5]}),
        (Repeated, (4,), {"middle.bias": [0]}, {}),
        (lambda: MLP(4, 3, (6,), norm="layer"), (4,), {"hidden.1.bias": [2]}, {}),
        (lambda: MLP(4, 3, (6,), norm="batch"), (4,), {"hidden.1.bias": [2]}, {"hidden.0": [2]}),
        (lambda: MLP(4, 3, ()), (4,), {}, {}),
        (
            grouped,
            (1, 6, 6),
            {"0.bias": [3], "2.bias": [4], "4.bias": [0]},
            {"0": [3], "2": [4], "4": [0], "6": []},
        ),
    ],
    ids=["flattened", "residual", "heads", "repeated", "layer_norm", "batch_norm", "linear", "grouped"],
)
@pytest.mark.parametrize("width", [torch.float64, torch.float32])
def test_silent_units_are_recycled_and_outputs_stay(
    context_of: ContextOf,
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    silenced: dict[str, list[int]],
    examined: dict[str, list[int]],
    width: torch.dtype,
) -> None:
    net, fresh = two_draws(lambda: build().to(width))
    X = torch.randn(20, *shape, generator=torch.Generator().manual_seed(1), dtype=width)
    with torch.no_grad():
        for name, units in silenced.items():
            net.get_parameter(name)[units] = -1000.0
        if "6" in examined:  # the last channels reach the head unrectified: none of them is silent
            net[6].bias.fill_(1.0)  # type: ignore[union-attr, operator]
    previous = NetState.from_module(net)
    context = context_of(net, X, torch.arange(20) % 3)
    start = RecycleDormant().start(previous, fresh, context)
    found = context.notes["recycled"]
    assert set(found) == set(examined)
    for name, units in examined.items():
        assert set(units) <= set(found[name])  # an innocent unit may be silent by chance
        assert torch.equal(start[f"{name}.bias"][units], fresh[f"{name}.bias"][units])
    for name, units in silenced.items():
        kept = (fresh if examined else previous)[name][units]
        assert torch.equal(start[name][units], kept)
    tolerance = 1e-12 if width == torch.float64 else 1e-5
    assert torch.allclose(outputs(net, start, X), outputs(net, previous, X), rtol=tolerance, atol=tolerance)


def test_flattened_channels_lose_all_their_outgoing_weights(context_of: ContextOf) -> None:
    net, fresh = two_draws(flattened)
    with torch.no_grad():
        net[1].bias.fill_(1.0)  # type: ignore[index, union-attr, operator]
        net[1].bias[2] = -1000.0  # type: ignore[index]
        net[1].running_mean[2] = 7.0  # type: ignore[index]
    previous = NetState.from_module(net)
    X = torch.randn(20, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    start = RecycleDormant().start(previous, fresh, context_of(net, X, torch.arange(20) % 3))
    blocks = start["5.weight"].reshape(3, 4, 4)
    assert not blocks[:, 2].any()
    assert torch.equal(blocks[:, [0, 1, 3]], previous["5.weight"].reshape(3, 4, 4)[:, [0, 1, 3]])
    # Batch normalisation's entries of the unit go along, its counter does not.
    assert (start["1.bias"][2], start["1.running_mean"][2]) == (0.0, 0.0)
    assert torch.equal(start["1.num_batches_tracked"], previous["1.num_batches_tracked"])


def test_a_recycled_unit_learns_again(context_of: ContextOf) -> None:
    net, fresh = two_draws(lambda: MLP(4, 2, (6,)))
    with torch.no_grad():
        net.hidden[0].bias[0] = -100.0  # type: ignore[index]
    X, y = torch.randn(30, 4), torch.arange(30) % 2
    start = RecycleDormant().start(NetState.from_module(net), fresh, context_of(net, X, y))
    start.load_into(net)
    nn.functional.cross_entropy(net(X), y).backward()
    assert net.output.weight.grad[:, 0].abs().sum() > 0  # type: ignore[index]


def test_all_rows_count_in_parts_too(context_of: ContextOf, monkeypatch: pytest.MonkeyPatch) -> None:
    net, fresh = two_draws(lambda: MLP(4, 2, (6,)).double())
    X = torch.randn(30, 4, dtype=torch.float64)
    X[:-1, 0], X[-1, 0] = 0.0, 1.0
    with torch.no_grad():
        net.hidden[0].weight[1] = 0.0  # type: ignore[index]
        net.hidden[0].weight[1, 0] = 1.0  # type: ignore[index]
        net.hidden[0].bias[1] = -0.5  # type: ignore[index]
    previous = NetState.from_module(net)
    monkeypatch.setattr("sk_warmstart.policies.rules._recycle_dormant._ROWS_AT_ONCE", 7)
    context = context_of(net, X, torch.arange(30) % 2)
    RecycleDormant().start(previous, fresh, context)
    assert 1 not in context.notes["recycled"]["hidden.0"]  # awake on the last row only


def test_layers_that_share_a_weight_are_left_alone(case: Callable) -> None:
    previous, fresh, make = case("tied")
    context = make()
    start = RecycleDormant(100.0).start(previous, fresh, context)
    assert context.notes["recycled"] == {}
    assert all(torch.equal(start[name], previous[name]) for name in previous)


def test_broken_weights_are_named(context_of: ContextOf) -> None:
    net, fresh = two_draws(lambda: MLP(4, 2, (6,)))
    with torch.no_grad():
        net.output.bias[0] = float("nan")  # type: ignore[index]
    context = context_of(net, torch.ones(5, 4), torch.zeros(5).long())
    with pytest.raises(ValueError, match=r"RecycleDormant cannot start from .* not finite: output\.bias"):
        RecycleDormant().start(NetState.from_module(net), fresh, context)
