"""A stage of the method: how its table is made from the runs, what it is called, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ....statistics._decision import DecisionRule
from ....statistics._posterior import correlated_t
from ..._names import REFERENCE
from .._rows import RowTable

RUN = ["repeat", "stream", "phase", "arm"]


@dataclass(frozen=True)
class Runs:
    """All runs of a comparison, what was measured of them, and how they are judged.

    ``target`` is the user's validation score whose reaching is timed, if there is one.
    """

    results: pd.DataFrame
    curves: pd.DataFrame
    measured: Mapping[str, pd.DataFrame]
    gain: pd.DataFrame
    test_to_train: float
    rule: DecisionRule
    rows: RowTable | None = None
    target: float | None = None


@dataclass(frozen=True)
class Stage:
    """A stage: how its table is made, what it is called and how it is read.

    ``conclusion`` reads sentences off the table.
    """

    name: str
    title: str
    note: str
    table: Callable[[Runs], pd.DataFrame]
    by_arm: bool = False
    conclusion: Callable[[pd.DataFrame], Iterable[str]] | None = None


def less_cold(values: pd.Series, arm: str) -> pd.Series:
    """Return what differs from cold, run by run; values are indexed by run, an arm's without its name."""
    if not {arm, REFERENCE} <= set(values.index.unique("arm")):
        return values.iloc[:0].droplevel("arm")
    return (values.xs(arm, level="arm") - values.xs(REFERENCE, level="arm")).dropna()


def interval_over_replicates(
    values: pd.Series, confidence: float, test_to_train: float = 0.0
) -> tuple[float, float, float]:
    """Return the mean of what runs show and its interval; the runs of a replicate are averaged first."""
    if not len(values):
        return np.nan, np.nan, np.nan
    posterior = correlated_t(values.groupby(level="repeat").mean(), test_to_train)
    return (posterior.mean, *posterior.interval(confidence))
