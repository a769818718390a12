"""One grammar of ``which``: laws on networks with normalisation, shared weights, and a named head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sk_warmstart.modules import MLP
from sk_warmstart.modules._selection import layer_names, layers_upwards, select_tensors


class HeadFirst(nn.Module):
    """The head is registered first, and named."""

    output_layer = "top"

    def __init__(self) -> None:
        super().__init__()
        self.top, self.body = nn.Linear(3, 2), nn.Linear(4, 3)

    def forward(self, X: Tensor) -> Tensor:
        return self.top(self.body(X))


def tied() -> nn.Module:
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    network[2].weight = network[0].weight
    return network


NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: MLP(4, 3, (5, 6)),
    "norms": lambda: nn.Sequential(
        nn.BatchNorm1d(4), nn.Linear(4, 5), nn.BatchNorm1d(5, affine=False), nn.Linear(5, 2)
    ),
    "tied": tied,
    "head first": HeadFirst,
    "parametrised": lambda: nn.Sequential(
        nn.Linear(4, 4), nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Linear(4, 1)
    ),
}


def all_names(network: nn.Module) -> set[str]:
    return set(network.state_dict())


@pytest.mark.parametrize("build", NETS.values(), ids=list(NETS))
def test_head_and_body_are_all_but_what_they_share(build: Callable[[], nn.Module]) -> None:
    network = build()
    head, body = select_tensors("head", network), select_tensors("body", network)
    assert not head & body
    assert head | body == all_names(network)
    assert head == select_tensors(1, network)


@given(net=st.sampled_from(list(NETS)))
def test_more_layers_choose_more_and_share_nothing_with_the_rest(net: str) -> None:
    network = NETS[net]()
    named = dict(network.state_dict(keep_vars=True))
    before: set[str] = set()
    for k in range(1, len(layer_names(network)) + 1):
        chosen = select_tensors(k, network)
        assert before <= chosen
        assert not {id(named[name]) for name in chosen} & {id(named[name]) for name in set(named) - chosen}
        before = chosen


@given(net=st.sampled_from(list(NETS)), data=st.data())
def test_a_list_a_pattern_and_a_callable_agree(net: str, data: st.DataObject) -> None:
    network = NETS[net]()
    layer = data.draw(st.sampled_from(layer_names(network)))
    listed = select_tensors([layer], network)
    assert listed == select_tensors(f"^{layer}\\.", network)
    inside = select_tensors(lambda name, _: name == layer or name.startswith(f"{layer}."), network)
    assert listed == inside
    named = dict(network.state_dict(keep_vars=True))
    assert listed == {name for name in named if id(named[name]) in {id(named[each]) for each in listed}}


def test_by_hand() -> None:
    assert layer_names(HeadFirst()) == ["body", "top"]
    assert select_tensors("head", HeadFirst()) == {"top.weight", "top.bias"}
    assert layer_names(NETS["parametrised"]()) == ["0", "1", "2"]
    # A norm goes with the layer before it; one before all layers belongs to none of them.
    assert select_tensors(2, NETS["norms"]()) == {name for name in all_names(NETS["norms"]()) if name[0] != "0"}
    assert layers_upwards(NETS["norms"]())[0] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    # The weight that the second layer shares with the first one stays with it.
    assert select_tensors(2, tied()) == {"2.bias", "4.weight", "4.bias"}
    assert select_tensors(["2"], tied()) == {"0.weight", "2.weight", "2.bias"}
    assert select_tensors([""], nn.Linear(2, 1)) == {"weight", "bias"}
    assert select_tensors("bias", nn.Linear(2, 1)) == {"bias"}


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (0, "a number of layers from 1 to 3"),
        (4, "got 4"),
        (True, "got True"),
        (None, "which must be 'head', 'body'"),
        (1.0, "got 1.0"),
        ("(", "no regular expression"),
        ("absent", "matches none of the tensors"),
        ([], "empty list"),
        (["absent", "output"], r"names \['absent'\]"),
        ([3], r"names \[3\]"),
        (lambda name, layer: False, "accepts none of the layers"),
    ],
)
def test_errors_say_what_which_may_be(which: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        select_tensors(which, MLP(4, 3, (5, 6)))


def test_one_layer_has_no_body() -> None:
    with pytest.raises(ValueError, match="one layer and no body"):
        select_tensors("body", nn.Linear(2, 1))
    with pytest.raises(ValueError, match="has no parameters"):
        layers_upwards(nn.ReLU())
    assert select_tensors("head", nn.Linear(2, 1)) == {"weight", "bias"}


def test_nothing_of_the_network_is_changed() -> None:
    network = MLP(4, 3, (5, 6))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    select_tensors("body", network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
