"""Tables, sentences and settings of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pandas as pd
from pandas.api.types import is_numeric_dtype

from ...statistics._decision import DecisionRule

# What the reports read of each table.
_COLUMNS = {
    "gain": (
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
        *("speedup", "speedup_low", "speedup_high", "reached", "reached_by_cold", "seconds", "verdict", "cost"),
        *("p_adjusted", "worst_gain", "p_value", "p_holm", "corrected_t_low", "corrected_t_high"),
        *(
            "p_improvement",
            "p_improvement_low",
            "p_improvement_high",
            "bootstrap_low",
            "bootstrap_high",
            "p_phases",
        ),
    ),
    "results": ("repeat", "phase", "arm", "n_train", "n_test", "score", "start_score", "seconds", "samples"),
    "curves": ("repeat", "phase", "arm", "epoch", "samples"),
}
_TEXTS = {"arm", "verdict", "cost"}  # all others are numbers


class Sentence(NamedTuple):
    """What is said of an arm: the opening names the arm and its verdict, the rest says why."""

    arm: str
    verdict: str
    opening: str
    rest: str = ""

    @property
    def text(self) -> str:
        """The whole sentence."""
        return self.opening + self.rest


@dataclass(frozen=True, eq=False)
class Content:
    """All that the reports of a comparison are made from."""

    results: pd.DataFrame
    curves: pd.DataFrame
    gain: pd.DataFrame
    stages: Mapping[str, pd.DataFrame]
    sentences: tuple[Sentence, ...]
    notes: tuple[str, ...]
    advice: str | None
    interrupted: str | None
    best_arm: str | None
    reference: str
    score: str
    rule: DecisionRule
    n_repeats: int
    fixed_splits: bool
    test_to_train: float
    settings: Mapping[str, str | int | float | bool | None]
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, columns in _COLUMNS.items():
            _check_columns(name, getattr(self, name), columns)
        classes = self.stages.get("classes", pd.DataFrame())
        if not classes.empty:
            _check_columns("classes", classes, ("change", "change_sd"))
            if classes.index.nlevels != 2:
                raise ValueError("the table 'classes' must have the keys arm and class")
        if self.reference not in self.gain.index:
            raise ValueError(f"the table 'gain' has no row for the reference {self.reference!r}")

    @property
    def arms(self) -> list[str]:
        """Names of the arms, in the order of the gain table."""
        return [str(arm) for arm in self.gain.index]


def _check_columns(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Raise where a column that reports read is missing, or holds what it must not."""
    for column in columns:
        if column not in table:
            raise ValueError(f"the table {name!r} has no column {column!r}")
        texts = column in _TEXTS
        if texts and not all(isinstance(value, str) for value in table[column]):
            raise ValueError(f"the column {column!r} of the table {name!r} does not hold texts only")
        if not texts and len(table) and not is_numeric_dtype(table[column]):
            raise ValueError(f"the column {column!r} of the table {name!r} holds no numbers")


class Compared(Protocol):
    """A fitted comparator, as far as reports need it."""

    findings_: Content


def findings_of(comparator: Compared) -> Content:
    """Return what a comparator found, or raise scikit-learn's error where it is not fitted."""
    findings = getattr(comparator, "findings_", None)
    if findings is None:
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"This {type(comparator).__name__} has no results yet: call 'fit' first.")
    return findings
