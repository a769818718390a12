"""Rows of the calibration's tables: what was counted, its interval, and whether the target is met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy import stats

CONFIDENCE = 0.95
ROPE = 0.01  # the comparator's own, of scorers within 0 and 1
DIFFERENT = ("beneficial", "detrimental")
_SEEDS = 100_000  # of a setting, at most


def rate(
    case: str, what: str, hits: ArrayLike, *, most: float | None = None, least: float | None = None
) -> dict[str, Any]:
    """Return the row of a share, with Wilson's interval."""
    flags = np.asarray(hits, dtype=bool)
    count, n = int(flags.sum()), len(flags)
    low, high = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson") if n else (0.0, 1.0)
    return _row(case, what, count / n if n else float("nan"), low, high, n, least, most)


def geometric_mean(case: str, what: str, values: ArrayLike, *, least: float, most: float) -> dict[str, Any]:
    """Return the row of a geometric mean over tables, with its t interval."""
    logs = np.log(np.asarray(values, dtype=float))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * stats.sem(logs)
    low, high = np.exp(logs.mean() - half), np.exp(logs.mean() + half)
    return _row(case, what, float(np.exp(logs.mean())), low, high, len(logs), least, most)


def over_tables(
    n_jobs: int, one: Callable[..., Any], settings: Sequence[tuple[Any, ...]], n: int, chunk: int = 20
) -> list[list[Any]]:
    """Return ``one(*setting, seed)`` of n seeds for each setting; no two settings have a seed in common."""
    starts = range(0, n, chunk)
    done = iter(
        Parallel(n_jobs=n_jobs)(
            delayed(_some)(one, setting, range(_SEEDS * place + start, _SEEDS * place + min(start + chunk, n)))
            for place, setting in enumerate(settings)
            for start in starts
        )
    )
    return [[each for _ in starts for each in next(done)] for _ in settings]


def _some(one: Callable[..., Any], setting: tuple[Any, ...], seeds: range) -> list[Any]:
    return [one(*setting, seed) for seed in seeds]


def _row(
    case: str, what: str, value: float, low: float, high: float, n: int, least: float | None, most: float | None
) -> dict[str, Any]:
    floor, ceiling = -np.inf if least is None else least, np.inf if most is None else most
    target = "-"
    if least is None and most is not None:
        target = f"at most {most:g}"
    elif least is not None:
        target = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
    if target == "-":
        met = "-"
    elif floor <= value <= ceiling:
        met = "yes"
    else:
        # By chance, where the interval still holds numbers that would do.
        met = "unclear" if high >= floor and low <= ceiling else "NO"
    return {
        "case": case,
        "what": what,
        "value": round(float(value), 4),
        "95 %": f"{low:.3f} to {high:.3f}",
        "tables": n,
        "target": target,
        "met": met,
    }
