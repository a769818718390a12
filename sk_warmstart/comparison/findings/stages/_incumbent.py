"""Every arm against the model in use."""

from __future__ import annotations

import pandas as pd

from ....statistics._decision import rope_verdict
from ....statistics._posterior import correlated_t
from ..._names import INCUMBENT
from .._gain import paired_gains
from ._stage import Runs


def incumbent_table(runs: Runs) -> pd.DataFrame:
    """Every arm against the model in use: gain, verdict, and rates of flipped predictions."""
    results, challenges = runs.results, runs.measured["challenges"]
    rows = {}
    for arm in dict.fromkeys(results["arm"]):
        if arm == INCUMBENT or results.loc[results["arm"] == arm, "error"].ne("").any():
            continue
        posterior = correlated_t(paired_gains(results, arm, INCUMBENT), runs.test_to_train)
        low, high = posterior.interval(runs.rule.confidence)
        rows[arm] = {
            "gain": posterior.mean,
            "gain_low": low,
            "gain_high": high,
            "verdict": rope_verdict(posterior, runs.rule.rope, runs.rule.confidence),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    if len(challenges):
        flips = challenges.groupby("arm", sort=False)[["negative_flips", "positive_flips"]].mean()
        table = table.join(flips)
    return table
