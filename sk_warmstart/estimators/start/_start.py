"""Start of a fit: made by a policy from donor and fresh draw, and put into the network."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from torch import Tensor, nn

from ..._warning import warn_caller
from ...policies import DonorContext, PolicyContext
from ...state import Donor, NetState
from ...state.rows._standardizer import Standardizer
from ...training import Rows
from .._learned import Learned
from .._protocol import WarmStartNet
from ..input._identity import Recognised, new_rows
from ..input._samples import Sample
from ..run._race import racing
from ._adaptation import Adapted, adapt
from ._architecture import check_same_function, head_to_draw
from ._foreign import as_other_module, class_of
from ._phase_data import phase_data
from ._plan import Plan

_ENOUGH_NEW = 50  # fewer rows do not tell how a column is spread
_MOST_ROWS = 10_000  # more are not needed
_OTHERS = "the policy's sources"


@dataclass(frozen=True)
class Started:
    """A start that was put into a network.

    ``previous`` is the donor in the network's layout (after a cold start, the start itself), whose origin is what
    the lineage first started from; ``fresh`` is the network as it was drawn, ``inherited`` the donor's state.
    """

    start: Bunch
    previous: Donor
    scaler: Standardizer | None
    fresh: NetState
    inherited: NetState | None


def make_start(
    plan: Plan,
    net: WarmStartNet,
    learned: Learned,
    probe: Any,
    X: Any,
    rows: Recognised,
    sides: tuple[Any, Any],
) -> Started:
    """Put the start into a freshly drawn network, whose rows are on the device by now.

    ``learned`` says what the fit knows of its data, ``probe`` holds a few rows as the network takes them (None
    where the input is no array), ``X`` the validated rows,
    ``sides`` those to train on and those that validate, on the device or in datasets.
    """
    began = time.perf_counter()
    network = net._network()
    fresh = NetState.from_module(network)
    donor, policy, kind = plan.donor, plan.policy, plan.kind
    scaler, inherited = learned.scaler, None
    if donor is None:
        previous = Donor(fresh, origin=fresh.copy())
        kept = dict.fromkeys((n for n in fresh.unique() if fresh.is_parameter(n)), 0.0)
        change, notes = unchanged(), {}
    else:
        given = [as_other_module(each, class_of(network)) for each in plan.donors]
        for each, source in zip(given, origins := [kind, *[_OTHERS] * len(plan.others)], strict=True):
            if each.by_name is None:
                check_finite(source, each)

        def adapted(other: Donor, source: str | None, to: Standardizer | None) -> Adapted:
            new_head, adapts = head_to_draw(net, other, learned.shape), net.schema == "adapt"
            found = adapt(other, learned.schema, to, network, net.module_, probe, adapts, new_head)
            if other.by_name is not None:
                check_finite(source, found.donor)
            elif not adapts:
                check_same_function(net, other, network)
            return found

        found = adapted(given[0], origins[0], scaler)
        previous, change, scaler = found.donor, found.change, found.scaler
        # The statistics of the inputs stay those of the first donor.
        others = [adapted(*each, scaler) for each in zip(given[1:], origins[1:], strict=True)]

        train, valid = (side if side is None or isinstance(side, Rows) else Sample(net, side) for side in sides)

        @functools.cache  # a plain start asks for none of this
        def new() -> Tensor | None:
            unseen = new_rows(learned.memory, rows)
            if unseen is None:
                return None
            found = torch.from_numpy(unseen)
            return found[train.places] if isinstance(train, Sample) else found

        brings_first = kind == "init_policy"  # without a donor of its own a fit starts from the first source
        assert plan.start_seed is not None
        context = PolicyContext(
            torch.Generator().manual_seed(plan.policy_seed),
            network,
            previous.origin,
            phase_data(net, train, valid, new),
            race=racing(net, learned, train, valid, new, plan.start_seed),
            sources=[*([previous.state] if brings_first else []), *(other.donor.state for other in others)],
            donor=DonorContext(
                lineage=donor.lineage,
                **{name: change[name] for name in ("classes_added", "columns_added", "columns_dropped")},
                features=donor.features,
                rows=lambda: _spread(X, rows, new()),
            ),
        )
        state = policy.start(previous.state, fresh, context)
        state.load_into(network)
        notes = context.notes
        place = notes.get("source", -1) - brings_first
        if place >= 0:
            found, donor, kind = others[place], plan.others[place], "init_policy"
            previous, change = found.donor, found.change
        kept = state.kept(previous.state, found.held)
        inherited = previous.state
        if change.loaded is None:  # else it is as it is meant to be
            _warn_of_fresh(change.layers_fresh)
    facts = {
        "policy": plan.rule,
        "params": plan.rule_params,
        "donor": None if donor is None else kind,
        "donor_id": None if donor is None else donor.id,
        "generation": plan.generation,
        "kept": kept,
        **change,
        "seconds": time.perf_counter() - began,
    }
    # A note may say more than these, and never something else than these.
    return Started(Bunch(**{**notes, **facts}), previous, scaler, fresh, inherited)


def unchanged() -> Bunch:
    """Return what is to be said of a start without a donor, or one that is taken over as it is."""
    names = ("classes_added", "columns_added", "columns_dropped", "layers_fresh")
    return Bunch(**{name: [] for name in names}, loaded=None, missing=None, left_over=None)


def adopted_start(network: nn.Module, donor: str = "initialize") -> tuple[Bunch, Donor]:
    """Describe a network as the start that it is, whoever made it."""
    state = NetState.from_module(network)
    previous = Donor(state, origin=state)
    start = Bunch(
        policy="Warm",
        params={},
        donor=donor,
        donor_id=previous.id,
        generation=0,
        kept=state.kept(state),
        **unchanged(),
        seconds=0.0,
    )
    return start, previous


def _warn_of_fresh(layers: list[str]) -> None:
    if layers:
        shown = ", ".join(layers[:5]) + (", ..." if len(layers) > 5 else "")
        warn_caller(
            f"the donor has nothing that fits the layers {shown}: schema='adapt' lets them begin anew, in part or "
            "as a whole (they are in start_.layers_fresh; start_.kept tells the donor's share of each parameter)"
        )


def carry_optimizer(mode: str, previous: Donor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load the donor's optimiser state: nothing, everything, or all but the moments of what the policy changed.

    The learning rate and the other numbers stay the new optimiser's: schedules restart with every fit.
    """
    state = previous.optimizer
    if mode == "reset" or state is None:
        if mode != "reset" and previous.by_name is not None:
            warn_caller(
                f"optimizer_state={mode!r} finds nothing to keep: a donor of another module has no optimizer for "
                "this one, which begins anew, as with optimizer_state='reset'"
            )
        return
    if state.kind != type(optimizer).__name__:
        raise ValueError(
            f"optimizer_state={mode!r} cannot turn the state of {state.kind} into one of "
            f"{type(optimizer).__name__}: use optimizer_state='reset', or set the optimizer back"
        )
    state.load_into(optimizer, network)
    if mode == "mask":
        _mask_moments(previous.state, network, optimizer)


