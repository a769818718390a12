"""What holds for all verdicts of a comparison: on what they rest, and how far they reach."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..._names import REFERENCE
from .._targets import RUN

_MANY_GROUPS = 10
_FEW = "With so few groups more of them are worth more than more replicates."


def notes(
    results: pd.DataFrame,
    worth_of_cold: str | None,
    rope: str | None,
    *,
    fixed: bool,
    n_groups: int | None,
    kind_of_rows: str | None = None,
    leaks: Sequence[str] = (),
) -> tuple[str, ...]:
    """Say what a reader of the verdicts has to know, each in a sentence or two."""
    cold = results[results["arm"] == REFERENCE]
    found = [
        *(f"{leak[:1].upper()}{leak[1:]}." for leak in leaks),
        worth_of_cold,
        _missing_scores(cold),
        _stream(n_groups) if fixed else _test_sets(cold, n_groups),
        rope,
        None if kind_of_rows is None else f"How far new rows drift is not measured: X is {kind_of_rows}.",
    ]
    return tuple(note for note in found if note)


def _missing_scores(cold: pd.DataFrame) -> str | None:
    missing = int(cold["score"].isna().sum())
    if not missing:
        return None
    return f"Cold has no score (NaN) in {missing} of its {len(cold)} runs: these are left out for all arms."


def _stream(n_groups: int | None) -> str:
    units = "rows" if n_groups is None else "groups of rows"
    return (
        "These verdicts hold for this stream of data only: all replicates have the same splits. The intervals "
        f"allow for other seeds and for other {units} of the same kind, not for another course of time."
    )


def _test_sets(cold: pd.DataFrame, n_groups: int | None) -> str | None:
    """The number of distinct test sets, where replicates share some; and that of groups, where they are few."""
    if "test_set" not in cold:
        return None
    n_repeats = cold["repeat"].nunique()
    distinct = int(cold.groupby(RUN[1:])["test_set"].nunique().min())
    units = "rows" if n_groups is None else f"the {n_groups} groups"
    if distinct >= n_repeats:
        return None
    return (
        f"The {n_repeats} replicates test on {distinct} different {'set' if distinct == 1 else 'sets'} of "
        f"{units}: the intervals take that into account."
        + (f" {_FEW}" if n_groups is not None and n_groups < _MANY_GROUPS else "")
    )
