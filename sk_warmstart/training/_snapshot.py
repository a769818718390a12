"""Where training stood at one moment, so that it can go back there."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ..state import NetState


class Snapshot:
    """Copy of a network and its optimiser in mid-training.

    Parameters
    ----------
    network : nn.Module
        The network.
    optimizer : Optimizer
        Its optimiser.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer):
        self._state = NetState.from_module(network)
        self._moments = {
            parameter: {name: _copied(value) for name, value in entry.items()}
            for parameter, entry in optimizer.state.items()
        }
        self._groups = [
            {name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups
        ]

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Put both back, in place; once, since the copies then belong to the optimiser.

        Parameters
        ----------
        network, optimizer : nn.Module, Optimizer
            Those that the snapshot was taken of.
        """
        self._state.load_into(network)
        optimizer.state.clear()
        optimizer.state.update(self._moments)
        for group, numbers in zip(optimizer.param_groups, self._groups, strict=True):
            group.update(numbers)


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
