"""The stages of a comparison as tables of a page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

_TOLD = {
    "baseline": (
        "Cold, phase by phase",
        "What a fresh draw reaches: the reference of what follows.",
    ),
    "runs": (
        "Every arm, phase by phase",
        "Test scores at the end, scores before the first step, and validation scores after a part of the epochs "
        "that cold took.",
    ),
    "trajectories": (
        "The way through the weights",
        "Means over runs. Distances are Euclidean, over all parameters: from the start of the fit, and from the "
        "weights that the lineage first began with.",
    ),
    "consistency": (
        "Spread over replicates",
        "Of the mean score over phases. A spread below half of cold's is marked: starts that all end in one place "
        "may have stopped exploring.",
    ),
    "updates": (
        "What new data did to what was known",
        "Backward transfer is how later phases changed the score on earlier test rows; forgetting how far it fell "
        "below its best. A negative flip is a test row of the phase before that was right and is wrong now.",
    ),
    "cost": (
        "Cost",
        "Means a fit; samples include those that making the start took. In a pack, seconds are a fit's share. "
        "Epochs and samples to the target are of the runs that reached it.",
    ),
    "perturbation": (
        "Under noise on the weights",
        "How much the last phase's test score falls when every tensor gets noise of this size, relative to its "
        "root mean square: flat minima lose little.",
    ),
}


@dataclass(frozen=True)
class StageTable:
    """A table of the page, all cells in words.

    Parameters
    ----------
    name, title, note : str
        What it is, what it is called, and how to read it.
    header : list of str
        Titles of the columns; those of the index first.
    rows : list of list of str
        The cells.
    n_keys : int
        How many of the columns say what a row is about.
    """

    name: str
    title: str
    note: str
    header: list[str]
    rows: list[list[str]]
    n_keys: int


def stage_page(stages: dict[str, pd.DataFrame]) -> list[StageTable]:
    """Put the stages into words, those that hold anything.

    Parameters
    ----------
    stages : dict of str to DataFrame
        From :func:`stage_tables`.

    Returns
    -------
    list of StageTable
        The tables, in their order.
    """
    pages = []
    for name, (title, note) in _TOLD.items():
        table = stages.get(name)
        if table is None or table.empty:
            continue
        keys = [str(key) for key in table.index.names]
        rows = [
            [*map(_cell, index if isinstance(index, tuple) else (index,)), *map(_cell, row)]
            for index, row in zip(table.index, table.itertuples(index=False), strict=True)
        ]
        pages.append(StageTable(name, title, note, [*keys, *map(str, table.columns)], rows, len(keys)))
    return pages


def _cell(value: Any) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else ""
    if isinstance(value, str):
        return value
    number = float(value)
    if not math.isfinite(number):
        return "\N{EN DASH}"
    if number == int(number) and abs(number) < 1e9:
        return f"{int(number):,}"
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")
