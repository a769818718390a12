"""Stage 4: how far runs lie apart that differ in their draws only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ....statistics import SpreadRatio, holm, pitman_morgan
from ..._names import REFERENCE
from ._pairwise import pairwise_matrix, ratio_of_means
from ._stage import Runs

_NARROW = "over-concentrated"
# Measured tables, and the column that is a number where the runs succeeded.
_MEASURED = {"probes": "score", "agreement": "disagreement"}
_NOTHING = SpreadRatio(*[float("nan")] * 4)
_SPREADS = ("sd", "disagreement", "distance")
_JUDGED = {"sd": "scores", "disagreement": "predictions"}


def consistency_table(runs: Runs) -> pd.DataFrame:
    """Spread of scores, predictions and weights between runs of one start on one split, by those of cold.

    ``over-concentrated`` says whether scores or predictions spread less than cold's by a test, after Holm's
    adjustment; weights do by construction, as all runs of an arm share a start. The spread over replicates, whose
    splits differ too, stands beside it.
    """
    means = runs.results.groupby(["arm", "repeat"], sort=False)["score"].mean()
    old = means.groupby("arm", sort=False).std(ddof=1).rename("sd over replicates")
    probes, pairs = (_succeeded(runs.measured[name], what) for name, what in _MEASURED.items())
    if not len(probes):
        return old.to_frame()
    scores = probes.pivot_table(index="probe", columns="arm", values="score", sort=False)
    n = int(probes["probe"].max()) + 1
    apart = {
        (str(arm), value): pairwise_matrix(of_arm, value, n)
        for arm, of_arm in (pairs.groupby("arm", sort=False) if len(pairs) else ())
        for value in ("disagreement", "distance")
    }
    rows, p_values = {}, {}
    for arm in scores.columns:
        row = {"runs": len(scores[arm].dropna()), "score": scores[arm].mean()}
        for value in _SPREADS:
            row[value] = scores[arm].std(ddof=1) if value == "sd" else _mean(pairs, arm, value)
            if REFERENCE not in scores:
                continue
            compared = (
                _compare_scores(scores, arm, runs.rule.confidence)
                if value == "sd"
                else _compare_pairs(apart, arm, value, runs.rule.confidence)
            )
            name = f"{value} by cold's"
            row |= {name: compared.ratio, f"{name}, low": compared.low, f"{name}, high": compared.high}
            if value in _JUDGED:
                p_values[arm, value] = 1.0 if compared.ratio >= 1 else compared.p_value
        rows[arm] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    table[_NARROW] = _narrow(p_values, list(table.index), 1 - runs.rule.confidence)
    return table.dropna(axis=1, how="all").join(old, how="outer")


def read_consistency(table: pd.DataFrame) -> Iterator[str]:
    """Say which arms end closer together than cold does, of those that were run again from one start."""
    if _NARROW not in table:
        return
    for arm, row in table[table["runs"].fillna(0) >= 3].iterrows():
        if arm == REFERENCE:
            continue
        n, measures = int(row["runs"]), " and ".join(str(row[_NARROW]).split(", "))
        if measures:
            found = f"is over-concentrated: its {measures} differ less than cold's"
        else:
            found = "is not shown to be over-concentrated"
        yield f"Run {n} times from one start, {arm} {found}."


def _succeeded(measured: pd.DataFrame, value: str) -> pd.DataFrame:
    """Leave out runs that failed, and those with noise."""
    if not len(measured):
        return measured
    kept = measured.dropna(subset=value)
    return kept[kept["noise"] == 0] if "noise" in kept else kept


def _mean(pairs: pd.DataFrame, arm: str, value: str) -> float:
    return float(pairs.loc[pairs["arm"] == arm, value].mean()) if len(pairs) else float("nan")


def _compare_scores(scores: pd.DataFrame, arm: str, confidence: float) -> SpreadRatio:
    if arm == REFERENCE:
        return _NOTHING
    both = scores[[arm, REFERENCE]].dropna()
    return pitman_morgan(both[arm], both[REFERENCE], confidence)


def _compare_pairs(
    apart: dict[tuple[str, str], np.ndarray], arm: str, value: str, confidence: float
) -> SpreadRatio:
    one, other = apart.get((arm, value)), apart.get((REFERENCE, value))
    if arm == REFERENCE or one is None or other is None:
        return _NOTHING
    kept = np.flatnonzero(~np.isnan(one).all(1) & ~np.isnan(other).all(1))  # a run that failed is in no pair
    return ratio_of_means(one[np.ix_(kept, kept)], other[np.ix_(kept, kept)], confidence)


def _narrow(p_values: dict[tuple[str, str], float], arms: list[str], level: float) -> list[str]:
    """Name for each arm what spreads less than cold's."""
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True)) if p_values else {}
    return [
        ", ".join(word for value, word in _JUDGED.items() if adjusted.get((arm, value), np.nan) <= level)
        for arm in arms
    ]
