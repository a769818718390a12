"""Several equal arms against one reference: how often any of them is called different, cheaper or costlier."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_warmstart.statistics import DecisionRule, correlated_t, geometric_speedup

from .tally import CONFIDENCE, DIFFERENT, ROPE, over_tables, rate

ARMS = (1, 2, 5, 10)
SPREADS = (0.01, 0.02, 0.04)  # of the paired differences over the replicates


def equal(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Normal scores and log-normal efforts, alike in all arms."""
    settings = [(n_arms, spread, n_replicates) for n_arms in ARMS for spread in SPREADS]
    rows = []
    for (n_arms, spread, _), found in zip(settings, over_tables(n_jobs, any_wrong, settings, n, 100), strict=True):
        case = f"{n_arms} equal {'arm' if n_arms == 1 else 'arms'}, spread {spread}"
        for rope, most in ((0.0, 0.06), (ROPE, 0.03)):
            wrong = [each[f"different, ROPE {rope:g}"] for each in found]
            rows.append(rate(case, f"any called different, ROPE {rope:g}", wrong, most=most))
        if spread == SPREADS[0]:
            rows.append(rate(case, "any called cheaper or costlier", [each["cost"] for each in found], most=0.06))
    return rows


def any_wrong(n_arms: int, spread: float, n_replicates: int, seed: int) -> dict[str, bool]:
    """Tell for one comparison whether any arm is called other than cold."""
    rng = np.random.default_rng(seed)
    cold = rng.normal(size=n_replicates)
    arms = {f"arm {number}": rng.normal(size=n_replicates) for number in range(n_arms)}
    posteriors = {name: correlated_t(spread * (own - cold) / np.sqrt(2)) for name, own in arms.items()}
    speeds = {name: geometric_speedup(np.exp(cold / 3), np.exp(own / 3)) for name, own in arms.items()}
    wrong = {
        f"different, ROPE {rope:g}": any(
            judged.verdict in DIFFERENT for judged in DecisionRule(rope, CONFIDENCE).judge(posteriors).values()
        )
        for rope in (0.0, ROPE)
    }
    costs = DecisionRule(ROPE, CONFIDENCE).judge_cost(speeds).values()
    return wrong | {"cost": any(verdict in ("cheaper", "costlier") for verdict in costs)}
