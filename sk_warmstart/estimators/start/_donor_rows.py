"""Rows that trained a donor."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from ...state._sources import layers_of
from ..input._columns import as_frame
from ..input._identity import recognise
from ._donors import donor_in


def share_of_donor(source: Any, X: Any) -> float:
    """Return the share of rows that trained what ``warm_start_from`` takes, or its ancestors; 0 if unknown.

    A Pipeline's rows go through its own steps first.
    """
    for layer in layers_of(source):
        if isinstance(layer, Pipeline) and len(layer) > 1:
            X = layer[:-1].transform(X)
    donor = donor_in(source)
    X = as_frame(X)
    names = getattr(X, "columns", None)
    columns = tuple(names) if names is not None and all(isinstance(name, str) for name in names) else None
    try:
        rows = recognise(X if issparse(X) else np.asarray(X, dtype=float), columns, donor.memory.columns)
    except (TypeError, ValueError):  # text, which no network was trained on
        return 0.0
    return donor.memory.share_of(rows.ids[0]) if rows.ids else 0.0
