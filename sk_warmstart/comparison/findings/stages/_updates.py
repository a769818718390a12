"""Stage 5: what new data did to what had been learned."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ....statistics._transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)
from ._stage import Runs


def update_table(runs: Runs) -> pd.DataFrame:
    """Forgetting, transfer and flips of predictions."""
    transfer, flips = runs.measured["transfer"], runs.measured["flips"]
    tables = []
    if len(transfer):
        lineage = ["repeat", "stream"]
        untrained = dict(list(transfer[transfer["phase"] == 0].groupby(lineage)))
        scores = {key: run.sort_values("phase")["score"] for key, run in runs.results.groupby(["arm", *lineage])}
        by_run = transfer[transfer["phase"] > 0].groupby(["arm", *lineage], sort=False)
        rows = [
            {"arm": key[0], **_transfer(run, untrained.get(key[1:]), scores[key])}
            for key, run in by_run
            if key in scores
        ]
        tables.append(pd.DataFrame(rows).groupby("arm", sort=False).mean())
    if len(flips):
        names = {
            "negative_flips": "negative flips",
            "positive_flips": "positive flips",
            "retained": "retained accuracy",
        }
        tables.append(flips.groupby("arm", sort=False)[list(names)].mean().rename(columns=names))
    return pd.concat(tables, axis=1).dropna(axis=1, how="all") if tables else pd.DataFrame()


def _transfer(run: pd.DataFrame, untrained: pd.DataFrame | None, scores: pd.Series) -> dict[str, float]:
    """The measures of one lineage, from its scores after each phase on what each phase brought to be judged by.

    ``scores`` are those on all test rows of the second phase and each later one.
    """
    matrix = run.pivot_table(index="phase", columns="on_phase", values="score", dropna=False).to_numpy()
    if len(matrix) != matrix.shape[1] or len(matrix) < 2:
        return {}
    measures = {
        "average accuracy": average_accuracy(matrix),
        "average incremental accuracy": average_incremental_accuracy([matrix[0, 0], *scores]),
        "backward transfer": backward_transfer(matrix),
        "forgetting": forgetting(matrix),
    }
    if untrained is not None and not np.isnan(np.diagonal(matrix, 1)).any():
        baseline = untrained.sort_values("on_phase")["score"].to_numpy()
        measures["forward transfer"] = forward_transfer(matrix, baseline)
    return measures
