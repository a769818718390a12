"""Stage 1: the cold baseline, by phase."""

from __future__ import annotations

import pandas as pd

from ..._names import REFERENCE
from ._stage import Runs


def baseline_table(runs: Runs) -> pd.DataFrame:
    cold = runs.results[runs.results["arm"] == REFERENCE].groupby("phase")
    return pd.DataFrame(
        {
            "rows": cold["n_train"].mean(),
            "score": cold["score"].mean(),
            "sd": cold["score"].std(ddof=1),
            "epochs": cold["epochs"].mean(),
            "seconds": cold["seconds"].mean(),
        }
    )
