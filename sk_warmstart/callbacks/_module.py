"""The network that a net trains."""

from __future__ import annotations

from skorch import NeuralNet
from torch import nn


def module_of(net: NeuralNet) -> nn.Module:
    """Return the network of a net, criterion and compilation left aside."""
    return getattr(net.module_, "_orig_mod", net.module_)
