"""Stage 2: every arm by phase, at the end and after a part of the budget."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..._names import REFERENCE
from ._stage import RUN, Runs

_BUDGETS = (0.25, 0.5, 1.0)  # of the epochs that cold took


def budget_table(runs: Runs) -> pd.DataFrame:
    """Scores at the end, and validation scores after a part of the epochs that cold took."""
    results, curves = runs.results, runs.curves
    by_phase = results.groupby(["arm", "phase"], sort=False)
    table = pd.DataFrame(
        {
            "score": by_phase["score"].mean(),
            "sd": by_phase["score"].std(ddof=1),
            "start": by_phase["start_score"].mean(),
        }
    )
    if curves.empty or curves["valid_score"].isna().all():
        return table
    keys = ["repeat", "stream", "phase"]
    cold = results.loc[results["arm"] == REFERENCE, [*keys, "epochs"]].rename(columns={"epochs": "budget"})
    scored = curves[[*RUN, "epoch", "valid_score"]].merge(cold, on=keys)
    for share in _BUDGETS:
        # A run that stopped before keeps what it had by then.
        within = scored[scored["epoch"] <= np.ceil(share * scored["budget"])]
        last = within.sort_values("epoch").groupby(RUN, sort=False)["valid_score"].last()
        table[f"valid at {share:.0%}"] = last.groupby(["arm", "phase"], sort=False).mean()
    return table
