"""Make the start of a fit, and say what it was."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch
from torch import Tensor, nn

from ...policies import Cold, DonorContext, InitPolicy, PolicyContext
from ...policies._adapter import policy_name
from ...state import Donor, Lineage, NetState
from ...training import child_seed
from ..input._identity import Recognised, new_rows
from ..run._race import racing
from ._adaptation import adapt
from ._phase_data import phase_data

_TELLING = 50  # fewer rows do not tell how a column is spread
_SPREAD = 10_000  # more are not needed


@dataclass
class Plan:
    """How a fit is going to start: decided before the network is built.

    Parameters
    ----------
    policy : InitPolicy
        The rule.
    available : Donor or None
        The previous state, if there is one.
    kind : {"self", "warm_start_from"} or None
        Where it was found.
    seed : int or None
        Seed of the start; None draws from torch's global generator.
    others : list of Donor, default=[]
        Further donors, which the policy brings.
    """

    policy: InitPolicy
    available: Donor | None
    kind: str | None
    seed: int | None
    others: list[Donor] = field(default_factory=list)

    @property
    def donor(self) -> Donor | None:
        """The donor, unless the policy would keep nothing of it: then the start is a cold one."""
        return self.available if self.available is not None and self.policy.keeps_previous() else None

    @property
    def generation(self) -> int:
        """How many warm starts lie behind this start."""
        return 0 if self.donor is None else self.donor.lineage.generation + 1

    @property
    def fresh_seed(self) -> int | None:
        """Seed of the fresh draw: a warm start's is independent of the draw that its lineage began with."""
        return None if self.seed is None else child_seed(self.seed, "fresh", self.generation)

    @property
    def rule(self) -> str:
        """Name of the policy that makes the start."""
        return policy_name(self.policy if self.available is not None else Cold())

    @property
    def rule_params(self) -> dict[str, Any]:
        """Its parameters."""
        return self.policy.get_params(deep=False) if self.available is not None else {}

    def lineage(self) -> Lineage:
        """Return where a state comes from that is started so, before it is trained."""
        donor = self.donor
        return Lineage(
            generation=self.generation,
            parent=None if donor is None else donor.id,
            policy=self.rule,
            params=self.rule_params,
            rows_seen=0 if donor is None else donor.lineage.rows_seen,
            seed=self.seed,
        )


