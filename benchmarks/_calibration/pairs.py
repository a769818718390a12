"""Whether the number of replicates that is said to decide does decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_warmstart.statistics import Posterior, pairs_to_decide, rope_verdict

from .tally import CONFIDENCE, ROPE, over_tables, rate

SO_FAR = (5, 10)
_TRIES = 20  # experiments, for one that is undecided and told a number
SHARED = (0.0, 0.2)  # spread of what more replicates do not average out, in spreads of a replicate
# Mean and spread of the gains; None: of all sizes, the spread between a quarter and four times the ROPE.
TRUTHS: tuple[tuple[float, float] | None, ...] = (None, (0.0, 0.02), (0.02, 0.02))


def pairs(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Go on with experiments to the number that was told."""
    settings = [(truth, so_far, shared) for shared in SHARED for so_far in SO_FAR for truth in TRUTHS]
    rows = []
    for (truth, so_far, shared), found in zip(settings, over_tables(n_jobs, go_on, settings, n), strict=True):
        told = [each for each in found if each is not None]
        gains = "gains of all sizes" if truth is None else f"gain {truth[0]}, spread {truth[1]}"
        case = f"{gains}, shared {shared}, {so_far} replicates so far"
        least, most = (0.75, 0.9) if truth is None else (None, None)
        rows.append(rate(case, "decided at the number told", told, least=least, most=most))
    return rows


def go_on(truth: tuple[float, float] | None, so_far: int, shared: float, seed: int) -> bool | None:
    """Return whether an experiment decides at the number told; None if no number was told in many."""
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        if truth is None:
            spread = ROPE * np.exp(rng.uniform(np.log(0.25), np.log(4)))
            mean = rng.uniform(-6, 6) * ROPE
        else:
            mean, spread = truth
        common = mean + shared * spread * rng.normal()
        gains = common + spread * rng.normal(size=so_far)
        shared_variance = (shared * spread) ** 2
        if _verdict(gains, shared_variance) != "undecided":
            continue
        needed = pairs_to_decide(gains, ROPE, CONFIDENCE, shared_variance=shared_variance, random_state=seed)
        if needed is not None:
            more = common + spread * rng.normal(size=needed.n - so_far)
            return _verdict(np.r_[gains, more], shared_variance) != "undecided"
    return None


def _verdict(gains: Any, shared_variance: float) -> str:
    scale = np.sqrt(gains.var(ddof=1) / len(gains) + shared_variance)
    return rope_verdict(Posterior(float(gains.mean()), float(scale), len(gains) - 1), ROPE, CONFIDENCE)
