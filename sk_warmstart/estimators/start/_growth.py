"""Growth of the live network of a row of partial fits, as classes, columns and statistics change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ...state import Donor, FeatureSummary, NetState, OptimizerState, Schema, network_of
from ...state._layer_names import match_layers
from ...state._schema import Reindex, map_columns
from ...state.rows._standardizer import Standardizer
from ...training import child_seed, seeded
from .._learned import Learned
from .._protocol import WarmStartNet
from ..input._parts import RowParts
from ..input._table import Table
from ._adaptation import adapt


def updated_scaler(
    seen: Standardizer | None, before: Schema, now: Schema, adapts: bool, table: Table
) -> Standardizer:
    """Return the statistics of all rows so far, the new ones among them."""
    new = Standardizer.from_rows(table.X, table.weight)
    if seen is None:
        return new
    columns = _moved(before, now, adapts)
    if columns is not None:
        seen = seen.take(columns, new)
    return seen.updated(table.X, table.weight)


def updated_features(
    summary: FeatureSummary | None, before: Schema, now: Schema, adapts: bool, table: Table
) -> FeatureSummary | None:
    """Return the summary of the columns of all rows so far, the new ones among them; None where there is none."""
    if summary is None or not table.is_array or isinstance(table.X, RowParts):
        return summary
    columns = _moved(before, now, adapts)
    if columns is not None:
        summary = summary.take(columns.source)
    return summary.updated(table.X)


def must_grow(before: Learned, now: Learned) -> bool:
    """Tell whether the network must follow new classes, columns or statistics."""
    return resized(before, now) or not _same_order(before.schema, now.schema) or (now.scaler is not before.scaler)


def resized(before: Learned, now: Learned) -> bool:
    """Tell whether the network must be built in another size."""
    return _sizes(before.schema) != _sizes(now.schema)


def rebuild(net: WarmStartNet, old: nn.Module) -> nn.Module:
    """Build the network anew in its new size, and let the optimiser hold its parameters."""
    learned = net._current
    with seeded(
        None if learned.seed is None else child_seed(learned.seed, "growth", learned.shape.get("n_outputs", 0))
    ):
        net._initialize_module(reason="The data have new classes or columns; what was learned is kept.")
    new = network_of(net)
    theirs = dict(new.named_parameters())
    moved = match_layers(dict(old.named_parameters()), theirs)
    renewed = {}
    for name, parameter in old.named_parameters():
        renewed[parameter] = theirs[moved.get(name, name)].requires_grad_(parameter.requires_grad)
    for group in net.optimizer_.param_groups:
        group["params"] = [renewed.get(parameter, parameter) for parameter in group["params"]]
    return new


def snapshot(net: WarmStartNet, learned: Learned) -> Donor:
    """Return the live network and its optimiser as a donor for its own growth."""
    network = network_of(net)
    return Donor(
        state=NetState.from_module(network),
        schema=learned.schema,
        origin=learned.origin,
        optimizer=OptimizerState.from_optimizer(net.optimizer_, network),
        scaler=learned.scaler,
    )


def grow(net: WarmStartNet, previous: Donor, network: nn.Module, probe: Any) -> Learned:
    """Load what a donor knows into the network in its new layout; the optimiser stays the same object."""
    learned = net._current
    adapts = net.schema == "adapt"
    found = adapt(previous, learned.schema, learned.scaler, network, net.module_, probe, adapts)
    adapted, scaler = found.donor, found.scaler
    adapted.state.load_into(network)
    assert adapted.optimizer is not None
    net.optimizer_.state.clear()
    adapted.optimizer.load_into(net.optimizer_, network)
    return replace(learned, origin=adapted.origin, scaler=scaler)


def _moved(before: Schema, now: Schema, adapts: bool) -> Reindex | None:
    """Where the columns are now; None if they are where they were."""
    columns = map_columns(before, now) if adapts else None
    return None if columns is None or columns.is_identity else columns


def _sizes(schema: Schema) -> tuple[int | None, ...]:
    labels = schema.classes if schema.classes is not None else schema.targets
    return schema.n_features, None if labels is None else len(labels)


def _same_order(a: Schema, b: Schema) -> bool:
    same_classes = a.classes is b.classes or (
        a.classes is not None and b.classes is not None and np.array_equal(a.classes, b.classes)
    )
    return same_classes and a.columns == b.columns and a.targets == b.targets
