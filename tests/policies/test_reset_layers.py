"""ResetLayers: every way of saying which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from sk_warmstart.policies import PolicyContext, ResetLayers
from sk_warmstart.state import NetState

Case = Callable[..., tuple[NetState, NetState, Callable[[], PolicyContext]]]


@pytest.mark.parametrize(
    ("which", "reset"),
    [
        ("head", {"output.weight", "output.bias"}),
        (1, {"output.weight", "output.bias"}),
        ("body", {"hidden.0.weight", "hidden.0.bias", "hidden.2.weight", "hidden.2.bias"}),
        (2, {"hidden.2.weight", "hidden.2.bias", "output.weight", "output.bias"}),
        (r"^hidden\.0\.", {"hidden.0.weight", "hidden.0.bias"}),
        (["hidden.2", "output.bias"], {"hidden.2.weight", "hidden.2.bias", "output.bias"}),
        (("hidden",), {"hidden.0.weight", "hidden.0.bias", "hidden.2.weight", "hidden.2.bias"}),
        (lambda name, layer: layer.out_features == 6, {"hidden.2.weight", "hidden.2.bias"}),
    ],
)
def test_reset_layers(case: Case, which: Any, reset: set[str]) -> None:
    previous, fresh, context = case("mlp")
    start = ResetLayers(which).start(previous, fresh, context())
    for name in previous:
        assert torch.equal(start[name], (fresh if name in reset else previous)[name]), name


def test_reset_layers_takes_the_norm_with_the_layer_before_it(case: Case, equal: Any) -> None:
    previous, fresh, context = case("conv")
    start = ResetLayers(2).start(previous, fresh, context())
    assert equal(start, fresh)


def test_a_callable_is_asked_for_normalisation_too(case: Case) -> None:
    previous, fresh, context = case("conv")
    asked = []

    def which(name: str, layer: nn.Module) -> bool:
        asked.append(name)
        return isinstance(layer, nn.BatchNorm2d)

    start = ResetLayers(which).start(previous, fresh, context())
    assert asked == ["body.0", "body.1", "head"]
    for name in previous:
        assert torch.equal(start[name], (fresh if name.startswith("body.1.") else previous)[name])


@pytest.mark.parametrize("which", [["decoder"], "^decoder", lambda name, layer: name == "decoder"])
def test_a_shared_tensor_that_is_named_is_reset_under_all_its_names(case: Case, which: Any) -> None:
    previous, fresh, context = case("tied")
    if callable(which):  # the second layer's tensors, the shared one among them
        assert "decoder.weight" in previous
    start = ResetLayers(which).start(previous, fresh, context())
    assert start["encoder.weight"] is start["decoder.weight"]
    assert torch.equal(start["encoder.weight"], fresh["encoder.weight"])
    assert torch.equal(start["encoder.bias"], previous["encoder.bias"])
    assert torch.equal(start["decoder.bias"], fresh["decoder.bias"])


def test_counting_from_the_end_keeps_what_an_earlier_layer_shares(case: Case) -> None:
    previous, fresh, context = case("tied")
    start = ResetLayers(2).start(previous, fresh, context())
    assert torch.equal(start["encoder.weight"], previous["encoder.weight"])
    assert torch.equal(start["decoder.bias"], fresh["decoder.bias"])
