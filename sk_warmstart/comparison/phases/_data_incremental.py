"""More of the same data, phase by phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._parameters import check_integer, check_number
from ._drawn_phases import DrawnPhases
from ._draws import evenly_by_class, fold, group_by_group, group_codes, hold_out_groups
from ._phase import Index, Phase, Plan, Replicate


class DataIncremental(DrawnPhases):
    """Data that grow: every phase knows the rows of the one before and as many new ones.

    Replicates test disjoint folds of the rows, as many as there are, then folds of another order; the order in
    which the others arrive is each replicate's own. With labels, test rows and phases hold the classes in equal
    shares, and every class occurs in the first phase. With groups, a group tests or trains as a whole and
    arrives in one phase; each replicate draws the groups that test, and fewer than ten take turns. Shares and
    sizes are then as equal as the groups allow.

    Parameters
    ----------
    n_phases : int, default=5
        Number of phases; the first is the base fit, the others are retraining events.
    test_size : float, default=0.25
        Share of the rows that judge all phases.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.comparison import DataIncremental
    >>> plan = DataIncremental(n_phases=3).plan(np.zeros((40, 1)), None, np.random.default_rng(0))
    >>> [len(phase.train) for phase in plan.streams[0]]
    [10, 20, 30]
    """

    def __init__(self, n_phases: int = 5, test_size: float = 0.25):
        self.n_phases = n_phases
        self.test_size = test_size

    def _draw(
        self,
        n: int,
        labels: NDArray | None,
        rng: np.random.Generator,
        groups: Any,
        replicate: Replicate | None,
    ) -> Plan:
        check_integer("n_phases", self.n_phases, 2)
        check_number("test_size", self.test_size, 0, 1, exclude="low, high")
        n_train = n - int(np.ceil(self.test_size * n))
        n_classes = 1 if labels is None else len(np.unique(labels))
        if n_train < self.n_phases * max(2, n_classes):
            raise ValueError(
                f"{self.n_phases} phases are too many for {n} rows: {max(n_train, 0)} of them train, and "
                f"each phase needs at least {max(2, n_classes)} new ones. Ask for fewer phases, "
                "or give more rows"
            )
        replicate = replicate or Replicate.alone(rng)
        if groups is None:
            order, ends, test = self._by_row(n, labels, rng, replicate)
        else:
            order, ends, test = self._by_group(n, labels, groups, rng, replicate)
        return Plan([[Phase(order[:end], test) for end in ends]], fixed=False)

    def _by_row(
        self, n: int, labels: NDArray | None, rng: np.random.Generator, replicate: Replicate
    ) -> tuple[Index, list[int], Index]:
        test = fold(n, int(np.ceil(self.test_size * n)), labels, replicate)
        train = np.setdiff1d(np.arange(n), test)
        order = train[evenly_by_class(None if labels is None else labels[train], len(train), rng)]
        ends = np.linspace(0, len(order), self.n_phases + 1).round().astype(int)[1:]
        return order, ends.tolist(), test

    def _by_group(
        self, n: int, labels: NDArray | None, groups: Any, rng: np.random.Generator, replicate: Replicate
    ) -> tuple[Index, list[int], Index]:
        codes = group_codes(groups, n)
        n_groups = int(codes.max()) + 1
        if n_groups <= self.n_phases:
            raise ValueError(
                f"{self.n_phases} phases are too many for {n_groups} groups: each phase needs a new one, and "
                "the test rows need one of their own. Ask for fewer phases"
            )
        train, test = hold_out_groups(codes, labels, self.test_size, self.n_phases, replicate)
        order, ends = group_by_group(codes[train], None if labels is None else labels[train], self.n_phases, rng)
        return train[order], ends, test
