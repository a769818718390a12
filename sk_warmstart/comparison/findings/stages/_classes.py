"""Recall class by class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..._names import REFERENCE
from ._stage import Runs


def class_table(runs: Runs) -> pd.DataFrame:
    """The recall of each class after the last phase, and what differs from cold."""
    classes, arms = runs.measured["classes"], list(runs.gain.index)
    if not len(classes):
        return pd.DataFrame()
    recall = classes.groupby(["arm", "repeat", "class"])["recall"].mean()
    cold = recall.loc[REFERENCE]
    change = recall - cold.reindex(pd.MultiIndex.from_tuples([key[1:] for key in recall.index])).to_numpy()
    table = pd.DataFrame()
    for name, values in (("recall", recall), ("change", change)):
        replicates = values.groupby(["arm", "class"])
        table[name], table[f"{name}_sd"] = replicates.mean(), replicates.std(ddof=1)
    table.loc[table.index.get_level_values("arm") == REFERENCE, ["change", "change_sd"]] = np.nan
    return table.reindex([arm for arm in arms if arm in table.index.get_level_values("arm")], level="arm")
