"""Fit and partial fit, from what the user passes to what the net has learned."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from skorch.history import History
from torch.nn.parameter import is_lazy

from .._warning import warn_caller
from ..modules import materialize
from ..state import Donor, FeatureSummary, Lineage
from ..state.rows._standardizer import Standardizer
from ..training import RandomStreams, Rows, ValidationMonitor, draw_seed, seeded, suited_threads
from ._learned import Learned
from ._protocol import WarmStartNet
from .input._columns import expect_columns, forget_columns, learn_schema, other_width, targets_in_order
from .input._datasets import is_indexed
from .input._finite import Side
from .input._identity import Recognised, begin_memory, recognise
from .input._parts import RowParts, as_given, conforming
from .input._samples import read_rows
from .input._table import Table, is_array, reweighed, split_rows, to_rows, uses_default_dataset, validate
from .input._targets import targets_of
from .input._validation_rows import as_inside_pipeline
from .run._files import own_folder
from .run._history import copied, joined, trimmed
from .run._progress import Progress
from .run._run import Run, running
from .run._score import digest_of_rows, name_of_scoring, watched
from .start._architecture import (
    architecture_of,
    check_same_architecture,
    choose_dtype,
    shape_from,
)
from .start._growth import grow, must_grow, rebuild, resized, snapshot, updated_features, updated_scaler
from .start._plan import Plan, plan_start
from .start._start import adopted_start, carry_optimizer, make_start

Validation = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Begun:
    """A fit whose rows are validated and recognised, and whose network is yet to be drawn."""

    plan: Plan
    table: Table
    rows: Recognised
    learned: Learned


def fit(
    net: WarmStartNet,
    X: Any,
    y: Any,
    sample_weight: Any,
    sample_id: ArrayLike | None,
    validation: Validation,
    progress: Progress | None,
    fit_params: dict[str, Any],
) -> None:
    """Train for ``max_epochs`` epochs from the start that the init policy makes."""
    _check_idle(net)
    _check_validation(validation)
    begun = _begin(net, X, y, sample_weight, sample_id, sticky=_splits_itself(net, X, validation))
    on_device = _check_own_split(net, begun.table, validation)
    if progress is not None:
        progress.rows = begun.rows
    run = Run(
        begun.learned,
        progress=progress,
        evaluates_start=_is_judged(net, begun.table, validation),
        redraws=begun.plan.generation > 0,
    )
    if begun.plan.donor is not None and begun.plan.kind == "self":
        run.past = copied(net.history_)
    with running(net, run), ExitStack() as threads:
        probe = _build(net, begun)
        threads.enter_context(_threads_for(net, begun.table))
        if on_device:
            _place_split(net, run, begun, validation)
        _start(net, run, begun, probe)
        if run.monitor is not None:
            start = net._current.start or {}
            watch = start.get("watch", "score") if net.scoring is None else "score"  # a policy may wish
            run.monitor.configure(start.get("patience", 1.0), watch)
        _train(net, run, begun.table, "fit", fit_params)
        score = None if run.monitor is None else run.monitor.finish(net._network(), net.optimizer_)
    _commit(net, run, begun.rows, score, joined(run.past, net.history_))


def partial_fit(
    net: WarmStartNet,
    X: Any,
    y: Any,
    classes: ArrayLike | None,
    sample_weight: Any,
    sample_id: ArrayLike | None,
    fit_params: dict[str, Any],
) -> None:
    """Train for one pass over the rows, from where the last call stopped."""
    _check_idle(net)
    targets_of(net).check_partial_fit(net, classes)
    if not net.initialized_:
        begun = _begin(net, X, y, sample_weight, sample_id, sticky=False, classes=classes)
        _check_labels_are_known(net, begun.plan.donor, classes)
        begun = _with_statistics_of_donor(net, begun)
        run = Run(begun.learned, redraws=begun.plan.generation > 0)
        table, rows = begun.table, begun.rows
        with running(net, run), ExitStack() as threads:
            probe = _build(net, begun)
            threads.enter_context(_threads_for(net, table))
            _place(net, run, table)
            previous = _start(net, run, begun, probe)
            if begun.plan.donor is not None and net.optimizer_state == "keep":
                assert run.learned.streams is not None
                run.learned.streams.restore(previous.streams)
                run.resume_from = previous
            _train(net, run, table, "partial_fit", {"epochs": 1, **fit_params})
    else:
        table, learned = (
            _continue(net, X, y, sample_weight)
            if net._has_learned()
            else _adopt(net, X, y, sample_weight, classes)
        )
        run = Run(learned, continues=net._has_learned())
        with running(net, run), ExitStack() as threads:
            threads.enter_context(_threads_for(net, table))
            if run.continues:
                _grow(net, run, table)
            else:
                _adopt_network(net, run)
            rows = recognise(table.X, learned.schema.columns, learned.memory.columns, sample_id)
            _place(net, run, table)
            _train(net, run, table, "partial_fit", {"epochs": 1, **fit_params})
    _commit(net, run, rows, None, trimmed(net.history_, run.n_history_before))


# ---------------------------------------------------------------- before the network is drawn


def _check_idle(net: WarmStartNet) -> None:
    if "run_" in vars(net):
        raise RuntimeError(
            f"this {type(net).__name__} is being trained: a callback or another thread cannot call its fit or "
            "partial_fit meanwhile; use a clone"
        )


def _check_labels_are_known(net: WarmStartNet, donor: Donor | None, classes: ArrayLike | None) -> None:
    """Ask for all labels before the first rows, where the donor is of another module and tells of none."""
    given = classes is not None or getattr(net, "classes", None) is not None or net.schema == "adapt"
    if donor is not None and donor.by_name is not None and is_classifier(net) and not given:
        raise ValueError("classes must be passed on the first call to partial_fit: the donor has no labels.")


def _check_validation(validation: Validation) -> None:
    X_val, y_val, weight = validation
    for name, value in (("y_val", y_val), ("sample_weight_val", weight)):
        if value is not None and X_val is None:
            raise ValueError(f"{name} needs X_val")


def _splits_itself(net: WarmStartNet, X: Any, validation: Validation) -> bool:
    """Whether rows are held out by their identity."""
    return bool(net.early_stopping) and validation[0] is None and uses_default_dataset(net) and not net.train_split


def _check_own_split(net: WarmStartNet, table: Table, validation: Validation) -> bool:
    """Tell whether the rows live on the device, or can be read one by one, which held-out rows need."""
    own_split = validation[0] is not None or bool(net.early_stopping)
    on_device = _is_placed(net, table) and not (own_split and net.train_split)
    if own_split and not on_device:
        raise ValueError(
            "early_stopping and X_val need X as an array, a dictionary or tuple of arrays, or a Dataset with a "
            "length, and neither a train_split nor a dataset class of your own: with those use skorch's "
            "EarlyStopping callback instead"
        )
    return on_device


def _is_judged(net: WarmStartNet, table: Table, validation: Validation) -> bool:
    """Tell whether a start can be scored: what a dataset gives as targets may be of any kind."""
    own_split = validation[0] is not None or bool(net.early_stopping)
    return own_split or not table.is_indexed or table.has_labels or not targets_of(net).are_labels


def _is_placed(net: WarmStartNet, table: Table) -> bool:
    """Tell whether the rows are tensors on the device, or read from a dataset that this library may cut."""
    return (table.is_array and uses_default_dataset(net)) or (table.is_indexed and not net.train_split)


def _begin(
    net: WarmStartNet,
    X: Any,
    y: Any,
    sample_weight: Any,
    sample_id: ArrayLike | None,
    sticky: bool,
    classes: ArrayLike | None = None,
) -> Begun:
    """Validate the input of a fit, by the donor's schema where there is one; recognise and measure its rows."""
    plan = plan_start(net)
    donor, adapts = plan.donor, net.schema == "adapt"
    forget_columns(net)
    if donor is not None and not adapts:
        expect_columns(net, donor.schema)
    targets_of(net).begin(net, None if donor is None else donor.schema.classes, classes)
    fixed = not adapts and donor is not None and donor.schema.n_features is not None
    # Names that come for the first time are learned; how many columns there are is settled.
    named = fixed and donor is not None and not donor.schema.framed and hasattr(X, "columns")
    table = validate(net, X, y, sample_weight, reset=named or not fixed, starts_warm=donor is not None)
    if named and donor is not None and net.n_features_in_ != donor.schema.n_features:
        raise other_width(net, donor.schema.n_features)
    if donor is not None and is_array(table.X):
        table = replace(table, X=conforming(table.X, donor.schema, resizes=adapts))
    schema = learn_schema(net, table.X, y, None if donor is None else donor.schema)
    sticky = sticky and (table.is_array or table.is_indexed)
    # A cold start remembers nothing, and a start that is cold by policy does what a fresh clone does.
    memory = begin_memory(
        schema.columns,
        [each.memory for each in plan.donors],
        sticky_by_content=sticky and table.is_array and sample_id is None,
    )
    fraction = float(net.validation_fraction) if sticky else None
    rows = recognise(table.X, schema.columns, memory.columns, sample_id, fraction, memory)
    part = table if rows.valid is None or not table.is_array else table.rows(rows.train)
    if rows.valid is not None and table.class_weight is not None:
        table = replace(table, class_weight=reweighed(table, rows.train))
    learned = Learned(
        schema=schema,
        shape=shape_from(net, table),
        dtype=choose_dtype(net, donor, table),
        target_ndim=table.target_ndim,
        scaler=Standardizer.from_rows(part.X, part.weight) if net.standardize else None,
        features=_summary(part.X) if rows.n_rows else None,
        memory=memory,
        lineage=plan.lineage(),
        streams=RandomStreams(plan.seed),
        seed=plan.seed,
    )
    return Begun(plan, table, rows, learned)


