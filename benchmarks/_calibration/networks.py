"""Real networks: the cost verdict on an equal and a warm arm, and the power to find a gain."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import TimeSeriesSplit

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator

from .tally import DIFFERENT, ROPE, geometric_mean, over_tables, rate

_NET = {"lr": 0.005, "batch_size": 64, "module__hidden_layer_sizes": (16,), "dtype": "float32"}
_STOPS = {**_NET, "max_epochs": 60, "early_stopping": True}
# Rows, phases, network, and the least share of tables on which warm is to be called cheaper.
COSTS: dict[str, tuple[int, Any, dict[str, Any], float]] = {
    "240 rows, 10 epochs": (
        240,
        DataIncremental(2),
        {"max_epochs": 10, "lr": 0.01, "batch_size": 32, "module__hidden_layer_sizes": (8,)},
        0.4,
    ),
    "1,200 rows, 20 epochs": (1_200, DataIncremental(3), {**_NET, "max_epochs": 20}, 0.9),
    "1,200 rows, early stopping": (1_200, DataIncremental(3), _STOPS, 0.9),
    "1,200 rows, 40% validate": (
        1_200,
        DataIncremental(3),
        {**_NET, "max_epochs": 20, "validation_fraction": 0.4},
        0.9,
    ),
    "800 rows, TimeSeriesSplit(3), early stopping": (800, TimeSeriesSplit(3), _STOPS, 0.9),
}
AGAIN = {"init_policy": "cold", "random_state": 1}  # equal to cold, with draws of its own
WARM = {"init_policy": "warm"}
POWER = {"max_epochs": 25, "lr": 0.005, "batch_size": 32, "module__hidden_layer_sizes": (32,), "dtype": "float32"}
POWER_ROWS = 400
POWER_ARMS = {"cold": "cold", "warm": "warm", "again": AGAIN, "faster lr": {"init_policy": "cold", "lr": 0.02}}
GAINS = ((0.01, None), (0.02, 0.4), (0.03, 0.8), (0.05, None))  # and the least share that is to be found


def cost_real(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Count how often warm is called cheaper."""
    rows = []
    for case, found in _cost_verdicts(WARM, n, n_replicates, n_jobs):
        cheaper = [each["cost"] == "cheaper" for each in found]
        rows.append(rate(case, "warm called cheaper", cheaper, least=COSTS[case][3]))
    return rows


def cost_equal(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Count the verdicts on an arm that is cold again."""
    rows = []
    for case, found in _cost_verdicts(AGAIN, n, n_replicates, n_jobs):
        changed = np.isin([each["cost"] for each in found], ("cheaper", "costlier"))
        rows.append(rate(case, "equal arm called cheaper or costlier", changed, most=0.06))
        told = [each["speedup"] for each in found]
        rows.append(geometric_mean(case, "told speed-up of the equal arm", told, least=0.95, most=1.05))
        for rope, most in ((0.0, 0.06), (ROPE, 0.03)):
            wrong = np.isin([each["verdict", rope] for each in found], DIFFERENT)
            rows.append(rate(case, f"equal arm called different, ROPE {rope:g}", wrong, most=most))
    return rows


def power(n: int, n_replicates: int, n_jobs: int) -> list[dict[str, Any]]:
    """Count how often the interval holds the mean gain over tables, and how often a gain would be found.

    The gain of each arm is moved so that its mean over the tables is the planted one.
    """
    found = over_tables(n_jobs, gain_intervals, [(n_replicates,)], n, 5)[0]
    rows = []
    for arm in list(POWER_ARMS)[1:]:
        gains = np.array([each[arm] for each in found])
        low, high = (gains[:, 1:] - gains[:, 0].mean()).T
        case = f"{POWER_ROWS} rows, DataIncremental(2), {arm}"
        rows.append(rate(case, "interval misses the mean over tables", (low > 0) | (high < 0), most=0.06))
        for gain, least in GAINS:
            wanted = least if arm == "warm" else None
            rows.append(rate(case, f"a gain of {gain} found, ROPE 0", low + gain > 0, least=wanted))
    return rows


def _cost_verdicts(arm: Any, n: int, n_replicates: int, n_jobs: int) -> Iterator[tuple[str, list[dict[Any, Any]]]]:
    settings = [(arm, case, n_replicates) for case in COSTS]
    return zip(COSTS, over_tables(n_jobs, cost_verdict, settings, n, 5), strict=True)


def cost_verdict(arm: Any, case: str, n_replicates: int, seed: int) -> dict[Any, Any]:
    """Return speed-up, cost and verdicts of an arm on one table."""
    n_rows, phases, settings, _ = COSTS[case]
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n_rows)
    centres = rng.normal(size=(3, 2, 8))
    X = 1.2 * centres[y, rng.integers(2, size=n_rows)] + rng.normal(size=(n_rows, 8))
    arms = {"cold": "cold", "arm": arm}
    net = WarmStartClassifier(**settings)
    row = _compare(net, arms, phases, X, y, n_repeats=n_replicates, random_state=seed, n_probes=0).gain_.loc["arm"]
    beyond = row["gain_low"] > 0 or row["gain_high"] < 0
    return {
        "speedup": float(row["speedup"]),
        "cost": row["cost"],
        ("verdict", ROPE): row["verdict"],
        ("verdict", 0.0): DIFFERENT[int(row["gain"] < 0)] if beyond else "undecided",
    }


def gain_intervals(n_replicates: int, seed: int) -> dict[str, tuple[float, float, float]]:
    """Return each arm's gain and its interval on one table of a population whose classes are always the same."""
    centres = np.random.default_rng(99).normal(size=(3, 3, 8))
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=POWER_ROWS)
    X = 1.1 * centres[y, rng.integers(3, size=POWER_ROWS)] + rng.normal(size=(POWER_ROWS, 8))
    net = WarmStartClassifier(classes=np.arange(3), **POWER)
    phases = DataIncremental(2, test_size=0.25)
    comparator = _compare(net, POWER_ARMS, phases, X, y, n_repeats=n_replicates, random_state=seed)
    columns = ["gain", "gain_low", "gain_high"]
    return {arm: tuple(comparator.gain_.loc[arm, columns].astype(float)) for arm in list(POWER_ARMS)[1:]}


def _compare(
    net: Any, arms: dict[str, Any], phases: Any, X: NDArray, y: NDArray, **settings: Any
) -> WarmStartComparator:
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WarmStartComparator(net, arms, phases, refit=None, **settings).fit(X.astype(np.float32), y)
