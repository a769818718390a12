"""Equal arms whose gains are of many kinds: skewed, heavy in the tails, with rare collapses, of few test rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sk_warmstart.statistics import clustered_t, rope_verdict

from .tally import CONFIDENCE, DIFFERENT, ROPE, over_tables, rate

SPREAD = 0.015  # of the gains over the replicates
FOLDS = 4  # of the rows, one of which tests in each replicate
N_ROWS = 2_000
DISAGREE = 0.02  # share of test rows on which two runs differ, other than by the gain
LOSS = 0.015  # which it is wrong to call neutral
REPLICATES = (3, 5, 10, 20)


def _collapses(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return 0.6 + 0.5 * rng.normal(size=n) - 6.0 * (rng.random(n) < 0.1)


# Gains in spreads, with a mean of 0.
SMOOTH: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "t with 2.5 degrees of freedom": lambda rng, n: rng.standard_t(2.5, size=n) / np.sqrt(5),
    "skewed (exponential)": lambda rng, n: rng.exponential(size=n) - 1,
    "one run in ten collapses": _collapses,
}
# Test rows, phases, and the share of rows on which the arms differ.
FEW_ROWS = {
    "50 test rows, 4 phases, 6% disagree": (50, 4, 0.06),
    "50 test rows, 2% disagree": (50, 1, 0.02),
    "20 test rows, 2% disagree": (20, 1, 0.02),
    "5 test rows, 2% disagree": (5, 1, 0.02),
}
NO_REMEDY = ("skewed (exponential)", "one run in ten collapses")  # at ROPE 0: no method for a mean of ten knows


def generators(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Every generator with 3, 5, 10 and 20 replicates."""
    settings = [(kind, replicates) for kind in (*SMOOTH, *FEW_ROWS) for replicates in REPLICATES]
    rows = []
    for (kind, replicates), found in zip(settings, over_tables(n_jobs, verdicts, settings, n, 100), strict=True):
        case = f"{kind}, {replicates} replicates"
        for rope, most in ((0.0, None if kind in NO_REMEDY else 0.06), (ROPE, 0.03)):
            wrong = np.isin([each[rope] for each in found], DIFFERENT)
            rows.append(rate(case, f"equal arms called different, ROPE {rope:g}", wrong, most=most))
        neutral = [each["loss"] == "neutral" for each in found]
        most = None if kind == NO_REMEDY[1] else 0.06
        rows.append(rate(case, f"a loss of {LOSS} called neutral", neutral, most=most))
    return rows


def verdicts(kind: str, n_replicates: int, seed: int) -> dict[Any, str]:
    """Return the verdicts on an equal arm at each ROPE, and on one that loses."""
    rng = np.random.default_rng(seed)
    draw = _smooth if kind in SMOOTH else _of_few_rows
    equal = clustered_t(*draw(rng, kind, n_replicates, 0.0))
    loser = clustered_t(*draw(rng, kind, n_replicates, -LOSS))
    return {rope: rope_verdict(equal, rope, CONFIDENCE) for rope in (0.0, ROPE)} | {
        "loss": rope_verdict(loser, ROPE, CONFIDENCE)
    }


def _smooth(
    rng: np.random.Generator, kind: str, n_replicates: int, gain: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw differences of rows whose means over the replicates' test rows are the generator's, and some noise."""
    gains = gain + SPREAD * SMOOTH[kind](rng, n_replicates)
    differences, weights = np.zeros((n_replicates, N_ROWS)), np.zeros((n_replicates, N_ROWS))
    for number, test in enumerate(_test_rows(rng, N_ROWS // FOLDS, n_replicates)):
        own = rng.choice([-1.0, 0.0, 1.0], size=len(test), p=[DISAGREE / 2, 1 - DISAGREE, DISAGREE / 2])
        differences[number, test] = (gains[number] + own) / len(test)
        weights[number, test] = 1 / len(test)
    return differences, weights


def _of_few_rows(
    rng: np.random.Generator, kind: str, n_replicates: int, gain: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw differences of rows that are 1, 0 or -1, with the gain as their mean."""
    n_test, n_phases, disagree = FEW_ROWS[kind]
    chances = [(disagree - gain) / 2, 1 - disagree, (disagree + gain) / 2]
    differences, weights = np.zeros((n_replicates, FOLDS * n_test)), np.zeros((n_replicates, FOLDS * n_test))
    for number, test in enumerate(_test_rows(rng, n_test, n_replicates)):
        own = rng.choice([-1.0, 0.0, 1.0], size=(n_phases, n_test), p=chances)
        differences[number, test] = own.mean(axis=0) / n_test
        weights[number, test] = 1 / n_test
    return differences, weights


def _test_rows(rng: np.random.Generator, n_test: int, n_replicates: int) -> list[NDArray[np.int64]]:
    """Return the test rows of the replicates: disjoint folds, then folds of another order."""
    rounds = [np.split(rng.permutation(FOLDS * n_test), FOLDS) for _ in range(-(-n_replicates // FOLDS))]
    return [test for folds in rounds for test in folds][:n_replicates]
