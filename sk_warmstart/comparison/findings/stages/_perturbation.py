"""Stage 7: scores under noise on the weights."""

from __future__ import annotations

import pandas as pd

from ._stage import Runs


def perturbation_table(runs: Runs) -> pd.DataFrame:
    noise = runs.measured["noise"]
    if not len(noise):
        return pd.DataFrame()
    drops = noise.assign(drop=noise["plain"] - noise["score"])
    table = drops.pivot_table(index="arm", columns="noise", values="drop")
    table.columns = [f"loss of score at {size:.0%} noise" for size in table.columns]
    return table
