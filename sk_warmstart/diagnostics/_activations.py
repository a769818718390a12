"""Inputs of the layers of a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..modules import call
from ..modules._tracing import hooked


def layer_inputs(network: nn.Module, X: Any) -> dict[str, Tensor]:
    """Record what each layer with weights of its own is given; of several calls the first."""
    given: dict[str, Tensor] = {}
    modes = [(layer, layer.training) for layer in network.modules()]
    layers = {
        name for name, layer in network.named_modules() if next(layer.parameters(recurse=False), None) is not None
    }

    def record(name: str, tensor: Tensor) -> None:
        given.setdefault(name, tensor.detach().clone())

    try:
        network.eval()
        with torch.no_grad(), hooked(network, layers, before=record):
            call(network, X)
    finally:
        for layer, training in modes:
            layer.training = training
    return given
