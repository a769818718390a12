"""The stages of a comparison as tables of a page."""

from __future__ import annotations

import pandas as pd

from ..report._table import Column, Table, cell_of, cells_of
from ..report.displays._classes import most_changed

_MOST_CLASSES = 50

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
        "below its best. A negative flip is a test row of the phase before that was right and is wrong now. Where "
        "windows roll, the rows that test one phase train the next, and are held out no more.",
    ),
    "classes": (
        "Class by class",
        "Recall of each class in the last phase, and its change against cold in the same replicate: a gain in the "
        "mean may hide a class that is lost. sd: standard deviation over replicates.",
    ),
    "incumbent": (
        "Against the incumbent",
        "Each way to retrain against keeping the old model as it is, in the same replicate, judged as the gain "
        "over cold is. Negative flips: share of the test rows that the incumbent has right and the arm wrong; "
        "positive flips: the other way round.",
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


def stage_page(stages: dict[str, pd.DataFrame]) -> list[Table]:
    """Put the stages into words, those that hold anything.

    Parameters
    ----------
    stages : dict of str to DataFrame
        From :func:`stage_tables`.

    Returns
    -------
    list of Table
        The tables, in their order. Of many classes only the most changed are told.
    """
    pages = []
    for name, (title, note) in _TOLD.items():
        table = stages.get(name)
        if table is None or table.empty:
            continue
        if name == "classes":
            table, note = _fewer_classes(table, note)
        told = [table[column].tolist() for column in table]
        keys = [str(key) for key in table.index.names]
        rows = [
            [*map(cell_of, index if isinstance(index, tuple) else (index,)), *row]
            for index, row in zip(table.index, zip(*map(cells_of, told), strict=True), strict=True)
        ]
        columns = [
            *(Column(key, left=True) for key in keys),
            *(
                Column(str(name).replace("_", " "), left=any(isinstance(value, str) for value in values))
                for name, values in zip(table.columns, told, strict=True)
            ),
        ]
        pages.append(Table(name, title, note, columns, rows, len(keys)))
    return pages


def _fewer_classes(table: pd.DataFrame, note: str) -> tuple[pd.DataFrame, str]:
    shown = most_changed(table, _MOST_CLASSES)
    n_classes = table.index.unique(level=1).size
    if len(shown) == n_classes:
        return table, note
    note = f"{note} Shown are the {len(shown)} of {n_classes} classes that changed the most."
    return table[table.index.isin(shown, level=1)], note
