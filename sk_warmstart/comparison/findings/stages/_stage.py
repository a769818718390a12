"""A stage of the method: how its table is made from the runs, what it is called, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from ....statistics._decision import DecisionRule
from .._rows import RowTable

RUN = ["repeat", "stream", "phase", "arm"]


@dataclass(frozen=True)
class Runs:
    """All runs of a comparison, what was measured of them, and how they are judged."""

    results: pd.DataFrame
    curves: pd.DataFrame
    measured: Mapping[str, pd.DataFrame]
    gain: pd.DataFrame
    test_to_train: float
    rule: DecisionRule
    rows: RowTable | None = None  # None where no scores of single rows were kept


@dataclass(frozen=True)
class Stage:
    """A stage: how its table is made, what it is called and how it is read."""

    name: str
    title: str
    note: str
    table: Callable[[Runs], pd.DataFrame]
    by_arm: bool = False
