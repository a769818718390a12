"""Masked autoencoder of tables: what it replaces, what it is scored by, and its body."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from sk_warmstart.modules import MLP, MaskedAutoencoder, OwnLoss, own_loss, repeatable

X = torch.randn(200, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def corrupted_by(network: MaskedAutoencoder, rows: torch.Tensor) -> torch.Tensor:
    """What the hidden layers are given in a call."""
    seen: list[torch.Tensor] = []
    handle = network.hidden.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(rows)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
def test_a_share_of_entries_is_replaced_by_others_of_the_column(share: float) -> None:
    torch.manual_seed(0)
    network = MaskedAutoencoder(5, hidden_layer_sizes=(4,), corruption=share).double()
    found = corrupted_by(network, X)
    # An entry may be replaced by itself.
    assert (found != X).double().mean().item() == pytest.approx(share * (1 - 1 / len(X)), abs=0.03)
    for column in range(5):
        assert torch.isin(found[:, column], X[:, column]).all()


def test_the_loss_is_that_of_its_two_tasks() -> None:
    network = MaskedAutoencoder(5, hidden_layer_sizes=(4,), reconstruction=3.0).double()
    with torch.no_grad():
        for parameter in network.decoder.parameters():
            parameter.zero_()
    torch.manual_seed(0)
    # Zeros are put out: half a chance for each entry, and the entries themselves are the error.
    expected = torch.log(torch.tensor(2.0)).double() + 3 * X.square().mean(1)
    assert torch.allclose(network(X), expected)


def test_a_row_alone_has_nothing_to_be_replaced_by() -> None:
    network = MaskedAutoencoder(5, hidden_layer_sizes=(4,), corruption=1.0).double()
    assert torch.equal(corrupted_by(network, X[:1]), X[:1])


@pytest.mark.parametrize("params", [{}, {"norm": "batch", "dropout": 0.2}, {"hidden_layer_sizes": (7, 3)}])
def test_its_body_is_that_of_the_default_network(params: dict[str, Any]) -> None:
    body = {name: t.shape for name, t in MaskedAutoencoder(5, **params).hidden.state_dict().items()}
    assert body == {name: t.shape for name, t in MLP(5, 2, **params).hidden.state_dict().items()}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"corruption": 0}, "corruption must be"),
        ({"corruption": 1.1}, "corruption must be"),
        ({"reconstruction": -1}, "reconstruction must be"),
        ({"hidden_layer_sizes": ()}, "at least one layer"),
        ({"activation": "step"}, "activation must be"),
    ],
)
def test_parameters_out_of_range(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MaskedAutoencoder(5, **params)


class TestOwnLoss:
    def test_forms_of_a_loss(self) -> None:
        class Output:
            loss = torch.tensor(2.0)

        rows, criterion = torch.tensor([1.0, 3.0]), OwnLoss()
        assert criterion(rows) == criterion(Output()) == criterion(torch.tensor(2.0), None) == 2.0
        criterion.reduction = "none"
        assert torch.equal(criterion(rows), rows)

    @pytest.mark.parametrize("output", [torch.zeros(2, 2), torch.tensor([1, 2]), {"loss": 1.0}, (1.0,), None])
    def test_what_holds_none(self, output: Any) -> None:
        with pytest.raises(TypeError, match="must return its loss from forward"):
            own_loss(output)


def test_repeated_calls_draw_the_same_and_nothing_of_others() -> None:
    network = repeatable(MaskedAutoencoder(5, hidden_layer_sizes=(4,)).double())
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert torch.equal(network(X), network(X))
    assert torch.equal(torch.get_rng_state(), state)

    class Number(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.mean()

    assert repeatable(Number())(X).shape == (1,)
