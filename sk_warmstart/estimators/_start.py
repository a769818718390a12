"""Make the start of a fit, and say what it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.utils import Bunch
from torch import Tensor, nn

from ..policies import Cold, InitPolicy, PolicyContext
from ..state import Donor, Lineage, NetState
from ..training import child_seed
from ._adaptation import adapt
from ._phase_data import phase_data


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
    """

    policy: InitPolicy
    available: Donor | None
    kind: str | None
    seed: int | None

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
        return type(self.policy if self.available is not None else Cold()).__name__

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


def make_start(plan: Plan, net: Any, network: nn.Module, probe: Tensor | None) -> tuple[Bunch, Donor]:
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
    donor, policy = plan.donor, plan.policy
    if donor is None:
        previous = Donor(fresh, origin=fresh.copy())
        kept = dict.fromkeys((n for n in fresh.unique() if fresh.is_parameter(n)), 0.0)
        change, notes = Bunch(classes_added=[], columns_added=[], columns_dropped=[]), {}
    else:
        previous, change = adapt(net, donor, network, probe)
        context = PolicyContext(_generator(plan), network, previous.origin, phase_data(net))
        state = policy.start(previous.state, fresh, context)
        state.load_into(network)
        kept, notes = state.kept(previous.state), context.notes
    start = Bunch(
        policy=plan.rule,
        params=plan.rule_params,
        donor=None if donor is None else plan.kind,
        donor_id=None if donor is None else donor.id,
        generation=plan.generation,
        kept=kept,
        **change,
        **notes,
        seconds=time.perf_counter() - began,
    )
    return start, previous


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


def _generator(plan: Plan) -> torch.Generator:
    assert plan.seed is not None, "a warm start always has a seed of its own"
    return torch.Generator().manual_seed(child_seed(plan.seed, "policy", plan.generation))
