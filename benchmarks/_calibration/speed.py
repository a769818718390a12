"""Cost verdicts on made-up learning curves, of which it is known how much faster an arm is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sk_warmstart.statistics import DecisionRule, Speedup, effort_to_target, geometric_speedup

from .tally import CONFIDENCE, ROPE, geometric_mean, over_tables, rate

PHASES, EPOCHS, PATIENCE = 4, 40, 10
TOP, BOTTOM, PACE = 0.93, 0.3, 6.0  # where curves end and begin, and the epochs that they need
VALIDATION_ROWS = (60, 150, 1_000)
TARGETS = (0.90, 0.92, 0.94)


class Truth(NamedTuple):
    """How many times faster an arm is than cold, and the score that it loses."""

    faster: float
    loses: float


EQUAL = Truth(1, 0)
TRUTHS = (EQUAL, Truth(1.5, 0), Truth(2, 0.005), Truth(4, 0), Truth(1 / 1.5, 0))


class Curves(NamedTuple):
    """Validation scores (n_replicates, phases, epochs + 1), the last epoch of each, and the returned scores."""

    scores: NDArray[np.float64]
    last: NDArray[np.int64]
    returned: NDArray[np.float64]


def cost(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Equal, faster and slower arms, by validation rows and early stopping, and for given targets."""
    settings = [
        (rows, stops, truth, n_replicates)
        for rows in VALIDATION_ROWS
        for stops in (False, True)
        for truth in TRUTHS
    ]
    out = []
    for (rows, stops, truth, _), speeds in zip(
        settings, over_tables(n_jobs, _symmetric, settings, n), strict=True
    ):
        case = f"{rows} validation rows, {'early stopping' if stops else 'all epochs'}, {_named(truth)}"
        out += _count(case, truth, speeds)
    given = [(target, truth, n_replicates) for target in TARGETS for truth in (EQUAL, TRUTHS[1], TRUTHS[2])]
    for (target, truth, _), speeds in zip(given, over_tables(n_jobs, _given_target, given, n), strict=True):
        out += _count(f"target={target}, early stopping, {_named(truth)}", truth, speeds, least=None)
    return out


def cost_verdict(speed: Speedup) -> str:
    """Return the verdict on the cost of one arm, as the comparator has it."""
    return DecisionRule(ROPE, CONFIDENCE).judge_cost({"arm": speed})["arm"]


def _named(truth: Truth) -> str:
    lost = f", {truth.loses} lost" if truth.loses else ""
    return ("equal" if truth.faster == 1 else f"{truth.faster:.2g} times as fast") + lost


def _count(case: str, truth: Truth, speeds: list[Speedup], least: float | None = 0.9) -> list[dict[str, Any]]:
    verdicts = [cost_verdict(speed) for speed in speeds]
    if truth == EQUAL:
        return [
            rate(case, "called cheaper or costlier", np.isin(verdicts, ("cheaper", "costlier")), most=0.06),
            geometric_mean(case, "told speed-up", [speed.speedup for speed in speeds], least=0.95, most=1.05),
        ]
    right = "cheaper" if truth.faster > 1 else "costlier"
    return [rate(case, f"called {right}", [verdict == right for verdict in verdicts], least=least)]


def _symmetric(n_rows: int, stops: bool, truth: Truth, n_replicates: int, seed: int) -> Speedup:
    """Return the speed-up to the lower of the two returned scores less the ROPE."""
    arms = _draw(np.random.default_rng(seed), n_rows, stops, truth, n_replicates)
    targets = np.minimum(arms[0].returned, arms[1].returned) - ROPE
    efforts = [[_effort(arm, place, targets[place]) for place in np.ndindex(targets.shape)] for arm in arms]
    return geometric_speedup(*efforts, np.repeat(np.arange(n_replicates), PHASES), CONFIDENCE)


def _given_target(target: float, truth: Truth, n_replicates: int, seed: int) -> Speedup:
    """Return the speed-up to a target of the user's, within the larger budget of the pair."""
    arms = _draw(np.random.default_rng(seed), 150, True, truth, n_replicates)
    budget = np.maximum(np.maximum(arms[0].last, arms[1].last), 1)
    efforts = []
    for arm in arms:
        own = np.array([_effort(arm, place, target) for place in np.ndindex(budget.shape)]).reshape(budget.shape)
        efforts.append(np.where(np.isnan(own), budget, own).ravel())
    return geometric_speedup(*efforts, np.repeat(np.arange(n_replicates), PHASES), CONFIDENCE, pooled=True)


def _effort(arm: Curves, place: tuple[int, ...], target: float) -> float:
    until = arm.last[place] + 1
    return effort_to_target(np.arange(until), arm.scores[place][:until], target, least=1)


def _draw(
    rng: np.random.Generator, n_rows: int, stops: bool, truth: Truth, n_replicates: int
) -> tuple[Curves, Curves]:
    """Draw the curves of cold and an arm: shared ends and validation rows, and noise of their own."""
    shape = (n_replicates, PHASES)
    end = TOP + rng.normal(0, 0.01, shape)
    variance = TOP * (1 - TOP) / n_rows
    shared = rng.normal(size=shape) * np.sqrt(0.8 * variance)  # the same rows validate both
    arms = []
    for faster, loses in (EQUAL, truth):
        top = end - loses + rng.normal(0, 0.006, shape)
        pace = PACE / faster * np.exp(rng.normal(0, 0.3, shape))
        smooth = top[..., None] - (top - BOTTOM)[..., None] * np.exp(-np.arange(EPOCHS + 1) / pace[..., None])
        noise = rng.normal(size=(*shape, EPOCHS + 1))
        for epoch in range(1, EPOCHS + 1):
            noise[..., epoch] = 0.5 * noise[..., epoch - 1] + np.sqrt(0.75) * noise[..., epoch]
        measured = np.clip(smooth + shared[..., None] + np.sqrt(0.2 * variance) * noise, 0, 1)
        arms.append(_stopped(np.round(measured * n_rows) / n_rows, stops))
    return arms[0], arms[1]


def _stopped(scores: NDArray[np.float64], stops: bool) -> Curves:
    """Return the curves with what training returns: the last score, or the best when none has come for long."""
    if not stops:
        return Curves(scores, np.full(scores.shape[:-1], EPOCHS), scores[..., -1])
    best, since = scores[..., 0].copy(), np.zeros(scores.shape[:-1], dtype=np.int64)
    last = np.full(scores.shape[:-1], EPOCHS)
    for epoch in range(1, EPOCHS + 1):
        runs = last >= epoch
        better = scores[..., epoch] > best
        since = np.where(better, 0, since + 1)
        best = np.where(runs & better, scores[..., epoch], best)
        last = np.where(runs & (since >= PATIENCE), epoch, last)
    return Curves(scores, last, best)
