"""Dormancy scores: the right units, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sk_warmstart.diagnostics import dormant_fraction, dormant_scores
from sk_warmstart.modules import MLP


def by_hand(activations: Tensor) -> list[float]:
    """Of activations of shape (rows, units)."""
    sizes = [sum(abs(float(v)) for v in activations[:, unit]) for unit in range(activations.shape[1])]
    mean = sum(sizes) / len(sizes)
    return [size / mean for size in sizes]


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_scores_of_a_perceptron_are_of_what_follows_the_activation(norm: str | None, activation: str) -> None:
    torch.manual_seed(0)
    network = MLP(3, 2, hidden_layer_sizes=(5, 4), activation=activation, norm=norm, dropout=0.5).double()
    X = torch.randn(7, 3, dtype=torch.float64)
    scores = dormant_scores(network, X)
    linear = [name for name, layer in network.hidden.named_modules() if isinstance(layer, nn.Linear)]
    assert list(scores) == [f"hidden.{name}" for name in linear]
    network.eval()
    stops = [int(linear[1]), len(network.hidden)]
    for (name, score), stop in zip(scores.items(), stops, strict=True):
        expected = by_hand(network.hidden[:stop](X).detach())
        assert score.tolist() == pytest.approx(expected, abs=1e-9), name
        assert float(score.mean()) == pytest.approx(1)


def test_fraction_pools_units_over_layers() -> None:
    network = MLP(2, 1, hidden_layer_sizes=(4, 2))
    first, second = network.hidden[0], network.hidden[2]
    with torch.no_grad():
        for layer in (first, second):
            layer.weight.fill_(1.0)
            layer.bias.zero_()
        first.weight[0] = -1.0  # dead on positive rows
        first.weight[1] = 0.01
    X = torch.ones(3, 2)
    assert dormant_fraction(network, X) == pytest.approx(1 / 6)
    assert dormant_fraction(network, X, tau=0.1) == pytest.approx(2 / 6)
    assert dormant_fraction(network, X, tau=1.0) == pytest.approx(4 / 6)
    assert dormant_fraction(network, X, tau=10) == 1


def test_a_silent_layer_is_dormant_and_a_linear_model_has_no_units() -> None:
    network = MLP(2, 1, hidden_layer_sizes=(3,))
    with torch.no_grad():
        network.hidden[0].bias.fill_(-100)
    assert dormant_scores(network, torch.ones(2, 2))["hidden.0"].tolist() == [0, 0, 0]
    assert dormant_fraction(network, torch.ones(2, 2)) == 1
    linear = MLP(2, 1, hidden_layer_sizes=())
    assert dormant_scores(linear, torch.ones(2, 2)) == {}
    assert dormant_fraction(linear, torch.ones(2, 2)) == 0


def test_channels_keep_their_identity_when_flattened() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 6, 2), nn.LayerNorm([6, 4, 4]),
        nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 5), nn.Tanh(), nn.Linear(5, 2),
    ).double()  # fmt: skip
    X = torch.randn(6, 1, 7, 7, dtype=torch.float64)
    scores = dormant_scores(network, X)
    assert list(scores) == ["0", "3", "8"]
    network.eval()
    for name, stop in (("0", 3), ("3", 7), ("8", 10)):
        given = network[:stop](X).detach()
        flat = given.movedim(1, -1).reshape(-1, given.shape[1])
        assert scores[name].tolist() == pytest.approx(by_hand(flat), abs=1e-9)


def test_channels_of_two_convolutions_side_by_side_are_not_mistaken_for_those_of_one() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Conv1d(1, 3, 2), nn.Conv1d(1, 3, 2), nn.Linear(6, 1)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(torch.cat([self.one(X).mean(dim=2), self.two(X).mean(dim=2)], dim=1))

    assert dormant_scores(Joined(), torch.ones(2, 1, 4)) == {}


class Branched(nn.Module):
    """Calls its layers in an order that is not the order of the data, and one function that is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.side = nn.Linear(2, 4), nn.Linear(2, 4)
        self.two, self.out = nn.Linear(4, 4), nn.Linear(4, 1)
        self.aside = nn.Linear(6, 1)

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        hidden = functional.relu(self.one(X))
        side = self.side(X)
        joined = torch.cat([side, X], dim=1)
        return self.out(functional.relu(self.two(hidden)) + hidden), self.aside(joined)


def test_branches_are_told_apart() -> None:
    torch.manual_seed(0)
    network = Branched().double()
    X = torch.randn(5, 2, dtype=torch.float64)
    scores = dormant_scores(network, X)
    # side is joined with the rows, so its units are not scored; out and aside are outputs.
    assert list(scores) == ["one", "two"]
    with torch.no_grad():
        hidden = functional.relu(network.one(X))
        both = functional.relu(network.two(hidden)) + hidden
    assert scores["one"].tolist() == pytest.approx(by_hand(hidden), abs=1e-9)
    assert scores["two"].tolist() == pytest.approx(by_hand(both), abs=1e-9)


def test_convolution_to_pooled_mean_and_linear_to_image() -> None:
    class Shapes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.widen, self.conv, self.head = nn.Linear(2, 8), nn.Conv2d(2, 3, 2), nn.Linear(3, 1)

        def forward(self, X: Tensor) -> Tensor:
            image = self.widen(X).relu().reshape(-1, 2, 2, 2)
            return self.head(self.conv(image).relu().mean(dim=(2, 3)))

    torch.manual_seed(0)
    network = Shapes().double()
    X = torch.randn(4, 2, dtype=torch.float64)
    scores = dormant_scores(network, X)
    with torch.no_grad():
        wide = network.widen(X).relu()
        pooled = network.conv(wide.reshape(-1, 2, 2, 2)).relu().mean(dim=(2, 3))
    assert scores["widen"].tolist() == pytest.approx(by_hand(wide), abs=1e-9)
    assert scores["conv"].tolist() == pytest.approx(by_hand(pooled), abs=1e-9)


def test_frozen_networks_and_arrays() -> None:
    network = MLP(2, 1, hidden_layer_sizes=(3,)).requires_grad_(False)
    X = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    scores = dormant_scores(network, X)["hidden.0"]
    assert len(scores) == 3
    assert torch.equal(scores, dormant_scores(network, X.double().numpy())["hidden.0"])


def test_bad_input_is_named() -> None:
    network = MLP(2, 1, hidden_layer_sizes=(3,))
    with pytest.raises(ValueError, match="tau"):
        dormant_fraction(network, torch.ones(2, 2), tau=-1)
    with pytest.raises(ValueError, match="X contains NaN"):
        dormant_scores(network, torch.tensor([[torch.nan, 1.0]]))
    with pytest.raises(ValueError, match="X must hold at least one row"):
        dormant_scores(network, torch.ones(0, 2))
    with pytest.raises(ValueError, match="lazy"):
        dormant_scores(nn.LazyLinear(2), torch.ones(2, 2))
    with torch.no_grad():
        network.hidden[0].weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"'hidden.0' are not finite"):
        dormant_scores(network, torch.ones(2, 2))