def _summary(X: Any) -> FeatureSummary | None:
    """Describe the columns, where there are any."""
    return FeatureSummary.from_rows(X) if is_array(X) and not isinstance(X, RowParts) else None


def _with_statistics_of_donor(net: WarmStartNet, begun: Begun) -> Begun:
    """A partial fit adds its rows to those of the donor."""
    donor, learned, adapts = begun.plan.donor, begun.learned, net.schema == "adapt"
    if donor is None:
        return begun
    if net.standardize:
        scaler = updated_scaler(donor.scaler, donor.schema, learned.schema, adapts, begun.table)
        learned = replace(learned, scaler=scaler)
    if donor.features is not None:
        features = updated_features(donor.features, donor.schema, learned.schema, adapts, begun.table)
        learned = replace(learned, features=features)
    return replace(begun, learned=learned)


def _continue(net: WarmStartNet, X: Any, y: Any, sample_weight: Any) -> tuple[Table, Learned]:
    """Validate the rows of a further partial fit; the network is yet to follow what changed."""
    learned, adapts = net._current, net.schema == "adapt"
    check_same_architecture(net, learned.architecture)
    n_outputs = None if adapts else learned.shape.get("n_outputs")
    table = validate(net, X, y, sample_weight, reset=adapts, n_outputs=n_outputs)
    before = learned.schema
    if is_array(table.X):
        table = replace(table, X=conforming(table.X, before, resizes=adapts))
    schema = learn_schema(net, table.X, y, before)
    scaler = learned.scaler
    if net.standardize and table.is_array:
        scaler = updated_scaler(scaler, before, schema, adapts, table)
    features = updated_features(learned.features, before, schema, adapts, table)
    learned = replace(learned, schema=schema, scaler=scaler, features=features, target_ndim=table.target_ndim)
    return table, learned


