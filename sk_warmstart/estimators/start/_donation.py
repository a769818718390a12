"""What a fitted net hands on, and how another one takes a stream of partial fits over."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...state import Donor, NetState, OptimizerState, Schema, as_json, is_json, network_of


def schema_of(net: Any) -> Schema:
    """Return what the inputs and outputs of a net stand for.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with its data validated.

    Returns
    -------
    Schema
        The schema.
    """
    return Schema(
        n_features=getattr(net, "n_features_in_", None),
        columns=net.__dict__.get("column_names_"),
        classes=net.__dict__.get("classes_inferred_"),
        targets=net.__dict__.get("target_names_"),
        framed="feature_names_in_" in net.__dict__,
    )


def donate(net: Any) -> Donor:
    """Return what a fitted net hands on; later training of the net does not touch it.

    Parameters
    ----------
    net : WarmStartMixin
        A fitted net.

    Returns
    -------
    Donor
        The donor.
    """
    network = network_of(net)
    return Donor(
        state=NetState.from_module(network),
        schema=schema_of(net),
        origin=net.origin_,
        optimizer=OptimizerState.from_optimizer(net.optimizer_, network),
        scaler=net.scaler_,
        lineage=net.lineage_,
        memory=net.memory_.snapshot(),
        features=net.features_,
        streams=net.session_.streams.state(),
        schedule=_schedules(net),
        description=_description(net, network),
    )


def resume(net: Any, donor: Donor) -> None:
    """Let learning rates and their schedules go on where the donor's stopped.

    Parameters
    ----------
    net : WarmStartMixin
        The net, whose training has just been told that it begins.
    donor : Donor
        Where it goes on from.
    """
    if donor.optimizer is not None:
        for group, numbers in zip(net.optimizer_.param_groups, donor.optimizer.groups, strict=False):
            group.update({key: value for key, value in numbers.items() if key in group and _is_rate(key)})
    for name, callback in net.callbacks_:
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and name in donor.schedule:
            scheduler.load_state_dict({**scheduler.state_dict(), **donor.schedule[name]})


def _is_rate(key: str) -> bool:
    return key in ("lr", "initial_lr", "momentum", "betas", "base_momentum", "max_momentum")


def _schedules(net: Any) -> dict[str, dict[str, Any]]:
    """Where the schedules stand, as far as JSON holds it: their functions are the parameter's."""
    found = {}
    for name, callback in getattr(net, "callbacks_", ()):
        scheduler = getattr(callback, "lr_scheduler_", None)
        if scheduler is not None and hasattr(scheduler, "state_dict"):
            told = {key: _plain(value) for key, value in scheduler.state_dict().items()}
            found[name] = {key: value for key, value in told.items() if is_json(value)}
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def _description(net: Any, network: nn.Module) -> dict[str, Any]:
    params = {name: as_json(value) for name, value in net.get_params_for("module").items()}
    kind = type(network)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "params": params, "layers": str(network)}
