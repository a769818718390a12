"""The layers at both ends of a network: found, verified, and nothing is touched."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sk_warmstart.modules import MLP, find_input, find_output, materialize

ROWS = torch.linspace(-2, 2, 20).reshape(4, 5)


class Net(nn.Module):
    """Two named layers, and perhaps something around them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, X: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(X)))


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity", "gelu"])
@pytest.mark.parametrize("n_outputs", [1, 2, 5, 6])
def test_mlp(norm: str | None, dropout: float, activation: str, n_outputs: int) -> None:
    # Hidden layers as wide as the input and the output, to be confused with.
    net = MLP(5, n_outputs, (5, 6, 5), activation, dropout, norm)
    first, last = find_input(net, ROWS), find_output(net, ROWS, n_outputs)
    assert (first.layer, first.axes, first.plain) == ("hidden.0", {"hidden.0.weight": 1}, True)
    assert (last.layer, last.axes, last.plain) == ("output", {"output.weight": 0, "output.bias": 0}, True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    net = MLP(5, 3, (40,)).to(dtype)
    assert find_input(net, ROWS.to(dtype)).layer == "hidden.0"
    assert find_output(net, ROWS.to(dtype), 3).layer == "output"


def test_a_single_layer_is_both_ends() -> None:
    net = MLP(5, 3, ())
    assert find_input(net, ROWS).layer == find_output(net, ROWS, 3).layer == "output"
    assert find_input(nn.Linear(5, 3), ROWS).axes == {"weight": 1}
    assert find_output(nn.Linear(5, 3, bias=False), ROWS, 3).axes == {"weight": 0}


def test_sequential_and_softmax_at_the_end() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.Softmax(dim=-1))
    first, last = find_input(net, ROWS), find_output(net, ROWS, 3)
    assert (first.layer, first.plain) == ("1", True)
    assert (last.layer, last.axes, last.plain) == ("3", {"3.weight": 0, "3.bias": 0}, False)


@pytest.mark.parametrize("affine", [True, False])
def test_a_normalisation_of_the_columns_comes_along(affine: bool) -> None:
    net = nn.Sequential(nn.BatchNorm1d(5, affine=affine), nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    net(torch.randn(30, 5) * 3 + 1)
    end = find_input(net, ROWS)
    own = {"0.running_mean": 0, "0.running_var": 0, **({"0.weight": 0, "0.bias": 0} if affine else {})}
    assert (end.layer, end.axes, end.plain) == ("1", {**own, "1.weight": 1}, False)
    assert not find_input(nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 2)), ROWS).plain


def test_lazy_layers_once_they_know_their_shape() -> None:
    net = nn.Sequential(nn.LazyBatchNorm1d(), nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(3))
    materialize(net, ROWS)
    assert find_input(net, ROWS).layer == "1"
    assert find_output(net, ROWS, 3).layer == "3"


class Skip(Net):
    def forward(self, X: Tensor) -> Tensor:
        return super().forward(X) + X[:, :3]


class ByPosition(Net):
    def forward(self, X: Tensor) -> Tensor:
        return super().forward(X) * torch.arange(1.0, 4.0)


def test_another_use_of_the_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"layer of Skip that alone reads the columns.*set input_layer"):
        find_input(Skip(), ROWS)
    with pytest.raises(ValueError, match=r"alone writes the outputs.*on Skip .*\['first', 'last'\]"):
        find_output(Skip(), ROWS, 3)
    with pytest.raises(ValueError, match="alone writes the outputs"):
        find_output(ByPosition(), ROWS, 3)
    with pytest.raises(ValueError, match="alone writes the outputs"):
        find_output(nn.Sequential(nn.Linear(5, 3), nn.LayerNorm(3)), ROWS, 3)


def test_a_skip_is_seen_though_its_layer_starts_at_zero() -> None:
    class Zero(Net):
        def __init__(self) -> None:
            super().__init__()
            self.around = nn.Linear(5, 3)
            nn.init.zeros_(self.around.weight)

        def forward(self, X: Tensor) -> Tensor:
            return super().forward(X) + self.around(X)

    with pytest.raises(ValueError, match="input_layer"):
        find_input(Zero(), ROWS)


