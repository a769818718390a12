"""Stage 6: what training cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..._names import INCUMBENT, REFERENCE
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
    for column, values in _of_the_machine(runs.results[runs.results["arm"] != INCUMBENT]).items():
        table[column] = values
    if "speedup" in runs.gain:
        # To the target in fewer samples: cold's seconds in proportion.
        speedup = runs.gain["speedup"].reindex(table.index)
        table["seconds saved"] = table["seconds"].get(REFERENCE, np.nan) * (1 - 1 / speedup)
    if len(checkpoints):
        kept = checkpoints.groupby("arm", sort=False)
        table["checkpoint, kB"] = kept["bytes"].mean() / 1e3
        saving, loading = kept["seconds"].mean(), kept["loading_seconds"].mean()
        table["checkpoint, saving seconds"], table["checkpoint, loading seconds"] = saving, loading
        if "seconds saved" in table:
            table["checkpoint by saved"] = ((saving + loading) / table["seconds saved"]).where(
                table["seconds saved"] > 0
            )
    return table


def _of_the_machine(results: pd.DataFrame) -> dict[str, pd.Series]:
    """How busy the machine was, and how much memory an arm took; left out where it is not known of the arms."""
    found = {}
    by_arm = results.groupby("arm", sort=False)
    if "process_seconds" in results:
        timed = results[results["process_seconds"].notna() & (results["seconds"] > 0)].groupby("arm", sort=False)
        found["processors busy"] = timed["process_seconds"].sum() / timed["seconds"].sum()
    if "gpu_utilisation" in results:
        found["GPU busy"] = by_arm["gpu_utilisation"].mean()
    if results.loc[results["error"].eq("") if "error" in results else slice(None), "memory"].notna().all():
        memory = by_arm["memory"].mean()
        if (memory > 0).all():  # else it was there already: the peak is no arm's
            found["peak memory, MB"] = memory
    return {column: values for column, values in found.items() if values.notna().any()}
