"""Donation of a fitted net, and resumption of its stream of partial fits by another."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.base import is_classifier
from torch import nn

from ...state import Donor, NetState, OptimizerState, network_of
from ...state.files._encoding import as_json, is_json
from .._protocol import WarmStartNet


def donate(net: WarmStartNet) -> Donor:
    """Return what a fitted net hands on; later training of the net does not touch it."""
    network, learned = network_of(net), net._current
    return Donor(
        state=NetState.from_module(network),
        optimizer=OptimizerState.from_optimizer(net.optimizer_, network),
        schema=learned.schema,
        origin=learned.origin,
        scaler=learned.scaler,
        lineage=learned.lineage,
        memory=learned.memory.snapshot(),
        features=learned.features,
        streams={} if learned.streams is None else learned.streams.state(),
        schedule=_schedules(net),
        description=_description(net, network),
    )


def resume(net: WarmStartNet, donor: Donor) -> None:
    """Set learning rates and their schedules to where the donor's stopped, once training has begun."""
    if donor.optimizer is not None:
        for group, numbers in zip(net.optimizer_.param_groups, donor.optimizer.groups, strict=False):
            group.update({key: value for key, value in numbers.items() if key in group and _is_rate(key)})
    for name, callback in net.callbacks_:
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and name in donor.schedule:
            scheduler.load_state_dict({**scheduler.state_dict(), **donor.schedule[name]})


def _is_rate(key: str) -> bool:
    return key in ("lr", "initial_lr", "momentum", "betas", "base_momentum", "max_momentum")


def _schedules(net: WarmStartNet) -> dict[str, dict[str, Any]]:
    """Where the schedules stand, as far as JSON holds it: their functions are the parameter's."""
    found = {}
    for name, callback in getattr(net, "callbacks_", ()):
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and hasattr(scheduler, "state_dict"):
            numbers = {key: _as_number(value) for key, value in scheduler.state_dict().items()}
            found[name] = {key: value for key, value in numbers.items() if is_json(value)}
    return found


def _as_number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def _description(net: WarmStartNet, network: nn.Module) -> dict[str, Any]:
    params = {name: as_json(value) for name, value in net.get_params_for("module").items()}
    kind, learned = type(network), net._current
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "params": params,
        "layers": str(network),
        "shape": dict(learned.shape),
        "target_ndim": learned.target_ndim,
        "classifies": is_classifier(net),
    }
