"""Make the start of a fit, and say what it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.utils import Bunch
from torch import nn

from ..policies import Cold, InitPolicy, PolicyContext
from ..state import NetState, align
from ..training import child_seed
from ._donor import Donor


@dataclass
class Lineage:
    """Where a fitted state comes from.

    Parameters
    ----------
    generation : int
        How many warm starts lie behind it; 0 after a cold start.
    origin : NetState
        The weights that the first of them started from.
    """

    generation: int
    origin: NetState


@dataclass
class Plan:
    """How a fit is going to start: decided before the network is built.

    Parameters
    ----------
    policy : InitPolicy
        The rule.
    available : Donor or None
        The previous state, if there is one.
    seed : int or None
        Seed of the start; None draws from torch's global generator.
    """

    policy: InitPolicy
    available: Donor | None
    seed: int | None

    @property
    def donor(self) -> Donor | None:
        """The donor, unless the policy would keep nothing of it: then the start is a cold one."""
        return self.available if self.available is not None and self.policy.keeps_previous() else None

    @property
    def generation(self) -> int:
        """How many warm starts lie behind this start."""
        return 0 if self.donor is None else self.donor.generation + 1

    @property
    def fresh_seed(self) -> int | None:
        """Seed of the fresh draw: a warm start's is independent of the draw that its lineage began with."""
        return None if self.seed is None else child_seed(self.seed, "fresh", self.generation)


def make_start(plan: Plan, network: nn.Module) -> tuple[Bunch, Lineage]:
    """Put the start into a freshly drawn network.

    Parameters
    ----------
    plan : Plan
        Policy, donor and seed.
    network : nn.Module
        The network as it was drawn; changed in place.

    Returns
    -------
    start : Bunch
        ``policy``, ``params``, ``donor``, ``donor_id``, ``kept`` and ``seconds``.
    lineage : Lineage
        Where the state comes from now.

    Raises
    ------
    ValueError
        If the donor does not fit the network, or the policy's parameters are out of range.
    """
    began = time.perf_counter()
    fresh = NetState.from_module(network)
    donor, policy = plan.donor, plan.policy
    if donor is None:
        state, lineage = fresh, Lineage(0, fresh.copy())
        kept = dict.fromkeys((n for n in fresh.unique() if fresh.is_parameter(n)), 0.0)
    else:
        previous = align(donor.state, fresh)
        origin = None if donor.origin is None else align(donor.origin, fresh)
        context = PolicyContext(_generator(plan), network, origin)
        state = policy.start(previous, fresh, context)
        state.load_into(network)
        lineage = Lineage(plan.generation, origin if origin is not None else previous)
        kept = state.kept(previous)
    start = Bunch(
        policy=type(policy if plan.available is not None else Cold()).__name__,
        params=policy.get_params(deep=False) if plan.available is not None else {},
        donor=_donor_kind(donor),
        donor_id=None if donor is None else donor.state.digest(),
        generation=plan.generation,
        kept=kept,
        seconds=time.perf_counter() - began,
    )
    return start, lineage


def adopted_start(network: nn.Module) -> tuple[Bunch, Lineage]:
    """Describe a network as the start that it is, whoever made it.

    Parameters
    ----------
    network : nn.Module
        The network.

    Returns
    -------
    start, lineage : Bunch, Lineage
        As from :func:`make_start`; the donor is called ``"initialize"``.
    """
    state = NetState.from_module(network)
    start = Bunch(
        policy="Warm",
        params={},
        donor="initialize",
        donor_id=state.digest(),
        generation=0,
        kept=state.kept(state),
        seconds=0.0,
    )
    return start, Lineage(0, state)


def carry_optimizer(mode: str, plan: Plan, network: nn.Module, optimizer: Any) -> None:
    """Hand the donor's optimiser state on, as far as the mode says.

    The learning rate and the other numbers stay the new optimiser's: schedules restart with every fit.

    Parameters
    ----------
    mode : {"reset", "keep", "mask"}
        Nothing; everything; or everything but the moments of the numbers that the policy changed.
    plan : Plan
        Policy and donor.
    network : nn.Module
        The network, at its start.
    optimizer : Optimizer
        The new optimiser; changed in place.
    """
    donor = plan.donor
    if mode == "reset" or donor is None or donor.optimizer is None:
        return
    if type(donor.optimizer) is not type(optimizer):
        raise ValueError(
            f"optimizer_state={mode!r} cannot turn the state of {type(donor.optimizer).__name__} into one of "
            f"{type(optimizer).__name__}: use optimizer_state='reset', or set the optimizer back"
        )
    old, new = donor.optimizer.state_dict(), optimizer.state_dict()
    optimizer.load_state_dict({"state": old["state"], "param_groups": new["param_groups"]})
    if mode == "mask":
        _mask_moments(donor.state, network, optimizer)


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


def _donor_kind(donor: Donor | None) -> str | None:
    if donor is None:
        return None
    return "self" if donor.is_self else "warm_start_from"
