"""Learning rates by depth: the head's is the net's, each layer below has a smaller one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..modules._selection import layers_upwards
from ._module import module_of

# Where a group keeps the share of the learning rate that is its own.
_SHARE = "lr_share"


def spread_rates(net: Any, factor: float, blocks: Sequence[str] | None) -> None:
    """Split the groups of the optimiser by depth; the head's group comes first.

    Parameters
    ----------
    net : WarmStartMixin
        The net, before the first step.
    factor : float
        How much smaller each layer's rate is than that of the layer above it.
    blocks : sequence of str or None
        What counts as one layer; see :func:`layers_upwards`.

    Raises
    ------
    ValueError
        If the rates cannot be set: there are several optimisers, a schedule holds their groups already, or
        another callback has set them.
    """
    if len(net._optimizers) != 1:
        raise ValueError(f"learning rates by layer need one optimiser, and there are {net._optimizers}")
    module = module_of(net)
    layers = layers_upwards(module, blocks)
    parameters = dict(module.named_parameters())
    share: dict[Tensor, float] = {
        parameters[name]: float(factor) ** -depth for depth, names in enumerate(reversed(layers)) for name in names
    }
    groups = net.optimizer_.param_groups
    if any(_SHARE in group for group in groups):
        if all(group.get(_SHARE) == share.get(p, 1.0) for group in groups for p in group["params"]):
            return
        raise ValueError("two callbacks set learning rates by layer: GradualUnfreeze does so itself")
    early = _schedules_of(net)
    if early:
        raise ValueError(f"put the callback that sets learning rates by layer before {early}, which holds them")
    spread = []
    for group in groups:
        parts: dict[float, list[Tensor]] = {}
        for parameter in group["params"]:
            parts.setdefault(share.get(parameter, 1.0), []).append(parameter)
        for its, held in sorted(parts.items(), reverse=True):
            spread.append({**group, "params": held, "lr": group["lr"] * its, _SHARE: its})
    groups[:] = spread


def keep_rates(net: Any) -> None:
    """Spread the rates again if somebody has made them equal.

    Parameters
    ----------
    net : WarmStartMixin
        The net, at the beginning of an epoch.

    Raises
    ------
    ValueError
        If it was a schedule, which would do so again.
    """
    groups = net.optimizer_.param_groups
    shares = {float(group.get(_SHARE, 1.0)) for group in groups}
    rates = {float(group["lr"]) for group in groups}
    if len(shares) == 1 or len(rates) > 1 or rates == {0.0}:
        return
    schedules = _schedules_of(net)
    if schedules:
        raise ValueError(
            f"the schedule of {schedules} gives all layers one learning rate: use one that multiplies the rates, "
            f"such as StepLR or CosineAnnealingLR, or give it {len(groups)} rates, the head's first"
        )
    for group in groups:
        group["lr"] = group["lr"] * group.get(_SHARE, 1.0)


def _schedules_of(net: Any) -> list[str]:
    """Names of the callbacks whose schedule steers this optimiser."""
    held = [(name, getattr(callback, "lr_scheduler_", None)) for name, callback in net.callbacks_]
    return [name for name, schedule in held if getattr(schedule, "optimizer", None) is net.optimizer_]