def _adopt(
    net: WarmStartNet, X: Any, y: Any, sample_weight: Any, classes: ArrayLike | None
) -> tuple[Table, Learned]:
    """Validate the first rows of a network that was initialised by hand, perhaps with weights loaded into it."""
    seed = draw_seed(net.random_state)
    targets_of(net).begin(net, None, classes)
    forget_columns(net)
    table = validate(net, X, y, sample_weight, reset=True)
    schema = learn_schema(net, table.X, y, None)
    learned = Learned(
        schema=schema,
        shape=net._current.shape,
        dtype=net._current.dtype,
        architecture=architecture_of(net),
        target_ndim=table.target_ndim,
        scaler=Standardizer.from_rows(table.X, table.weight) if net.standardize else None,
        memory=begin_memory(schema.columns, [], sticky_by_content=False),
        lineage=Lineage(policy="Warm", seed=seed),
        streams=RandomStreams(seed),
        seed=seed,
    )
    return table, learned


# ---------------------------------------------------------------- network, rows and start


def _build(net: WarmStartNet, begun: Begun) -> Any:
    """Draw the network anew, with what trains it; return a few rows as it takes them."""
    if begun.plan.donor is not None:
        net.initialized_ = False  # skorch would announce that it throws the old network away
    with seeded(begun.plan.fresh_seed):
        net.initialize()
        return _materialized(net, begun.table)


