"""One fit as a pack sees it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .._augment import Augmentation
from ..rows._batches import Rows, TensorBatches
from ..rows._parts import kind_of
from ._rendezvous import Participant

# Losses and sizes of the batches of one epoch.
Losses = tuple[list[float], list[int]]


@dataclass(eq=False)
class Member(Participant):
    """One fit that may be trained together with others.

    ``optimizer`` holds the network's parameters in one group, ``batches`` are of rows on the device. ``course`` is
    everything around the epochs: it yields when an epoch is to be trained, and is sent the epoch's losses.
    ``forward_seed`` is that of what the network draws in training, if it draws; the first member's is the pack's.
    ``augmentation`` changes the rows of its batches.
    """

    network: nn.Module
    criterion: nn.Module
    optimizer: torch.optim.Optimizer
    batches: TensorBatches
    course: Generator[None, Losses, None]
    forward_seed: int | None = None
    augmentation: Augmentation | None = None

    @property
    def rows(self) -> Rows:
        """The rows."""
        return self.batches.dataset

    def drawn(self) -> Callable[[], None]:
        """Return what puts the random numbers of its batches back to where they stand."""
        generator = self.batches.generator
        order = None if generator is None else generator.get_state()
        augmented = None if self.augmentation is None else self.augmentation.drawn()

        def put_back() -> None:
            if generator is not None and order is not None:
                generator.set_state(order)
            if augmented is not None:
                augmented()

        return put_back

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
            kind_of(X),
            None if y is None else (tuple(y.shape[1:]), y.dtype),
            self.batches.batch_size,
            self.batches.drop_last,
        )


def _structure(network: nn.Module) -> str:
    """Layers and their settings, as torch prints them, and their classes, which may have equal names."""
    classes = tuple(id(type(layer)) for layer in network.modules())
    return f"{network}{classes}"


def _settings(criterion: nn.Module) -> Hashable:
    settings = {k: v for k, v in vars(criterion).items() if not k.startswith("_") and k != "training"}
    return type(criterion), tuple(sorted((k, repr(v)) for k, v in settings.items()))


def _options(optimizer: torch.optim.Optimizer) -> Hashable:
    """What changes the rule and not a number of it."""
    group: dict[str, Any] = optimizer.param_groups[0]
    return group.get("nesterov"), bool(group.get("momentum")), group.get("decoupled_weight_decay")
