"""Outcome of one replicate of a comparison, and the tables of all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from .._row_scores import RowScores
from ..phases._phase import Index
from .arms._arm import Option
from .fits._record import CURVE_COLUMNS
from .measures._measured import Measured


@dataclass
class FinalState:
    """An arm's estimator after the last phase, the option that it was fitted with, and the rows of that phase."""

    estimator: Any
    option: Option = field(default_factory=Option)
    rows: Index = field(default_factory=lambda: np.array([], dtype=int))


@dataclass
class Outcome:
    """One replicate: rows of results, of curves and of measures, and of the first one the arms' final states.

    ``row_scores`` say what each test row adds to the score of each run. ``held_out`` are the test rows of its last
    phase, ``test_to_train`` the test rows by training rows (0 where the splits are fixed), of a replicate or,
    where ``folds`` is true, of each of its streams. ``probed`` says that further fits of the last phase, if any,
    are complete too.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    row_scores: list[RowScores] = field(default_factory=list)
    final: dict[str, FinalState] = field(default_factory=dict)
    held_out: Index | None = None
    test_to_train: float = 0.0
    fixed: bool = False
    folds: bool = False
    complete: bool = False
    probed: bool = False


def digest_of_rows(rows: Index) -> str:
    """Return what is equal for equal sets of rows."""
    return hashlib.blake2b(np.sort(rows).astype(np.int64).tobytes(), digest_size=16).hexdigest()


def tables_of(outcomes: Sequence[Outcome]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the results, the curves and the measures of all replicates."""
    curves = [row for outcome in outcomes for row in outcome.curves]
    measured = {
        field.name: pd.DataFrame([row for outcome in outcomes for row in getattr(outcome.measured, field.name)])
        for field in fields(Measured)
    }
    results = pd.DataFrame([row for outcome in outcomes for row in outcome.results])
    return (
        results.assign(test_set=pd.factorize(results["test_set"])[0]),
        pd.DataFrame(curves, columns=None if curves else CURVE_COLUMNS),
        measured,
    )
