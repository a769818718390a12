"""Stage 4: spread of the scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..._names import REFERENCE
from ._stage import Runs

_NARROW = 0.5  # a spread this much below cold's is worth a look


def consistency_table(runs: Runs) -> pd.DataFrame:
    """The spread over replicates of the score, phases averaged first."""
    means = runs.results.groupby(["arm", "repeat"], sort=False)["score"].mean()
    spread = means.groupby("arm", sort=False).std(ddof=1)
    ratio = spread / spread.get(REFERENCE, np.nan)
    return pd.DataFrame(
        {
            "sd": spread,
            "ratio to cold": ratio,
            "lowest": means.groupby("arm", sort=False).min(),
            "highest": means.groupby("arm", sort=False).max(),
            "over-concentrated": ratio < _NARROW,
        }
    )
