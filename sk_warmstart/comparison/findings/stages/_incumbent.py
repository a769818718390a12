"""Every arm against the model in use."""

from __future__ import annotations

import pandas as pd

from ..._names import INCUMBENT
from .._gain import gain_posterior
from ._stage import Runs


def incumbent_table(runs: Runs) -> pd.DataFrame:
    """Every arm against the model in use: gain, verdict, and rates of flipped predictions."""
    results, challenges = runs.results, runs.measured["challenges"]
    posteriors = {
        arm: gain_posterior(results, runs.rows, arm, INCUMBENT)
        for arm in dict.fromkeys(results["arm"])
        if arm != INCUMBENT and results.loc[results["arm"] == arm, "error"].eq("").all()
    }
    rows = {}
    for arm, judged in runs.rule.judge(posteriors).items():
        low, high = posteriors[arm].interval(runs.rule.confidence)
        rows[arm] = {
            "gain": posteriors[arm].mean,
            "gain_low": low,
            "gain_high": high,
            "verdict": judged.verdict,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
    if len(challenges):
        flips = challenges.groupby("arm", sort=False)[["negative_flips", "positive_flips"]].mean()
        table = table.join(flips)
    return table
