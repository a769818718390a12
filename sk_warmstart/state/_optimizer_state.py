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
    """Moments of an optimiser by the names of the parameters, and the numbers of its groups."""

    kind: str
    moments: Mapping[str, dict[str, Any]]
    groups: tuple[dict[str, Any], ...]

    @classmethod
    def from_optimizer(cls, optimizer: torch.optim.Optimizer, network: nn.Module) -> OptimizerState:
        """Copy the state of an optimiser of this network."""
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
        """Hand the moments to an optimiser of the same class; its own numbers stay."""
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
        """Change the moments that have an axis by a rule; where it returns None, the parameter is forgotten."""
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
