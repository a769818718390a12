"""New classes, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..._parameters import check_flag, check_integer, check_number
from ._drawn_phases import DrawnPhases
from ._draws import fold, group_codes, hold_out_groups
from ._phase import Index, Phase, Plan, Replicate


class ClassIncremental(DrawnPhases):
    """Classes that arrive in groups: every phase is judged on the classes seen so far [1]_.

    The same share of each class tests: replicates test disjoint folds of its rows, as many as there are, then
    folds of another order. With groups of rows, a group tests or trains as a whole; its rows arrive when their
    classes do.

    Parameters
    ----------
    n_phases : int, default=5
        Number of phases, fewer than there are classes: the first brings at least two. Earlier phases bring
        one class more where they cannot all bring as many.
    test_size : float, default=0.2
        Share of the rows of each class that test.
    order : {"random", "sorted"} or sequence, default="random"
        Order of the classes: drawn anew in each replicate, sorted by label, or all labels in their order. A
        sequence of sequences says which labels arrive together; ``n_phases`` does not matter then.
    cumulative : bool, default=True
        Whether a phase trains on the rows of all classes seen so far, or on those of its new classes only.

    See Also
    --------
    DataIncremental : More rows of all classes.

    References
    ----------
    .. [1] Rebuffi, Kolesnikov, Sperl and Lampert, "iCaRL: Incremental Classifier and Representation
       Learning", CVPR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.comparison import ClassIncremental
    >>> labels = np.repeat(["cat", "dog", "emu", "fox"], 10)
    >>> phases = ClassIncremental(order=[["cat", "fox"], ["dog"], ["emu"]])
    >>> (stream,) = phases.plan(np.zeros((40, 1)), labels, np.random.default_rng(0)).streams
    >>> [sorted(set(labels[phase.train].tolist())) for phase in stream]
    [['cat', 'fox'], ['cat', 'dog', 'fox'], ['cat', 'dog', 'emu', 'fox']]
    >>> [len(phase.test) for phase in stream]
    [4, 6, 8]
    """

    def __init__(
        self, n_phases: int = 5, test_size: float = 0.2, order: str | Sequence = "random", cumulative: bool = True
    ):
        self.n_phases = n_phases
        self.test_size = test_size
        self.order = order
        self.cumulative = cumulative

    def _draw(
        self,
        n: int,
        labels: NDArray | None,
        rng: np.random.Generator,
        groups: Any,
        replicate: Replicate | None,
    ) -> Plan:
        check_number("test_size", self.test_size, 0, 1, exclude="low, high")
        check_flag("cumulative", self.cumulative)
        if labels is None:
            raise ValueError("ClassIncremental needs classes: use it with a classifier")
        codes, found = pd.factorize(np.asarray(labels), sort=False)
        names = found.tolist()
        if n != len(codes):
            raise ValueError(f"there are {len(codes)} labels for {n} rows")
        arrivals = self._arrivals(names, rng)
        own = None if groups is None else group_codes(groups, len(codes))
        train, test = self._hold_out(codes, names, own, rng, replicate or Replicate.alone(rng))
        # Phase in which each class arrives.
        arrival = np.empty(len(names), dtype=np.intp)
        for phase, classes in enumerate(arrivals):
            arrival[classes] = phase
        of_train, of_test = arrival[codes[train]], arrival[codes[test]]
        stream = [
            Phase(
                train[of_train <= phase if self.cumulative else of_train == phase],
                test[of_test <= phase],
            )
            for phase in range(len(arrivals))
        ]
        return Plan([stream], fixed=False)

    def _arrivals(self, names: list[Any], rng: np.random.Generator) -> list[Index]:
        """Return the classes that arrive in each phase."""
        if not isinstance(self.order, str):
            try:
                parts = list(self.order)
            except TypeError:
                raise ValueError(_order_is(self.order)) from None
            nested = [isinstance(part, (list, tuple, set, frozenset, np.ndarray)) for part in parts]
            if any(nested):
                return self._given_groups(parts, nested, names)
            order = _positions(parts, names)
        elif self.order == "random":
            order = rng.permutation(len(names))
        elif self.order == "sorted":
            order = _sorted(names)
        else:
            raise ValueError(_order_is(self.order))
        check_integer("n_phases", self.n_phases, 2)
        if self.n_phases >= len(names):
            most = f"ask for at most {len(names) - 1}" if len(names) > 2 else "at least 3 classes are needed"
            raise ValueError(
                f"{self.n_phases} phases are too many for {len(names)} classes: the first needs two of them and "
                f"each other a new one; {most}"
            )
        return np.array_split(order, self.n_phases)

    @staticmethod
    def _given_groups(parts: list[Any], nested: list[bool], names: list[Any]) -> list[Index]:
        if not all(nested):
            raise ValueError("order must hold labels only, or groups of labels only")
        if len(parts) < 2 or not all(len(part) for part in parts):
            raise ValueError("order must have at least 2 groups of labels, none of them empty")
        order = _positions([label for part in parts for label in part], names)
        return np.split(order, np.cumsum([len(part) for part in parts])[:-1])

    def _hold_out(
        self,
        codes: Index,
        names: list[Any],
        groups: Index | None,
        rng: np.random.Generator,
        replicate: Replicate,
    ) -> tuple[Index, Index]:
        if groups is not None:
            if groups.max() < 1:
                raise ValueError("there is one group only: test rows need a group of their own")
            train, test = hold_out_groups(groups, codes, self.test_size, 1, replicate)
            for part, verb in ((train, "train"), (test, "test")):
                lacking = np.setdiff1d(np.arange(len(names)), codes[part])
                if len(lacking):
                    raise ValueError(
                        f"class {names[lacking[0]]!r} has no rows to {verb} on: it is in too few groups"
                    )
            return train, test
        tests = np.zeros(len(codes), dtype=bool)
        for code, name in enumerate(names):
            members = np.flatnonzero(codes == code)
            if len(members) < 2:
                raise ValueError(f"class {name!r} has one row only: it needs one to train on and one to test on")
            n_test = min(max(round(self.test_size * len(members)), 1), len(members) - 1)
            tests[members[fold(len(members), n_test, None, replicate, code)]] = True
        return rng.permutation(np.flatnonzero(~tests)), np.flatnonzero(tests)


def _order_is(order: Any) -> str:
    return f"order must be 'random', 'sorted' or a sequence of labels, got {order!r}"


def _positions(order: list[Any], names: list[Any]) -> Index:
    """Return the positions in names of labels in the user's order, which must be all of them."""
    places = {name: position for position, name in enumerate(names)}
    try:
        unknown = [label for label in order if label not in places]
    except TypeError:
        raise ValueError("order must hold labels, or groups of labels, and no more than that") from None
    if unknown:
        raise ValueError(f"order has the label {unknown[0]!r}, which the target does not have")
    positions = np.array([places[label] for label in order], dtype=np.intp)
    if len(np.unique(positions)) < len(positions):
        twice = positions[np.flatnonzero(np.bincount(positions)[positions] > 1)[0]]
        raise ValueError(f"order has the label {names[twice]!r} more than once")
    if len(positions) < len(names):
        lacking = np.setdiff1d(np.arange(len(names)), positions)[0]
        raise ValueError(f"order lacks the label {names[lacking]!r}")
    return positions


def _sorted(names: list[Any]) -> Index:
    try:
        return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    except TypeError as error:
        raise ValueError("the labels cannot be sorted: give order='random' or the labels in order") from error
