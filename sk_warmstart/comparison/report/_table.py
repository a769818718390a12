"""A table as every kind of report takes it: words to read, and full-precision values to sort by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._numbers import decimals_for, fixed, general


@dataclass(frozen=True)
class Cell:
    """One cell: what is read, what it is sorted by (None is the text itself), and a second line."""

    text: str
    value: float | str | None = None
    small: str = ""

    @property
    def line(self) -> str:
        """All that is read, on one line."""
        joint = " " if self.small.startswith("[") else "; "
        return f"{self.text}{joint}{self.small}" if self.small else self.text

    @property
    def key(self) -> str:
        """The value as JavaScript reads it; a missing one is empty, and sorted last."""
        if self.value is None or isinstance(self.value, str):
            return self.text if self.value is None else self.value
        if math.isnan(self.value):
            return ""
        return repr(float(self.value)).replace("inf", "Infinity")


@dataclass(frozen=True)
class Column:
    """A column's title, what is written small below it, what it shares with its neighbours, and its side."""

    title: str
    small: str = ""
    group: str = ""
    left: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the report, what it comes to, and how it is read.

    The first ``n_keys`` columns say what a row is about.
    """

    name: str
    title: str
    note: str
    columns: list[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    n_keys: int = 1
    conclusion: str = ""

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Title and width of every run of columns that share one; empty where no columns do."""
        runs: list[tuple[str, int]] = []
        for column in self.columns:
            if runs and runs[-1][0] == column.group:
                runs[-1] = (column.group, runs[-1][1] + 1)
            else:
                runs.append((column.group, 1))
        return runs if any(group for group, _ in runs) else []


def cells_of(values: Sequence[Any]) -> list[Cell]:
    """Put the values of a column into cells; its numbers have equally many digits after the point."""
    cells = [cell_of(value) for value in values]
    numbers = [cell.value for cell in cells if isinstance(cell.value, float) and math.isfinite(cell.value)]
    if all(number == int(number) for number in numbers):
        return cells
    decimals = decimals_for(numbers)
    return [
        Cell(fixed(cell.value, decimals), cell.value) if isinstance(cell.value, float) else cell for cell in cells
    ]


def cell_of(value: Any) -> Cell:
    """Put any value of a DataFrame into a cell."""
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "")
    if isinstance(value, str):
        return Cell(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return Cell(str(value))
    return Cell(general(number), number)