def _mask_moments(previous: NetState, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            moments = optimizer.state.get(parameter)
            if not moments:
                continue
            unchanged = parameter == previous[name].to(parameter)
            if not unchanged.any():
                del optimizer.state[parameter]
                continue
            for moment in moments.values():
                if isinstance(moment, torch.Tensor) and moment.shape == parameter.shape:
                    moment.mul_(unchanged)


def _spread(X: Any, rows: Recognised, new: Tensor | None) -> Any:
    """Some training rows, new ones where there are enough, to see how the columns are spread."""
    if not rows.ids or getattr(X, "ndim", 0) != 2:
        return None
    index = np.arange(X.shape[0])[rows.train]
    if new is not None and int(new.sum()) >= _ENOUGH_NEW:
        index = index[new.numpy()]
    return X[index[:: -(-len(index) // _MOST_ROWS)]]


def check_finite(source: str | None, donor: Donor) -> None:
    """Nothing can be learned from such weights, and what they would spoil is the user's."""
    state = donor.state
    bad = [
        name
        for name in state.unique()
        if state.is_parameter(name) and not torch.isfinite(_wide(state[name])).all()
    ]
    if donor.by_name is not None:  # a mask may be infinite
        bad += [name for name in state.unique() if not state.is_parameter(name) and state[name].isnan().any()]
    if bad:
        where = "the estimator's own last state" if source == "self" else f"the donor from {source}"
        raise ValueError(
            f"{where} has weights that are NaN or infinite: {', '.join(bad[:5])}. Start cold (init_policy='cold') "
            "or from an earlier state"
        )


def _wide(tensor: Tensor) -> Tensor:
    """Return floats of one byte as wider ones: torch cannot test those for NaN."""
    return tensor.float() if tensor.is_floating_point() and tensor.element_size() == 1 else tensor
