"""Learning rates by the depth of layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from skorch import NeuralNet
from torch import Tensor

from .._warning import warn_caller
from ..modules._selection import layers_upwards
from ._module import module_of

# The key of a group's share of the learning rate.
_SHARE = "lr_share"
_STILL = torch.finfo(torch.float32).eps
_RATES_OF_SCHEDULE = ("max_lr", "min_lr")


def spread_rates(net: NeuralNet, factor: float, blocks: Sequence[str] | None) -> None:
    """Split the groups of the optimiser by depth, before the first step; the head's group comes first."""
    if len(net._optimizers) != 1:
        raise ValueError(f"learning rates by layer need one optimiser, and there are {net._optimizers}")
    module = module_of(net)
    layers = layers_upwards(module, blocks)
    parameters = dict(module.named_parameters())
    share: dict[Tensor, float] = {
        parameters[name]: float(factor) ** -depth for depth, names in enumerate(reversed(layers)) for name in names
    }
    _warn_of_still_layers(len(layers), factor)
    groups = net.optimizer_.param_groups
    if any(_SHARE in group for group in groups):
        if all(group.get(_SHARE) == share.get(p, 1.0) for group in groups for p in group["params"]):
            return
        raise ValueError("two callbacks set learning rates by layer: GradualUnfreeze does so itself")
    early = schedules_of(net, net.optimizer_)
    if early:
        raise ValueError(f"put the callback that sets learning rates by layer before {early}, which holds them")
    spread = []
    for group in groups:
        parts: dict[float, list[Tensor]] = {}
        for parameter in group["params"]:
            parts.setdefault(share.get(parameter, 1.0), []).append(parameter)
        for part, held in sorted(parts.items(), reverse=True):
            spread.append({**group, "params": held, "lr": group["lr"] * part, _SHARE: part})
    groups[:] = spread


def _warn_of_still_layers(n_layers: int, factor: float) -> None:
    """Warn where the rates of the lowest layers are so small that single precision rounds their steps away."""
    n_still = sum(float(factor) ** -depth < _STILL for depth in range(n_layers))
    if n_still:
        warn_caller(
            f"with factor={factor:g} and {n_layers} layers the lowest learning rate is "
            f"{factor ** (1.0 - n_layers):.1e} of the net's, and {n_still} layers do not learn: name blocks of "
            "layers that count as one (blocks=[...]), or take a smaller factor"
        )


def keep_rates(net: NeuralNet) -> None:
    """Spread the rates again at the beginning of an epoch, if they were made equal.

    A schedule may keep its own rates in the groups, as OneCycleLR does: they are spread alike.
    """
    groups = net.optimizer_.param_groups
    if len({float(group.get(_SHARE, 1.0)) for group in groups}) == 1:
        return
    held = all(key in group for group in groups for key in _RATES_OF_SCHEDULE)
    for key in ("lr", "initial_lr", *_RATES_OF_SCHEDULE) if held else ("lr",):
        rates = {float(group[key]) for group in groups}
        if len(rates) > 1 or rates == {0.0}:
            continue
        schedules = schedules_of(net, net.optimizer_)
        if schedules and not held:
            raise ValueError(
                f"the schedule of {schedules} gives all layers one learning rate: use one that multiplies the "
                "rates, such as StepLR or CosineAnnealingLR, or OneCycleLR, or give it "
                f"{len(groups)} rates, the head's first"
            )
        for group in groups:
            group[key] = group[key] * group.get(_SHARE, 1.0)


def schedules_of(net: NeuralNet, optimizer: torch.optim.Optimizer) -> list[str]:
    """Names of the callbacks whose schedule steers an optimiser."""
    held = [(name, getattr(callback, "lr_scheduler_", None)) for name, callback in net.callbacks_]
    return [name for name, schedule in held if getattr(schedule, "optimizer", None) is optimizer]
