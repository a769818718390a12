"""Outcome of one replicate of a comparison, and the tables of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

from ..phases._phase import Index
from .arms._arm import Option
from .fits._record import CURVE_COLUMNS
from .measures._measured import Measured


@dataclass
class FinalState:
    """An arm's estimator after the last phase, and the option that it was fitted with."""

    estimator: Any
    option: Option = field(default_factory=Option)


@dataclass
class Outcome:
    """One replicate: rows of results, of curves and of measures, and of the first one the arms' final states.

    ``held_out`` are the test rows of its last phase, ``test_to_train`` the test rows by training rows (0 where
    the splits are fixed). ``probed`` says that further fits of the last phase, if any, are complete too.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    final: dict[str, FinalState] = field(default_factory=dict)
    held_out: Index | None = None
    test_to_train: float = 0.0
    fixed: bool = False
    complete: bool = False
    probed: bool = False


def tables_of(outcomes: Sequence[Outcome]) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the results, the curves and the measures of all replicates."""
    curves = [row for outcome in outcomes for row in outcome.curves]
    measured = {
        field.name: pd.DataFrame([row for outcome in outcomes for row in getattr(outcome.measured, field.name)])
        for field in fields(Measured)
    }
    return (
        pd.DataFrame([row for outcome in outcomes for row in outcome.results]),
        pd.DataFrame(curves, columns=None if curves else CURVE_COLUMNS),
        measured,
    )
