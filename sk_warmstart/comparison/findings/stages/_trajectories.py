"""Stage 3: the way through the weights."""

from __future__ import annotations

import pandas as pd

from ._stage import RUN, Runs


def trajectory_table(runs: Runs) -> pd.DataFrame:
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
    return pd.DataFrame(columns).groupby("arm", sort=False).mean()
