"""Stage 6: what training cost."""

from __future__ import annotations

import pandas as pd

from ..._names import INCUMBENT
from ._stage import Runs


def cost_table(runs: Runs) -> pd.DataFrame:
    checkpoints = runs.measured["checkpoints"]
    by_arm = runs.results[runs.results["arm"] != INCUMBENT].groupby("arm", sort=False)
    table = pd.DataFrame(
        {
            "seconds": by_arm["seconds"].mean(),
            "epochs": by_arm["epochs"].mean(),
            "samples": by_arm["samples"].mean(),
            "epochs to target": by_arm["epochs_to_target"].mean(),
            "samples to target": by_arm["samples_to_target"].mean(),
            "reached": by_arm["reached"].mean(),
        }
    )
    memory = by_arm["memory"].mean()
    if memory.notna().any():  # a pack's is no single fit's
        table["peak memory, MB"] = memory
    if len(checkpoints):
        kept = checkpoints.groupby("arm", sort=False)
        table["checkpoint, kB"] = kept["bytes"].mean() / 1e3
        table["checkpoint, seconds"] = kept["seconds"].mean()
    return table
