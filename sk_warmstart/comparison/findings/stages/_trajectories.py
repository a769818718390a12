"""Stage 3: the way through the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..._names import REFERENCE
from ._stage import RUN, Runs, interval_over_replicates, less_cold

_EARLY = 0.25  # of the epochs that cold took


def trajectory_table(runs: Runs) -> pd.DataFrame:
    """Loss, gradients and distances of each arm, and what of these differs from cold in the same runs."""
    curves = runs.curves
    if curves.empty:
        return pd.DataFrame()
    ordered = curves.sort_values("epoch").groupby(RUN, sort=False)
    trained = curves[curves["epoch"] > 0].sort_values("epoch").groupby(RUN, sort=False)
    columns = {
        "train loss, first epoch": trained["train_loss"].first(),
        "train loss, last": trained["train_loss"].last(),
        "gradient norm, first epoch": trained["gradient_norm"].first(),
        "gradient norm, last": trained["gradient_norm"].last(),
        "distance from start": ordered["distance_from_start"].last(),
        "start's distance from init": ordered["distance_from_init"].first(),
        "distance from init": ordered["distance_from_init"].last(),
    }
    table = pd.DataFrame(columns).groupby("arm", sort=False).mean()
    differences = {
        "first loss less cold's": columns["train loss, first epoch"],
        "early score less cold's": _early_scores(curves),
    }
    ratios = {
        "distance by cold's": columns["distance from start"],
        "init distance by cold's": columns["distance from init"],
    }
    for arm in table.index.drop(REFERENCE, errors="ignore"):
        for name, values in differences.items():
            found = interval_over_replicates(less_cold(values, arm), runs.rule.confidence)
            table.loc[arm, [name, f"{name}, low", f"{name}, high"]] = found
        for name, values in ratios.items():
            logs = less_cold(np.log(values.where(values > 0)), arm)
            found = interval_over_replicates(logs, runs.rule.confidence)
            table.loc[arm, [name, f"{name}, low", f"{name}, high"]] = np.exp(found)
    return table.dropna(axis=1, how="all")


def read_trajectories(table: pd.DataFrame) -> Iterator[str]:
    """Say of each arm how far it moves by cold's way, whether it is faster, and whether it explores less."""
    name, from_init = "distance by cold's", "init distance by cold's"
    if name not in table:
        return
    for arm, row in table[table[name].notna()].iterrows():
        faster, wider = _is_faster(row), _side(*_interval(row, name), 1.0)
        speed = {1: "it is faster at first", -1: "it is slower at first", 0: "it is not shown to be faster"}[
            faster
        ]
        explores = {-1: "explores less", 1: "explores more", 0: "is not shown to explore less or more"}[wider]
        ends = ""
        if from_init in table and np.isfinite(row[from_init]):
            ends = f", and ends {_ratio(row, from_init)} times as far from the first weights of its lineage"
        yield f"In a fit, {arm} moves {_ratio(row, name)} times as far as cold{ends}: {speed} and {explores}."


def _early_scores(curves: pd.DataFrame) -> pd.Series:
    """Mean validation score over the first quarter of cold's epochs; a run that stopped keeps its last."""
    cold = curves[curves["arm"] == REFERENCE].groupby(RUN[:3])["epoch"].max()
    budget = np.ceil(_EARLY * cold).clip(lower=1).rename("budget")
    within = curves[curves["epoch"] > 0].merge(budget.reset_index(), on=RUN[:3])
    within = within[within["epoch"] <= within["budget"]].sort_values("epoch")
    early = within.groupby(RUN, sort=False)
    epochs, last = early["budget"].first(), early["valid_score"].last()
    return (early["valid_score"].sum(min_count=1) + (epochs - early["valid_score"].size()) * last) / epochs


def _is_faster(row: pd.Series) -> int:
    """1 where loss or score say faster at first and neither says slower, -1 the other way round, else 0."""
    by_loss = -_side(*_interval(row, "first loss less cold's"), 0.0)
    by_score = _side(*_interval(row, "early score less cold's"), 0.0)
    sides = {by_loss, by_score} - {0}
    return sides.pop() if len(sides) == 1 else 0


def _interval(row: pd.Series, name: str) -> tuple[float, float]:
    return float(row.get(f"{name}, low", np.nan)), float(row.get(f"{name}, high", np.nan))


def _ratio(row: pd.Series, name: str) -> str:
    low, high = _interval(row, name)
    return f"{row[name]:.2f}" + (f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else "")


def _side(low: float, high: float, point: float) -> int:
    """Tell on which side of a point an interval lies; 0 where it holds the point or is missing."""
    return int(low > point) - int(high < point)
