"""One fit as a pack sees it."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..mlp._epoch import is_undisturbed
from ..rows._batches import Rows, TensorBatches

# Losses and sizes of the batches of one epoch.
Losses = tuple[list[float], list[int]]


@dataclass(eq=False)
class Member:
    """One fit that may be trained together with others.

    Parameters
    ----------
    network : nn.Module
        What is trained.
    criterion : nn.Module
        Its loss.
    optimizer : torch.optim.Optimizer
        Holds the network's parameters in one group.
    batches : TensorBatches
        Over rows that live on the device.
    course : generator
        Everything around the epochs: it yields when an epoch is to be trained and is sent the epoch's losses.
    forward_seed : int or None, default=None
        Seed of what the network draws in training, where it draws; the first member's is the pack's.
    """

    network: nn.Module
    criterion: nn.Module
    optimizer: torch.optim.Optimizer
    batches: TensorBatches
    course: Generator[None, Losses, None]
    forward_seed: int | None = None

    @property
    def rows(self) -> Rows:
        """The rows."""
        return self.batches.dataset

    def key(self) -> Hashable:
        """What members of one pack have in common: everything but numbers."""
        X, y = self.rows.X, self.rows.y
        parameters = tuple((name, tuple(p.shape), p.dtype) for name, p in self.network.named_parameters())
        return (
            _structure(self.network),
            parameters,
            _settings(self.criterion),
            type(self.optimizer),
            _options(self.optimizer),
            str(X.device),
            tuple(X.shape[1:]),
            X.dtype,
            None if y is None else (tuple(y.shape[1:]), y.dtype),
            self.batches.batch_size,
            self.batches.drop_last,
        )


def why_alone(member: Member) -> str | None:
    """Say why a member cannot be trained in a pack; None if it can.

    Parameters
    ----------
    member : Member
        The fit.

    Returns
    -------
    str or None
        The reason.
    """
    if not isinstance(member.batches, TensorBatches):
        return "it has an iterator of its own"
    if not isinstance(member.rows.X, Tensor):
        return "its rows are sparse"
    if member.rows.travels_to is not None:
        return "its rows do not fit on the device"
    if member.rows.y is None:
        return "it has no targets"
    if type(member.optimizer) not in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        return f"packs know SGD, Adam and AdamW, not {type(member.optimizer).__name__}"
    if len(member.optimizer.param_groups) != 1:
        return "its optimiser has several groups of parameters"
    group = member.optimizer.param_groups[0]
    if group.get("amsgrad") or group.get("maximize") or group.get("dampening"):
        return "packs do not know amsgrad, maximize and dampening"
    if any(True for _ in member.network.buffers()):
        return "its network has buffers (running statistics), which padded rows would spoil"
    if not is_undisturbed(member.network, member.criterion, member.optimizer):
        return "something is hooked to its network, its criterion or its optimiser"
    if isinstance(member.criterion, nn.NLLLoss):
        return "skorch takes logarithms before NLLLoss"
    if getattr(member.criterion, "reduction", None) != "mean":
        return "its criterion is no mean over rows"
    if isinstance(getattr(member.criterion, "weight", None), Tensor):
        return "its criterion has weights of classes of its own"
    return None


def _structure(network: nn.Module) -> str:
    """Layers and their settings, as torch prints them, and their classes, which may have equal names."""
    classes = tuple(id(type(layer)) for layer in network.modules())
    return f"{network}{classes}"


def _settings(criterion: nn.Module) -> Hashable:
    plain = {k: v for k, v in vars(criterion).items() if not k.startswith("_") and k != "training"}
    return type(criterion), tuple(sorted((k, repr(v)) for k, v in plain.items()))


def _options(optimizer: torch.optim.Optimizer) -> Hashable:
    """What changes the rule and not a number of it."""
    group: dict[str, Any] = optimizer.param_groups[0]
    return group.get("nesterov"), bool(group.get("momentum")), group.get("decoupled_weight_decay")
