"""Plan of a start: policy, donors and seed, decided before the network is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...policies import Cold, InitPolicy, resolve_policy
from ...policies._adapter import policy_name
from ...state import Donor, Lineage
from ...training import child_seed, draw_seed, peek_seed
from .._protocol import WarmStartNet
from ._donors import donor_in, find_donors


@dataclass(frozen=True)
class Plan:
    """How a fit is going to start.

    ``kind`` says where the available donor was found: "self", "warm_start_from" or "init_policy". A ``seed`` of
    None draws from torch's global generator; ``start_seed`` is the seed of the start itself. ``others`` are
    further donors, which the policy brings.
    """

    policy: InitPolicy
    available: Donor | None
    kind: str | None
    seed: int | None
    start_seed: int | None
    others: list[Donor] = field(default_factory=list)

    @property
    def donor(self) -> Donor | None:
        """The donor, unless the policy would keep nothing of it: then the start is a cold one."""
        return self.available if self.available is not None and self.policy.keeps_previous() else None

    @property
    def donors(self) -> list[Donor]:
        """All donors of a warm start; none of a cold one."""
        return [] if self.donor is None else [self.donor, *self.others]

    @property
    def generation(self) -> int:
        """How many warm starts lie behind this start."""
        return 0 if self.donor is None else self.donor.lineage.generation + 1

    @property
    def fresh_seed(self) -> int | None:
        """Seed of the fresh draw: a warm start's is independent of the draw that its lineage began with."""
        return None if self.start_seed is None else child_seed(self.start_seed, "fresh", self.generation)

    @property
    def policy_seed(self) -> int:
        """Seed of the policy's own draws; a warm start always has one."""
        assert self.start_seed is not None
        return child_seed(self.start_seed, "policy", self.generation)

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
            seed=self.start_seed,
        )


def donor_to_be(net: WarmStartNet) -> Donor | None:
    """Return the donor in ``warm_start_from``, unless the policy keeps nothing of it."""
    if not resolve_policy(net.init_policy, **net.get_params_for("init_policy")).keeps_previous():
        return None
    return donor_in(net.warm_start_from)


def plan_start(net: WarmStartNet) -> Plan:
    """Decide how the next fit starts."""
    policy = resolve_policy(net.init_policy, **net.get_params_for("init_policy"))
    donors, kind = find_donors(net, policy.donors())
    seed = draw_seed(net.random_state)
    plan = Plan(policy, donors[0] if donors else None, kind, seed, seed, donors[1:])
    if plan.donor is None or seed is not None:
        return plan
    # skorch's warm fit draws nothing, so neither may the fresh network that it does not know.
    return Plan(policy, plan.available, kind, seed, peek_seed(), plan.others)
