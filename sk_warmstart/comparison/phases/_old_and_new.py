"""An old table and a new one: a model made on the first, retrained as rows of the second arrive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._parameters import check_flag, check_integer, check_number
from ._drawn_phases import DrawnPhases
from ._draws import evenly_by_class, fold, group_by_group, group_codes, hold_out_groups
from ._phase import Index, Phase, Plan, Replicate


class OldAndNew(DrawnPhases):
    """Old rows that a model was made on, and new ones that it is retrained with and judged by.

    The first phase trains on the old rows, every other on more of the new ones. Replicates test disjoint folds
    of the new rows, as many as there are, then folds of another order; each draws the order in which the others
    arrive.

    Parameters
    ----------
    n_old : int
        Number of old rows, which come first.
    n_phases : int, default=2
        Number of phases; the first is the base fit on the old rows, the others are retraining events.
    test_size : float, default=0.25
        Share of the new rows that judge all phases.
    keep_old : bool, default=True
        Whether a retraining trains on the old rows too, or on the new ones only, as fine-tuning does.

    See Also
    --------
    DataIncremental : Data that grow, without a beginning of their own.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.comparison import OldAndNew
    >>> plan = OldAndNew(n_old=100, n_phases=3).plan(np.zeros((140, 1)), None, np.random.default_rng(0))
    >>> [(len(phase.train), len(phase.test)) for phase in plan.streams[0]]
    [(100, 10), (115, 10), (130, 10)]
    """

    def __init__(self, n_old: int, n_phases: int = 2, test_size: float = 0.25, keep_old: bool = True):
        self.n_old = n_old
        self.n_phases = n_phases
        self.test_size = test_size
        self.keep_old = keep_old

    def _draw(
        self,
        n: int,
        labels: NDArray | None,
        rng: np.random.Generator,
        groups: Any,
        replicate: Replicate | None,
    ) -> Plan:
        n_old = check_integer("n_old", self.n_old, 1)
        n_phases = check_integer("n_phases", self.n_phases, 2)
        share = check_number("test_size", self.test_size, 0, 1, exclude="low, high")
        check_flag("keep_old", self.keep_old)
        new = np.arange(n_old, n)
        n_test = round(share * len(new))
        if n_test < 1 or len(new) - n_test < n_phases - 1:
            raise ValueError(
                f"{max(0, n - n_old)} new rows are too few for {n_phases} phases: {n_phases - 1} at least have to "
                "train, and one to test"
            )
        own = None if labels is None else labels[n_old:]
        replicate = replicate or Replicate.alone(rng)
        if groups is None:
            held = fold(len(new), n_test, own, replicate)
            left = np.setdiff1d(np.arange(len(new)), held)
            order = left[evenly_by_class(None if own is None else own[left], len(left), rng)]
            test, rest = new[held], new[order]
            ends = np.linspace(0, len(rest), n_phases).round().astype(int)[1:].tolist()
        else:
            test, rest, ends = _by_group(group_codes(groups, n), n_old, own, n_phases, share, rng, replicate)
        old = np.arange(n_old)
        trains = [np.r_[old, rest[:end]] if self.keep_old else rest[:end] for end in ends]
        return Plan([[Phase(old, test), *(Phase(train, test) for train in trains)]], fixed=False, always=old)


def _by_group(
    codes: Index,
    n_old: int,
    labels: NDArray | None,
    n_phases: int,
    share: float,
    rng: np.random.Generator,
    replicate: Replicate,
) -> tuple[Index, Index, list[int]]:
    """Draw test rows and the order of the others, whole groups at a time."""
    shared = np.intersect1d(codes[:n_old], codes[n_old:])
    if len(shared):
        raise ValueError(
            f"{len(shared)} groups have old rows and new ones, so that the model knows what would judge it: leave "
            "the groups out, or tell the old ones apart"
        )
    mine = np.unique(codes[n_old:], return_inverse=True)[1]
    if mine.max() < n_phases - 1:
        raise ValueError(f"{mine.max() + 1} groups of new rows are too few for {n_phases} phases and a test")
    train, test = hold_out_groups(mine, labels, share, n_phases - 1, replicate)
    order, ends = group_by_group(
        np.unique(mine[train], return_inverse=True)[1],
        None if labels is None else labels[train],
        n_phases - 1,
        rng,
    )
    return n_old + test, n_old + train[order], ends
