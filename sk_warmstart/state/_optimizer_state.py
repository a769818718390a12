"""What an optimiser remembers, by the names of the parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class OptimizerState:
    """Moments and numbers of an optimiser, detached from it.

    Parameters
    ----------
    kind : str
        Name of the optimiser's class.
    moments : mapping from str to dict
        What it remembers of each parameter: tensors and numbers, by name.
    groups : tuple of dict
        Its numbers (learning rate, ...), one dict a parameter group.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.state import OptimizerState
    >>> network = nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    >>> network(torch.ones(1, 2)).sum().backward()
    >>> optimizer.step()
    >>> sorted(OptimizerState.from_optimizer(optimizer, network).moments)
    ['bias', 'weight']
    """

    kind: str
    moments: Mapping[str, dict[str, Any]]
    groups: tuple[dict[str, Any], ...]

    @classmethod
    def from_optimizer(cls, optimizer: torch.optim.Optimizer, network: nn.Module) -> OptimizerState:
        """Copy the state of an optimiser.

        Parameters
        ----------
        optimizer : Optimizer
            The optimiser.
        network : nn.Module
            Whose parameters it trains.

        Returns
        -------
        OptimizerState
            A copy.
        """
        names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
        moments = {
            names[parameter]: {key: _copied(value) for key, value in entry.items()}
            for parameter, entry in optimizer.state.items()
            if parameter in names
        }
        groups = tuple(
            {key: copy.deepcopy(value) for key, value in group.items() if key != "params"}
            for group in optimizer.param_groups
        )
        return cls(type(optimizer).__name__, moments, groups)

    def load_into(self, optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
        """Hand the moments to an optimiser of the same class; its own numbers stay.

        Parameters
        ----------
        optimizer : Optimizer
            Receives them.
        network : nn.Module
            Whose parameters it trains.
        """
        names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state = {
            i: {key: _copied(value) for key, value in self.moments[names[parameter]].items()}
            for i, parameter in enumerate(held)
            if names.get(parameter) in self.moments
        }
        # torch's own loading knows where each optimiser wants its step counts.
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

    def map(self, function: Callable[[str, str, Tensor], Tensor | None]) -> OptimizerState:
        """Make a new state by a rule over the moments that have the shape of a parameter.

        Parameters
        ----------
        function : callable
            ``(parameter name, moment name, tensor) -> tensor``, called for every tensor with an axis; None
            forgets all that is remembered of this parameter.

        Returns
        -------
        OptimizerState
            The new state.
        """
        moments: dict[str, dict[str, Any]] = {}
        for name, entry in self.moments.items():
            new = {
                key: function(name, key, value) if isinstance(value, Tensor) and value.ndim else value
                for key, value in entry.items()
            }
            if not any(value is None and entry[key] is not None for key, value in new.items()):
                moments[name] = new
        return OptimizerState(self.kind, moments, self.groups)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)
