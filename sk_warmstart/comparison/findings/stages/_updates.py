"""Stage 5: what new data did to what had been learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ....statistics._transfer import (
    average_accuracy,
    average_incremental_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
)
from ..._names import REFERENCE
from ._stage import RUN, Runs, interval_over_replicates, less_cold

_FLIPS = {"negative_flips": "negative flips", "positive_flips": "positive flips", "retained": "retained accuracy"}
_PARTS = {"old": "old rows", "new": "new rows"}
_RECENT = "newest less older block"


def update_table(runs: Runs) -> pd.DataFrame:
    """Scores on old and new rows apart, transfer and forgetting where rows differ, and flips of predictions."""
    transfer, flips = runs.measured["transfer"], runs.measured["flips"]
    tables = [_parts_table(runs)]
    if len(transfer):
        tables.append(_transfer_table(transfer, runs.results))
    if len(flips):
        tables.append(flips.groupby("arm", sort=False)[list(_FLIPS)].mean().rename(columns=_FLIPS))
    return pd.concat(tables, axis=1).dropna(axis=1, how="all").rename_axis("arm")


def read_updates(table: pd.DataFrame) -> Iterator[str]:
    """Say which arms differ from cold on old and on new rows, and which fit the newest rows best."""
    if any(f"gain on {part}" in table for part in _PARTS.values()):
        found = {arm: _sides(row) for arm, row in table.iterrows()}
        for arm, sides in found.items():
            if sides:
                yield f"Against cold, {arm} {' and '.join(sides)}."
        if not any(found.values()):
            yield "No arm is shown to differ from cold on old rows or on new ones."
    name = f"{_RECENT}, less cold's"
    if f"{name}, low" in table:
        for arm, row in table[table[f"{name}, low"] > 0].iterrows():
            yield (
                f"{arm} fits the newest training rows better than the older ones by {row[name]:.3g} "
                f"[{row[f'{name}, low']:.3g}, {row[f'{name}, high']:.3g}] more than cold does."
            )


def _sides(row: pd.Series) -> list[str]:
    """Say on which part an arm differs from cold."""
    found = []
    for part in _PARTS.values():
        mean, low, high = row.reindex([f"gain on {part}", f"gain on {part}, low", f"gain on {part}, high"])
        if low > 0 or high < 0:
            verb = "gains" if low > 0 else "loses"
            low, high = (low, high) if low > 0 else (-high, -low)
            found.append(f"{verb} {abs(mean):.3g} [{low:.3g}, {high:.3g}] on {part}")
    return found


def _parts_table(runs: Runs) -> pd.DataFrame:
    """Scores on old and new rows and on training blocks, and what of these differs from cold."""
    parts = runs.measured["parts"]
    if not len(parts):
        return pd.DataFrame()
    by_run = parts.set_index(RUN)
    columns = {f"score on {words}": by_run[part] for part, words in _PARTS.items()}
    apart = by_run["old"].notna()
    columns["old rows that trained"] = by_run["old_trained"].where(apart)
    recent = by_run["newest"] - by_run["older"]
    columns[_RECENT] = recent
    table = pd.DataFrame(columns).groupby("arm", sort=False).mean()
    compared = {f"gain on {words}": by_run[part] for part, words in _PARTS.items()}
    compared[f"{_RECENT}, less cold's"] = recent
    for arm in table.index:
        for name, values in compared.items():
            gains = less_cold(values, str(arm)) if arm != REFERENCE else values.iloc[:0]
            found = interval_over_replicates(gains, runs.rule.confidence, runs.test_to_train)
            table.loc[arm, [name, f"{name}, low", f"{name}, high"]] = found
    return table


def _transfer_table(transfer: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The measures of all lineages, averaged by arm."""
    lineage = ["repeat", "stream"]
    untrained = dict(list(transfer[transfer["phase"] == 0].groupby(lineage)))
    scores = {key: run.sort_values("phase")["score"] for key, run in results.groupby(["arm", *lineage])}
    by_run = transfer[transfer["phase"] > 0].groupby(["arm", *lineage], sort=False)
    rows = [
        {"arm": key[0], **_transfer(run, untrained.get(key[1:]), scores[key])}
        for key, run in by_run
        if key in scores
    ]
    return pd.DataFrame(rows).groupby("arm", sort=False).mean()


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