def _materialized(net: WarmStartNet, table: Table) -> Any:
    probe = _probe(net, table)
    if probe is not None:
        materialize(net._network(), probe)
    return probe


def _remake(net: WarmStartNet, run: Run, begun: Begun) -> None:
    """Make the start of a network that a callback had built anew, as skorch's InputShapeSetter does."""
    with seeded(begun.plan.fresh_seed):
        net._initialize_module()
        net._initialize_criterion()
        net._initialize_optimizer()
        probe = _materialized(net, begun.table)
    _start(net, run, begun, probe)


def _start(net: WarmStartNet, run: Run, begun: Begun, probe: Any) -> Donor:
    """Put the start into the network; its rows are on the device by now."""
    plan, network = begun.plan, net._network()
    made = make_start(plan, net, run.learned, probe, begun.table.X, begun.rows, (run.train, run.valid))
    previous = made.previous
    run.fresh, run.previous = made.fresh, made.inherited
    run.learn(
        start=made.start,
        origin=previous.state if previous.origin is None else previous.origin,
        lineage=replace(plan.lineage(), parent=made.start.donor_id),
        scaler=made.scaler,
        architecture=architecture_of(net),
    )
    carry_optimizer(net.optimizer_state, previous, network, net.optimizer_)
    run.remake = lambda: _remake(net, run, begun)
    return previous


def _adopt_network(net: WarmStartNet, run: Run) -> None:
    start, previous = adopted_start(net._network())
    run.learn(start=start, origin=previous.state)


def _grow(net: WarmStartNet, run: Run, table: Table) -> None:
    """Bring the live network and its optimiser into the layout of the new rows."""
    before, now = net.learned_, run.learned
    if not must_grow(before, now):
        return
    previous, network = snapshot(net, before), net._network()
    if resized(before, now):
        run.learn(shape=shape_from(net, table))
        network = rebuild(net, network)
    run.learned = grow(net, previous, network, _probe(net, table))


def _place_split(net: WarmStartNet, run: Run, begun: Begun, validation: Validation) -> None:
    """Put training and validation rows on the device; a dataset is cut, and read later."""
    table = begun.table
    rows = _to_rows(net, table) if table.is_array else table.X
    X_val, y_val, sample_weight_val = validation
    valid = begun.rows.valid
    judges = () if valid is None else tuple(ids[valid] for ids in begun.rows.ids)
    if X_val is not None:
        if y_val is None and not is_indexed(X_val):
            raise ValueError("X_val needs y_val")
        n_outputs = run.learned.shape.get("n_outputs")
        X_val = as_inside_pipeline(net, X_val, table.X)
        y_val = targets_in_order(y_val, run.learned.schema)
        checked = validate(net, X_val, y_val, sample_weight_val, reset=False, learn=False, n_outputs=n_outputs)
        if is_array(checked.X):
            checked = replace(checked, X=conforming(checked.X, run.learned.schema))
        judges = recognise(checked.X, run.learned.schema.columns, begun.learned.memory.columns).ids
        run.train, run.valid = rows, checked.X if checked.is_indexed else _to_rows(net, checked)
        for given, its in ((table, run.train), (checked, run.valid)):
            if given.is_array:
                run.views.keep(given, its)
    elif valid is not None and table.is_indexed:
        run.train, run.valid = (Side(rows, np.flatnonzero(side).tolist()) for side in (~valid, valid))
    elif valid is not None:
        run.train, run.valid = split_rows(rows, valid)
        whole = run.views.keep(table, rows)
        run.views.keep_part(whole, ~valid, run.train)
        run.views.keep_part(whole, valid, run.valid)
    else:
        run.train = rows
        if table.is_array:
            run.views.keep(table, rows)
    if run.valid is not None:
        run.monitor = ValidationMonitor(
            bool(net.early_stopping), net.n_iter_no_change, float(net.tol), watched(net)
        )
        if judges and isinstance(run.valid, Rows) and run.valid.y is not None:
            run.scored_on = digest_of_rows(net, judges[-1], run.valid.y)


