"""Let the network of a row of partial fits follow classes, columns and statistics that change under it."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from ...state import (
    Donor,
    FeatureSummary,
    Mapping,
    NetState,
    OptimizerState,
    Schema,
    Standardizer,
    map_columns,
    network_of,
)
from ...training import child_seed, seeded
from ..input._table import Table
from ._adaptation import adapt
from ._architecture import shape_from
from ._donation import schema_of


def follow_rows(net: Any, seen: Standardizer | None, before: Schema, table: Table) -> Standardizer:
    """Return the statistics of all rows so far, the new ones among them.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with the new rows validated.
    seen : Standardizer or None
        The statistics so far.
    before : Schema
        What the columns were.
    table : Table
        The new rows.

    Returns
    -------
    Standardizer
        The statistics, of the new columns.
    """
    new = Standardizer.from_rows(table.X, table.weight)
    if seen is None:
        return new
    columns = _moved(net, before)
    if columns is not None:
        seen = seen.take(columns, new)
    return seen.updated(table.X, table.weight)


def follow_features(
    net: Any, summary: FeatureSummary | None, before: Schema, table: Table
) -> FeatureSummary | None:
    """Return the summary of the columns of all rows so far, the new ones among them.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with the new rows validated.
    summary : FeatureSummary or None
        The summary so far.
    before : Schema
        What the columns were.
    table : Table
        The new rows.

    Returns
    -------
    FeatureSummary or None
        None where there is none.
    """
    if summary is None or not table.is_array:
        return summary
    columns = _moved(net, before)
    if columns is not None:
        summary = summary.take(columns.source)
    return summary.updated(table.X)


def grow(net: Any, before: Schema, scaler: Standardizer | None, table: Table) -> None:
    """Bring the live network and its optimiser into the layout of the new rows.

    The optimiser stays the same object, so schedules and callbacks that hold it go on.

    Parameters
    ----------
    net : WarmStartMixin
        The net, with the new rows validated.
    before : Schema
        What its inputs and outputs were.
    scaler : Standardizer or None
        The new statistics of its inputs.
    table : Table
        The new rows.

    Raises
    ------
    ValueError
        If it cannot be known what belongs where.
    """
    now = schema_of(net)
    resized = _sizes(before) != _sizes(now)
    if not resized and _same_order(before, now) and scaler is net.scaler_:
        return
    network = network_of(net)
    previous = Donor(
        state=NetState.from_module(network),
        schema=before,
        origin=net.origin_,
        optimizer=OptimizerState.from_optimizer(net.optimizer_, network),
        scaler=net.scaler_,
    )
    net.scaler_ = scaler
    if resized:
        network = _rebuilt(net, table, network)
    adapted, _ = adapt(net, previous, network, net._probe(table))
    adapted.state.load_into(network)
    net.origin_ = adapted.origin
    assert adapted.optimizer is not None
    net.optimizer_.state.clear()
    adapted.optimizer.load_into(net.optimizer_, network)


def _rebuilt(net: Any, table: Table, old: nn.Module) -> nn.Module:
    """Build the network anew in its new size, and let the optimiser hold its parameters."""
    net.network_shape_ = shape_from(net, table)
    seed = net.session_.seed
    size = net.network_shape_.get("n_outputs", 0)
    with seeded(None if seed is None else child_seed(seed, "growth", size)):
        net._initialize_module(reason="The data have new classes or columns; what was learned is kept.")
    new = network_of(net)
    theirs = dict(new.named_parameters())
    renewed = {}
    for name, parameter in old.named_parameters():
        renewed[parameter] = theirs[name].requires_grad_(parameter.requires_grad)
    for group in net.optimizer_.param_groups:
        group["params"] = [renewed.get(parameter, parameter) for parameter in group["params"]]
    return new


def _moved(net: Any, before: Schema) -> Mapping | None:
    """Where the columns are now; None if they are where they were."""
    columns = map_columns(before, schema_of(net)) if net.schema == "adapt" else None
    return None if columns is None or columns.is_identity else columns


def _sizes(schema: Schema) -> tuple[int | None, ...]:
    labels = schema.classes if schema.classes is not None else schema.targets
    return schema.n_features, None if labels is None else len(labels)


def _same_order(a: Schema, b: Schema) -> bool:
    same_classes = a.classes is b.classes or (
        a.classes is not None and b.classes is not None and np.array_equal(a.classes, b.classes)
    )
    return same_classes and a.columns == b.columns and a.targets == b.targets
