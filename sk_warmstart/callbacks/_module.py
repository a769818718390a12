"""The network that a net trains."""

from __future__ import annotations

from typing import Any

from torch import nn


def module_of(net: Any) -> nn.Module:
    """Return the network of a net, criterion and compilation left aside."""
    return getattr(net.module_, "_orig_mod", net.module_)