def _place(net: WarmStartNet, run: Run, table: Table) -> None:
    """Put the rows of a partial fit on the device, where that is possible."""
    if not _is_placed(net, table):
        return
    if table.is_array:
        run.train = _to_rows(net, table)
        run.views.keep(table, run.train)
    else:
        run.train = table.X


def _threads_for(net: WarmStartNet, table: Table) -> AbstractContextManager[None]:
    """As many threads as a step of this network has work for."""
    n_rows = table.X.shape[0] if table.is_array else None
    return suited_threads(net._network(), net.batch_size, n_rows, net.device)


def _to_rows(net: WarmStartNet, table: Table) -> Rows:
    return to_rows(table, net._torch_dtype(), net._network(), net.device, net._current.scaler)


def _probe(net: WarmStartNet, table: Table) -> Any:
    """A few rows as the network takes them."""
    if table.is_indexed:
        lazy = any(is_lazy(parameter) for parameter in net._network().parameters())
        if not (lazy or net.schema == "adapt"):
            return None
        return read_rows(net, table.X, torch.arange(min(2, len(table.X)))).X[:]
    return _to_rows(net, Table(table.X[:2], None, None, None)).X[:] if table.is_array else None


# ---------------------------------------------------------------- training, and what is kept of it


def _train(net: WarmStartNet, run: Run, table: Table, method: str, fit_params: Mapping[str, Any]) -> None:
    """Train through skorch's own loop; of a fit its history holds this one only meanwhile."""
    if method == "partial_fit" and type(net.history_) is History:
        net.history_ = History(net.history_)  # a call that fails leaves the old one as it was
        run.n_history_before = len(net.history_)
    y = table.y if run.train is not None else table.target
    run.class_weight = None if table.class_weight is None else torch.from_numpy(table.class_weight)
    with own_folder(net.callbacks_):
        net._train_by_skorch(as_given(table.X), y, _routing_method=method, **fit_params)


def _commit(net: WarmStartNet, run: Run, rows: Recognised, valid_score: float | None, history: History) -> None:
    """Set the fitted attributes, once training succeeded."""
    done = list(net.history_)
    if run.n_begun > run.n_epochs:
        done = done[:-1]  # an epoch that was interrupted
    ran = done[len(done) - run.n_epochs :]  # a callback may have loaded older rows
    net.n_iter_ = run.n_epochs
    if run.interrupted:
        warn_caller(
            f"training was interrupted (Ctrl-C) after {run.n_epochs} whole epochs of this call: what was learned "
            "by then is kept, and the network is not trained to its end",
            ConvergenceWarning,
        )
    net.loss_curve_ = [row["train_loss"] for row in ran if "train_loss" in row]
    net.history_ = history
    net.training_route_ = run.route
    learned = run.learned
    memory = learned.memory.fork()  # a call that fails yet leaves the one before as it was
    rows.remember(memory)
    line, start = learned.lineage, learned.start or {}
    scores = {f"start_{name}": start.get(name) for name in ("loss", "score")}
    scores["train_loss"] = net.loss_curve_[-1] if net.loss_curve_ else None
    scores["valid_score"] = valid_score
    lineage = replace(
        line,
        rows=line.rows + rows.n_train,
        rows_seen=line.rows_seen + rows.n_train,
        epochs=line.epochs + net.n_iter_,
        scores={name: float(score) for name, score in scores.items() if score is not None and np.isfinite(score)},
        scoring=None if valid_score is None else name_of_scoring(net.scoring),
        scored_on=None if valid_score is None else run.scored_on,
    )
    net.learned_ = replace(learned, lineage=lineage, memory=memory)
