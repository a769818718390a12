"""Default network, and how a module learns its shape."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sk_warmstart.modules import MLP, build_module, is_stochastic, materialize


def test_mlp_layers() -> None:
    net = MLP(4, 3, hidden_layer_sizes=(8, 5), activation="tanh", dropout=0.2, norm="batch")
    kinds = [type(layer).__name__ for layer in net.hidden]
    assert kinds == ["Linear", "_BatchNorm", "Tanh", "Dropout"] * 2
    assert net(torch.zeros(2, 4)).shape == (2, 3)
    assert [tuple(p.shape) for p in MLP(4, 3, hidden_layer_sizes=()).parameters()] == [(3, 4), (3,)]
    assert MLP(4, 3, hidden_layer_sizes=7).output.in_features == 7


def test_a_batch_of_one_row_is_normalised_by_what_is_known() -> None:
    net = MLP(4, 3, hidden_layer_sizes=(8,), norm="batch")
    net(torch.randn(32, 4) + 1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    row = torch.randn(1, 4)
    trained = net(row)
    assert torch.equal(trained, net.eval()(row))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    several = torch.randn(5, 4)
    plain = nn.BatchNorm1d(8)
    expected = plain(net.hidden[0](several))
    assert torch.equal(
        MLP(4, 3, hidden_layer_sizes=(8,), norm="batch").hidden[1](net.hidden[0](several)), expected
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be positive"),
        ({"hidden_layer_sizes": (8, 2.5)}, "hidden_layer_sizes must be positive"),
        ({"activation": "swish"}, "activation must be one of"),
        ({"dropout": 1.0}, "dropout must be a number in"),
        ({"norm": "group"}, "norm must be None or one of"),
    ],
)
def test_mlp_says_what_is_out_of_range(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MLP(4, 3, **params)


def test_sizes_are_filled_only_where_asked_for_and_not_given() -> None:
    shape = {"n_features": 4, "n_outputs": 3}
    assert build_module(MLP, {}, shape).output.out_features == 3
    assert build_module(MLP, {"n_outputs": 7}, shape).output.out_features == 7
    assert build_module(nn.Linear, {"in_features": 2, "out_features": 1}, shape).in_features == 2
    assert build_module(lambda n_features: nn.Linear(n_features, 1), {}, shape).in_features == 4
    with pytest.raises(ValueError, match="call fit, or set module__n_features and module__n_outputs"):
        build_module(MLP, {}, {})


def test_a_template_is_copied_and_redrawn_only_when_asked() -> None:
    template = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {name: tensor.clone() for name, tensor in template.state_dict().items()}
    same, other = build_module(template, {}, {}), build_module(template, {}, {}, redraw=True)
    assert same is not template
    assert torch.equal(same[0].weight, template[0].weight)
    assert not torch.equal(other[0].weight, template[0].weight)
    assert all(torch.equal(template.state_dict()[name], tensor) for name, tensor in before.items())


def test_lazy_layers_learn_their_shape_without_moving_statistics() -> None:
    net = nn.Sequential(nn.LazyLinear(3), nn.BatchNorm1d(3))
    materialize(net, torch.ones(2, 5))
    assert net[0].in_features == 5
    assert net.training
    assert int(net[1].num_batches_tracked) == 0


def test_is_stochastic() -> None:
    assert is_stochastic(MLP(2, 1, dropout=0.5))
    assert not is_stochastic(MLP(2, 1))
    assert not is_stochastic(nn.Sequential(nn.Dropout(0.0)))
    assert is_stochastic(nn.Sequential(nn.RReLU()))

    class Own(nn.Linear):
        """Nobody knows what it does in training."""

    assert is_stochastic(nn.Sequential(Own(2, 1)))
