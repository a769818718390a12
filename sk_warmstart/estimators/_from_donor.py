"""Estimators that are what a donor is, without having seen a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ..modules import materialize
from ..state import Donor, NetState, Schema
from ..state._alignment import unmatched
from ..state._loading import what_was_loaded
from ..training import RandomStreams, seeded
from ._learned import Learned
from ._protocol import WarmStartNet
from .input._columns import expect_columns, forget_columns
from .input._parts import as_given, example_of
from .input._table import Table, to_rows
from .input._targets import targets_of
from .run._run import Run, running
from .start._adaptation import at_its_layers, place_of
from .start._architecture import (
    architecture_of,
    check_same_function,
    donated_shape,
    donated_target_ndim,
    dtype_of,
    take_module_params,
)
from .start._donation import resume
from .start._foreign import as_other_module
from .start._start import adopted_start, carry_optimizer, check_finite


def fitted_from(net: WarmStartNet, donor: Donor, source: str = "checkpoint") -> Any:
    """Let an unfitted net predict as a donor does, and train further from there."""
    targets = targets_of(net)
    targets.check_donor(net, donor)
    take_module_params(net, donor)
    schema, shape = donor.schema, donated_shape(donor)
    expect_columns(net, schema)
    targets.begin(net, schema.classes, None)
    seed = donor.lineage.seed
    learned = Learned(
        schema=schema,
        shape=shape,
        dtype=str(net.dtype) if net.dtype != "auto" else dtype_of(donor),
        target_ndim=donated_target_ndim(donor, shape),
        scaler=donor.scaler,
        features=donor.features,
        memory=donor.memory.snapshot(),
        lineage=donor.lineage,
        streams=RandomStreams(seed),
        seed=seed,
    )
    run = Run(learned)
    with running(net, run), seeded(0):
        net.initialize()
        example = _example(net, schema)
        net.notify("on_train_begin", X=as_given(example), y=None)
        network = net._network()
        if example is not None:
            rows = to_rows(Table(example, None, None, None), net._torch_dtype(), network, net.device)
            materialize(network, rows.X[:])
        adapted = _in_layout_of(network, donor)
        if net.schema == "strict":
            check_same_function(net, donor, network)
        adapted.state.load_into(network)
        state = adapted.optimizer
        if state is not None and state.kind == type(net.optimizer_).__name__:
            carry_optimizer("keep", adapted, network, net.optimizer_)
            resume(net, adapted)
    start, _ = adopted_start(network, source)
    assert learned.streams is not None
    learned.streams.restore(donor.streams)
    origin = adapted.state if adapted.origin is None else adapted.origin
    net.learned_ = replace(learned, start=start, origin=origin, architecture=architecture_of(net))
    net.n_iter_, net.loss_curve_, net.training_route_ = 0, [], None
    return net


def _example(net: WarmStartNet, schema: Schema) -> Any:
    """Two rows of zeros, as the donor's were; None where that is not known."""
    if schema.n_features is None:
        return example_of(schema, 2)
    return torch.zeros(2, schema.n_features, dtype=net._torch_dtype()).numpy()


def initialized_from(net: WarmStartNet, donor: Donor) -> Any:
    """Let a net be what a donor is, as far as it tells that.

    One that was initialised by hand has weights, and nothing else to tell.
    """
    for name in ("learned_", "classes_inferred_"):
        vars(net).pop(name, None)
    forget_columns(net)
    kind = net.module if isinstance(net.module, type) else type(net.module)
    donor = as_other_module(donor, f"{kind.__module__}.{kind.__qualname__}")
    if donor.by_name is not None:
        return _initialized_by_name(net, donor)
    if donor.schema.n_features is not None or "shape" in donor.description:
        return fitted_from(net, donor, "warm_start_from")
    take_module_params(net, donor)
    with running(net, Run(Learned())):
        net.initialize()
        _in_layout_of(net._network(), donor).state.load_into(net._network())
    return net


def _initialized_by_name(net: WarmStartNet, donor: Donor) -> Any:
    """Build a net, and load into it what a donor of another module has; what it lacks stays as it was drawn."""
    with running(net, Run(Learned())):
        net.initialize()
        network = net._network()
        layout, place = NetState.from_module(network), place_of(net.module_, network)
        matched = donor.matched(layout, place)
        what_was_loaded(donor, layout, matched.held_in(layout, {}), place)
        adapted = matched.adapted(layout, {}, missing="fresh")
        check_finite("warm_start_from", adapted)
        adapted.state.load_into(network)
    return net


def _in_layout_of(network: torch.nn.Module, donor: Donor) -> Donor:
    layout = NetState.from_module(network)
    donor = at_its_layers(donor, layout, network, False)
    faults = unmatched(donor.state, layout)
    if faults:
        shown = "; ".join(faults[:5]) + ("; ..." if len(faults) > 5 else "")
        raise ValueError(
            f"the checkpoint does not fit the estimator's network: {shown}. Set module and module__* to "
            f"those of the network that was saved: {dict(donor.description)}"
        )
    return donor.adapted(layout, {})
