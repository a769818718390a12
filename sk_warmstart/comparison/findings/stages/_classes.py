"""Recall class by class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ....statistics._holm import holm
from ....statistics._posterior import correlated_t
from ..._names import REFERENCE
from ..words._amounts import listed
from ._stage import Runs


def class_table(runs: Runs) -> pd.DataFrame:
    """The recall of each class after the last phase, and what differs from cold.

    ``differs`` says "better" or "worse" where that is shown at the rule's confidence, by Holm over the classes.
    """
    classes, arms = runs.measured["classes"], list(runs.gain.index)
    if not len(classes):
        return pd.DataFrame()
    recall = classes.groupby(["arm", "repeat", "class"])["recall"].mean()
    cold = recall.loc[REFERENCE]
    change = recall - cold.reindex(pd.MultiIndex.from_tuples([key[1:] for key in recall.index])).to_numpy()
    change = change[change.index.get_level_values("arm") != REFERENCE]
    table = pd.DataFrame()
    for name, values in (("recall", recall), ("change", change)):
        replicates = values.groupby(["arm", "class"])
        table[name] = replicates.mean()
        table[f"{name}_sd"] = replicates.std(ddof=1)
    table = table.join(_intervals(change, runs), how="left")
    table["differs"] = table["differs"].fillna("")
    return table.reindex([arm for arm in arms if arm in table.index.get_level_values("arm")], level="arm")


def read_classes(table: pd.DataFrame) -> Iterator[str]:
    """Say for which classes an arm is better or worse than cold."""
    if "differs" not in table:
        return
    for arm, rows in table.groupby(level="arm", sort=False):
        found = []
        for side, verb in (("better", "finds more of"), ("worse", "misses more of")):
            names = [str(label) for _, label in rows.index[rows["differs"] == side]]
            if names:
                found.append(f"{verb} {'class' if len(names) == 1 else 'the classes'} {listed(names)}")
        if found:
            yield f"Against cold, {arm} {' and '.join(found)}."


def _intervals(change: pd.Series, runs: Runs) -> pd.DataFrame:
    """Intervals of the changes of recall over replicates, and which of them are shown."""
    rows = {
        key: correlated_t(values.dropna(), runs.test_to_train)
        for key, values in change.groupby(["arm", "class"], sort=False)
    }
    table = pd.DataFrame(
        [(*posterior.interval(runs.rule.confidence), posterior.p_value) for posterior in rows.values()],
        index=pd.MultiIndex.from_tuples(rows, names=["arm", "class"]),
        columns=["change_low", "change_high", "differs"],
    )
    shown = table["differs"].groupby(level="arm", sort=False).transform(holm) <= 1 - runs.rule.confidence
    better = table["change_low"] > 0
    return table.assign(differs=np.where(shown, np.where(better, "better", "worse"), ""))
