"""Hooks around the calls of layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sk_warmstart.modules._tracing import Call, hooked


class Keywords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1)

    def forward(self, X: Tensor) -> Tensor:
        return self.second(input=torch.relu(self.first(X)))


def test_calls_are_seen_in_order_however_they_are_made() -> None:
    network, X = Keywords(), torch.ones(4, 2)
    calls: list[Call] = []
    given: list[str] = []
    with hooked(network, {"first", "second"}, lambda name, _: given.append(name), calls.append):
        output = network(X)
    assert given == [call.name for call in calls] == ["first", "second"]
    assert calls[0].given.data_ptr() == X.data_ptr()
    assert torch.equal(calls[1].result, output)
    assert not calls[1].result.requires_grad
    assert not network.first._forward_hooks


def test_a_result_can_be_replaced_and_hooks_go_after_a_failure() -> None:
    network = Keywords()
    with hooked(network, {"first"}, after=lambda call: torch.zeros_like(call.result)):
        assert torch.equal(network(torch.ones(1, 2)), network.second(torch.zeros(1, 3)))
    with pytest.raises(RuntimeError), hooked(network, {"first"}, lambda *_: None):
        network(torch.ones(1, 7))
    assert not network.first._forward_pre_hooks
