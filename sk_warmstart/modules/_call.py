"""Call of a network with its input, which may have several parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn


def call(network: nn.Module, X: Any, **more: Any) -> Any:
    """Return what a network puts out: the parts of a dictionary are keyword arguments, as for skorch."""
    return network(**X, **more) if isinstance(X, Mapping) else network(X, **more)
