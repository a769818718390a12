"""The stages of a comparison as tables of a page."""

from __future__ import annotations

import pandas as pd

from ..findings._content import Content
from ..findings.stages._all import STAGES
from ._table import Column, Table, cell_of, cells_of
from .displays._classes import most_changed

_MOST_CLASSES = 50


def stage_pages(findings: Content) -> list[Table]:
    """Put the stages into words, those that hold anything; of many classes only the most changed."""
    pages = []
    for stage in STAGES:
        table, note = findings.stages.get(stage.name), stage.note
        if table is None or table.empty:
            continue
        conclusion = "" if stage.conclusion is None else " ".join(stage.conclusion(table))
        if stage.name == "classes":
            table, note = _fewer_classes(table, note)
        values = [table[column].tolist() for column in table]
        keys = [str(key) for key in table.index.names]
        rows = [
            [*map(cell_of, index if isinstance(index, tuple) else (index,)), *row]
            for index, row in zip(table.index, zip(*map(cells_of, values), strict=True), strict=True)
        ]
        columns = [
            *(Column(key, left=True) for key in keys),
            *(
                Column(str(name).replace("_", " "), left=any(isinstance(value, str) for value in column))
                for name, column in zip(table.columns, values, strict=True)
            ),
        ]
        pages.append(Table(stage.name, stage.title, note, columns, rows, len(keys), conclusion))
    return pages


def _fewer_classes(table: pd.DataFrame, note: str) -> tuple[pd.DataFrame, str]:
    kept = most_changed(table, _MOST_CLASSES)
    n_classes = table.index.unique(level=1).size
    if len(kept) == n_classes:
        return table, note
    note = f"{note} Shown are the {len(kept)} of {n_classes} classes that changed the most."
    return table[table.index.isin(kept, level=1)], note
