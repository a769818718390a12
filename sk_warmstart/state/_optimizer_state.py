"""What an optimiser remembers, by the names of the parameters."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# Optimisers whose steps are native code that trusts the shapes of moments, and the moments that they always have.
EXACT_MOMENTS: dict[str, set[str]] = {
    "Adam": {"step", "exp_avg", "exp_avg_sq"},
    "AdamW": {"step", "exp_avg", "exp_avg_sq"},
    "SGD": set(),
    "Adagrad": {"step", "sum"},
}


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

    def digest(self) -> str:
        """Return an id of the content, equal on every machine."""
        sha = hashlib.blake2b(self.kind.encode(), digest_size=8)
        for name, entry in self.moments.items():
            for key, value in sorted(entry.items()):
                if isinstance(value, Tensor):
                    sha.update(f"{name}/{key}{value.dtype}{tuple(value.shape)}".encode())
                    sha.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
                else:
                    sha.update(f"{name}/{key}{value!r}".encode())
        return sha.hexdigest()

    def load_into(self, optimizer: torch.optim.Optimizer, network: nn.Module) -> None:
        """Hand the moments to an optimiser of the same class; its own numbers stay.

        A ValueError says that they are not of the shapes that such an optimiser has: its native code would write
        beyond their ends.
        """
        names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state = {
            i: {key: _copied(value) for key, value in self.moments[names[parameter]].items()}
            for i, parameter in enumerate(held)
            if names.get(parameter) in self.moments
        }
        _check_moments(type(optimizer), state, held, names, optimizer.param_groups)
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


def needed_moments(kind: str, groups: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the moments that every parameter has which such an optimiser has moved."""
    needed = EXACT_MOMENTS.get(kind, set())
    return needed | {"max_exp_avg_sq"} if needed and any(g.get("amsgrad") for g in groups) else needed


def _check_moments(
    kind: type[torch.optim.Optimizer],
    state: Mapping[int, Mapping[str, Any]],
    held: Sequence[Tensor],
    names: Mapping[Tensor, str],
    groups: Sequence[Mapping[str, Any]],
) -> None:
    exact = kind.__module__.startswith("torch.optim") and kind.__name__ in EXACT_MOMENTS
    needed = needed_moments(kind.__name__, groups)
    for i, entry in state.items():
        name, shape = names[held[i]], held[i].shape
        if exact and not needed <= set(entry):
            lacking = sorted(needed - set(entry))[0]
            raise ValueError(f"the optimiser state of {name!r} lacks {lacking!r}: use optimizer_state='reset'")
        for key, value in entry.items():
            if not isinstance(value, Tensor):
                continue
            fine = (
                value.numel() == 1
                if key == "step"
                else not exact or (value.shape == shape and value.is_floating_point())
            )
            if not fine:
                raise ValueError(
                    f"the optimiser state of {name!r} does not fit: {key!r} is {value.dtype} of the shape "
                    f"{tuple(value.shape)}, the parameter has {tuple(shape)}; use optimizer_state='reset'"
                )


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)
