"""Snapshot of a network and its optimiser in mid-training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..state import NetState


class Snapshot:
    """Copy of a network and its optimiser in mid-training, groups of parameters included."""

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer):
        self._state = NetState.from_module(network)
        self._moments = {
            parameter: {name: _copied(value) for name, value in entry.items()}
            for parameter, entry in optimizer.state.items()
        }
        self._groups = [(group, {**group, "params": list(group["params"])}) for group in optimizer.param_groups]

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Put both back, in place; once, since the copies then belong to the optimiser."""
        self._state.load_into(network)
        optimizer.state.clear()
        optimizer.state.update(self._moments)
        for group, before in self._groups:
            group.clear()
            group.update(before)
        optimizer.param_groups[:] = [group for group, _ in self._groups]


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