def make_start(
    plan: Plan, net: Any, network: nn.Module, probe: Tensor | None, X: Any, rows: Recognised
) -> tuple[Bunch, Donor]:
    """Put the start into a freshly drawn network.

    Parameters
    ----------
    plan : Plan
        Policy, donor and seed.
    net : WarmStartMixin
        The net, with its data validated.
    network : nn.Module
        The network as it was drawn; changed in place.
    probe : Tensor or None
        Some rows as the network takes them; None where the input is no array.
    X : array-like
        The rows of the fit, validated; they are on the device by now.
    rows : Recognised
        What is known of them.

    Returns
    -------
    start : Bunch
        ``policy``, ``params``, ``donor``, ``donor_id``, ``generation``, ``kept``, ``seconds``, and what changed:
        ``classes_added``, ``columns_added``, ``columns_dropped``; and what the policy noted.
    previous : Donor
        The donor in the network's layout; after a cold start, the start itself. Its origin is what the lineage
        first started from.

    Raises
    ------
    ValueError
        If the donor does not fit the network, or the policy's parameters are out of range.
    """
    began = time.perf_counter()
    fresh = NetState.from_module(network)
    donor, policy, kind = plan.donor, plan.policy, plan.kind
    if donor is None:
        previous = Donor(fresh, origin=fresh.copy())
        kept = dict.fromkeys((n for n in fresh.unique() if fresh.is_parameter(n)), 0.0)
        change, notes = Bunch(classes_added=[], columns_added=[], columns_dropped=[]), {}
    else:
        for source, brought in [(kind, donor), *(("the policy's sources", other) for other in plan.others)]:
            _check_finite(source, brought)
        previous, change = adapt(net, donor, network, probe)
        others = [_adapted(net, other, network, probe) for other in plan.others]

        @functools.cache  # a plain start asks for none of this
        def new() -> Tensor | None:
            unseen = new_rows(net, rows)
            return None if unseen is None else torch.from_numpy(unseen)

        brings_first = (
            kind == "init_policy"
        )  # without a donor of its own the estimator starts from the first source
        assert plan.seed is not None
        context = PolicyContext(
            _generator(plan),
            network,
            previous.origin,
            phase_data(net, new),
            race=racing(net, new, plan.seed),
            sources=[*([previous.state] if brings_first else []), *(other.state for other in others)],
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
            previous, donor, kind = others[place], plan.others[place], "init_policy"
        kept = state.kept(previous.state)
        net.session_.previous = previous.state
    net.session_.fresh = fresh
    known = {
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
    return Bunch(**{**notes, **known}), previous


def adopted_start(network: nn.Module) -> tuple[Bunch, Donor]:
    """Describe a network as the start that it is, whoever made it.

    Parameters
    ----------
    network : nn.Module
        The network.

    Returns
    -------
    start, previous : Bunch, Donor
        As from :func:`make_start`; the donor is called ``"initialize"``.
    """
    state = NetState.from_module(network)
    previous = Donor(state, origin=state)
    start = Bunch(
        policy="Warm",
        params={},
        donor="initialize",
        donor_id=previous.id,
        generation=0,
        kept=state.kept(state),
        classes_added=[],
        columns_added=[],
        columns_dropped=[],
        seconds=0.0,
    )
    return start, previous


def carry_optimizer(mode: str, previous: Donor, network: nn.Module, optimizer: Any) -> None:
    """Hand the donor's optimiser state on, as far as the mode says.

    The learning rate and the other numbers stay the new optimiser's: schedules restart with every fit.

    Parameters
    ----------
    mode : {"reset", "keep", "mask"}
        Nothing; everything; or everything but the moments of the numbers that the policy changed.
    previous : Donor
        The donor, in the network's layout.
    network : nn.Module
        The network, at its start.
    optimizer : Optimizer
        The new optimiser; changed in place.
    """
    state = previous.optimizer
    if mode == "reset" or state is None:
        return
    if state.kind != type(optimizer).__name__:
        raise ValueError(
            f"optimizer_state={mode!r} cannot turn the state of {state.kind} into one of "
            f"{type(optimizer).__name__}: use optimizer_state='reset', or set the optimizer back"
        )
    state.load_into(optimizer, network)
    if mode == "mask":
        _mask_moments(previous.state, network, optimizer)


def _mask_moments(previous: NetState, network: nn.Module, optimizer: Any) -> None:
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
    if not rows.known_as or X.ndim != 2:
        return None
    index = np.arange(X.shape[0])[rows.train]
    if new is not None and int(new.sum()) >= _TELLING:
        index = index[new.numpy()]
    return X[index[:: -(-len(index) // _SPREAD)]]


def _adapted(net: Any, donor: Donor, network: nn.Module, probe: Tensor | None) -> Donor:
    """A further donor in the network's layout; the statistics of the inputs stay those of the first one."""
    scaler = net.scaler_
    try:
        return adapt(net, donor, network, probe)[0]
    finally:
        net.scaler_ = scaler


def _check_finite(source: str | None, donor: Donor) -> None:
    """Nothing can be learned from such weights, and what they would spoil is the user's."""
    state = donor.state
    bad = [name for name in state.unique() if state.is_parameter(name) and not torch.isfinite(state[name]).all()]
    if bad:
        where = "the estimator's own last state" if source == "self" else f"the donor from {source}"
        raise ValueError(
            f"{where} has weights that are NaN or infinite: {', '.join(bad[:5])}. Start cold (init_policy='cold') "
            "or from an earlier state"
        )


def _generator(plan: Plan) -> torch.Generator:
    assert plan.seed is not None, "a warm start always has a seed of its own"
    return torch.Generator().manual_seed(child_seed(plan.seed, "policy", plan.generation))
