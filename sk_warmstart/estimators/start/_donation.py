"""Donation of a fitted net, and resumption of its stream of partial fits by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from sklearn.base import is_classifier
from torch import nn

from ...state import Donor, NetState, OptimizerState, network_of
from ...state.files._encoding import as_json, is_json
from .._protocol import WarmStartNet
from ..input._targets import targets_of


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
            group.update({key: value for key, value in _fitting(numbers, group).items() if _is_rate(key)})
    for name, callback in net.callbacks_:
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and name in donor.schedule:
            state = scheduler.state_dict()
            scheduler.load_state_dict({**state, **_fitting(donor.schedule[name], state)})


def _fitting(values: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are of the kind of those which a state has: a file may say anything."""
    return {key: value for key, value in values.items() if key in state and _alike(value, state[key])}


def _alike(value: Any, other: Any) -> bool:
    value, other = _as_number(value), _as_number(other)
    if isinstance(other, list | tuple):
        same = isinstance(value, list | tuple) and len(value) == len(other)
        return same and all(map(_alike, value, other))
    if isinstance(value, bool) or isinstance(other, bool):
        return isinstance(value, bool) and isinstance(other, bool)
    if isinstance(other, int | float):
        return isinstance(value, int | float)
    return other is None or type(value) is type(other)


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
    kind, learned = type(network), net._current
    # Those that it was built with: parameters may have been set since.
    built = {name.partition("module__")[2]: value for name, value in learned.architecture.items()}
    params = {name: as_json(value) for name, value in built.items() if name}
    alone = targets_of(net).absent
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "params": params,
        "layers": str(network),
        "shape": dict(learned.shape),
        "target_ndim": learned.target_ndim,
        "classifies": None if alone else is_classifier(net),
        # Of what learned without targets, others take the layers of the same names.
        **({"body": {}} if alone else {}),
    }