def test_no_linear_layer_at_the_ends() -> None:
    net = nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match=r"reads the columns was not found.*it has \['3'\]"):
        find_input(net, ROWS)
    with pytest.raises(ValueError, match="writes 4 outputs was not found"):
        find_output(net, ROWS, 4)


class Detour(nn.Module):
    """The layer that is seen first is not the one meant: a gate computed from nothing but ones."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.real, self.out = nn.Linear(5, 6), nn.Linear(5, 6), nn.Linear(6, 3)
        self.extra = nn.Linear(6, 3)

    def forward(self, X: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(torch.ones_like(X)))
        result = self.out(self.real(X) * gate)
        self.extra(torch.zeros(1, 6, dtype=X.dtype))
        return result


def test_the_word_of_the_user_counts_and_is_verified() -> None:
    net = Detour()
    with pytest.raises(ValueError, match="set input_layer on Detour"):
        find_input(net, ROWS)
    with pytest.raises(ValueError, match="set output_layer on Detour"):
        find_output(net, ROWS, 3)
    net.input_layer, net.output_layer = "real", "out"  # type: ignore[assignment]
    assert find_input(net, ROWS).layer == "real"
    assert find_output(net, ROWS, 3).layer == "out"
    net.input_layer, net.output_layer = "gate", "none"  # type: ignore[assignment]
    names = r"\['gate', 'real', 'out', 'extra'\]"
    with pytest.raises(ValueError, match=rf"Detour.input_layer = 'gate' is not the linear layer.*it has {names}"):
        find_input(net, ROWS)
    with pytest.raises(ValueError, match=rf"Detour.output_layer = 'none' is not the linear layer.*it has {names}"):
        find_output(net, ROWS, 3)


def test_a_layer_may_have_the_name_of_the_attribute() -> None:
    class Usual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input_layer, self.output_layer = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, X: Tensor) -> Tensor:
            return self.output_layer(functional.relu(self.input_layer(X)))

    assert find_input(Usual(), ROWS).layer == "input_layer"
    assert find_output(Usual(), ROWS, 3).layer == "output_layer"


def test_the_first_of_several_outputs_counts() -> None:
    class Two(Net):
        def forward(self, X: Tensor) -> Any:
            hidden = self.first(X)
            return self.last(hidden), hidden

    assert find_input(Two(), ROWS).layer == "first"
    assert find_output(Two(), ROWS, 3).layer == "last"


class Restless(nn.Module):
    """Counts its calls and draws random numbers, in evaluation too."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.first, self.norm, self.drop = nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.last = nn.Linear(6, 3)

    def forward(self, X: Tensor) -> Tensor:
        self.calls += 1
        hidden = self.drop(self.norm(self.first(X)))
        return self.last(hidden + torch.randn_like(hidden))


def test_nothing_is_touched() -> None:
    net = Restless().train()
    net.norm.eval()
    net.first.weight.requires_grad_(False)
    before, modes = copy.deepcopy(net.state_dict()), [layer.training for layer in net.modules()]
    parameters, probe, drawn = list(net.parameters()), ROWS.clone(), torch.get_rng_state()
    assert find_input(net, probe).layer == "first"
    assert find_output(net, probe, 3).layer == "last"
    net.input_layer = "none"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="input_layer"):
        find_input(net, probe)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert [layer.training for layer in net.modules()] == modes
    assert all(one is other for one, other in zip(net.parameters(), parameters, strict=True))
    assert all(parameter.grad is None for parameter in parameters)
    assert [p.requires_grad for p in parameters] == [False, *[True] * (len(parameters) - 1)]
    assert not any(layer._forward_hooks for layer in net.modules())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.equal(probe, ROWS)
    assert torch.is_grad_enabled()


def test_a_failing_network_is_left_as_it_was() -> None:
    class Broken(Net):
        def forward(self, X: Tensor) -> Tensor:
            super().forward(X)
            raise RuntimeError("broken")

    net = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        find_input(net, ROWS)
    assert net.training
    assert not any(layer._forward_hooks for layer in net.modules())
