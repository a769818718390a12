"""What a phase brings: its share of new rows, and how far these have drifted from the old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ....diagnostics import population_stability
from ..._rows import take
from ...phases._phase import Index, Phase

_NAN = float("nan")
_MOST_ROWS = 2_000
_MOST_COLUMNS = 100


def conditions_of_phase(X: Any, phases: Sequence[Phase], phase: int, place: dict[str, Any]) -> dict[str, Any]:
    """Return the share of the phase's training rows that are new in the stream, and their drift."""
    new, _ = blocks_of_phase(phases, phase)
    drift = drift_between(X, phases[phase - 2].train, new)
    return {**place, "new_share": len(new) / len(phases[phase - 1].train), "drift": drift}


def blocks_of_phase(phases: Sequence[Phase], phase: int) -> tuple[Index, Index]:
    """Return which training rows of a phase train for the first time, and which did before."""
    train = phases[phase - 1].train
    known = np.isin(train, np.concatenate([earlier.train for earlier in phases[: phase - 1]]))
    return train[~known], train[known]


def drift_between(X: Any, old: Index, new: Index) -> float:
    """Return the mean population stability index of the numeric columns, less what it is without drift.

    NaN where rows are no table of finite numbers, or fewer than ten. Of many rows and columns some count, evenly
    spaced.
    """
    try:
        table = _numbers(take(X, np.r_[thinned(old), thinned(new)]))
        cut = len(thinned(old))
        found = population_stability(table[:cut], table[cut:])
    except (TypeError, ValueError):
        return _NAN
    excess = found.value - found.expected
    return float(np.nanmean(excess)) if np.isfinite(excess).any() else _NAN


def thinned(rows: Index, most: int = _MOST_ROWS) -> Index:
    """Return some of the rows, evenly spaced."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def _numbers(rows: Any) -> Any:
    """Return the numeric columns that are finite throughout; sparse rows stay sparse."""
    if sparse.issparse(rows):
        return rows.tocsr()[:, thinned(np.arange(rows.shape[1]), _MOST_COLUMNS)]
    if isinstance(rows, pd.DataFrame):
        rows = rows.select_dtypes("number")
    table = np.asarray(rows)
    table = table.reshape(len(table), -1)
    table = table[:, thinned(np.arange(table.shape[1]), _MOST_COLUMNS)].astype(float)
    return table[:, np.isfinite(table).all(axis=0)]
