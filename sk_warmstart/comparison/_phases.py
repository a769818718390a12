"""How the data arrive: which rows are known at each retraining, and which rows judge it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.validation import _num_samples

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Phase:
    """One retraining event.

    Parameters
    ----------
    train : ndarray of int
        Rows known at that moment.
    test : ndarray of int
        Rows that judge the result.
    """

    train: Index
    test: Index


@dataclass(frozen=True)
class Plan:
    """All that one replicate retrains on.

    Parameters
    ----------
    streams : list of list of Phase
        In each stream every phase starts from the one before; the first has no donor.
    fixed : bool
        Whether another replicate would have the same splits.
    """

    streams: list[list[Phase]]
    fixed: bool

    @property
    def test_to_train(self) -> float:
        """Test rows by training rows, at the end of the streams; 0 where the splits are fixed."""
        if self.fixed:
            return 0.0
        return float(np.mean([len(s[-1].test) / len(s[-1].train) for s in self.streams]))


class DataIncremental(BaseEstimator):
    """Data that grow: every phase knows the rows of the one before and as many new ones.

    Each replicate draws test rows and order anew. With labels, test rows and phases hold the classes in
    equal shares, and every class occurs in the first phase.

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

    def plan(self, X: Any, labels: NDArray | None, rng: np.random.Generator) -> Plan:
        """Draw the phases of one replicate.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows; only their number matters.
        labels : ndarray of shape (n_samples,) or None
            Classes to share out evenly.
        rng : numpy.random.Generator
            Source of the draw.

        Returns
        -------
        Plan
            One stream of ``n_phases`` phases.

        Raises
        ------
        ValueError
            If there are too few rows.
        """
        n = _num_samples(X)
        if isinstance(self.n_phases, bool) or not isinstance(self.n_phases, int) or self.n_phases < 2:
            raise ValueError(f"n_phases must be an integer of at least 2, got {self.n_phases!r}")
        if not 0 < self.test_size < 1:
            raise ValueError(f"test_size must be in (0, 1), got {self.test_size!r}")
        n_train = n - int(np.ceil(self.test_size * n))
        n_classes = 1 if labels is None else len(np.unique(labels))
        if n_train < self.n_phases * max(2, n_classes):
            raise ValueError(
                f"{self.n_phases} phases are too many for {n} rows: {max(n_train, 0)} of them train, and "
                f"each phase needs at least {max(2, n_classes)} new ones. Ask for fewer phases, "
                "or give more rows"
            )
        seed = int(rng.integers(2**31))
        splitter: Any = ShuffleSplit(1, test_size=self.test_size, random_state=seed)
        n_test = n - n_train
        if labels is not None and np.unique(labels, return_counts=True)[1].min() >= 2 and n_test >= n_classes:
            splitter = StratifiedShuffleSplit(1, test_size=self.test_size, random_state=seed)
        train, test = next(splitter.split(np.zeros(n), labels))
        order = train[_evenly_by_class(None if labels is None else labels[train], len(train), rng)]
        ends = np.linspace(0, len(order), self.n_phases + 1).round().astype(int)[1:]
        return Plan([[Phase(order[:end], test) for end in ends]], fixed=False)


def plan_phases(phases: Any, X: Any, y: Any, labels: NDArray | None, rng: np.random.Generator) -> Plan:
    """Make the plan of one replicate from whatever the user calls phases.

    A splitter whose test rows are never trained on before (``TimeSeriesSplit``) is one stream. With others
    (``KFold``, ``ShuffleSplit``) a later fit would have seen the test rows of its own donor, so each split
    is a stream of its own: half of its training rows, then all of them.

    Parameters
    ----------
    phases : DataIncremental, or a scikit-learn splitter
        What the user passed.
    X, y : array-like
        The data.
    labels : ndarray or None
        Classes, for classifiers.
    rng : numpy.random.Generator
        Source of random splits.

    Returns
    -------
    Plan
        The streams.

    Raises
    ------
    TypeError
        If it cannot split.
    """
    if hasattr(phases, "plan"):
        return phases.plan(X, labels, rng)
    if not hasattr(phases, "split"):
        raise TypeError(
            f"phases must be DataIncremental(...) or a scikit-learn splitter, got {type(phases).__name__}"
        )
    splitter = copy.copy(phases)
    random = hasattr(splitter, "random_state") and getattr(splitter, "shuffle", True)
    if random:
        splitter.random_state = int(rng.integers(2**31))
    splits = [Phase(np.asarray(train), np.asarray(test)) for train, test in splitter.split(X, y)]
    if len(splits) > 1 and _never_looks_ahead(splits):
        return Plan([splits], fixed=not random)
    return Plan([[_first_half(split, labels, rng), split] for split in splits], fixed=not random)


def _never_looks_ahead(splits: list[Phase]) -> bool:
    trained: set[int] = set()
    for split in splits:
        trained.update(split.train.tolist())
        if not trained.isdisjoint(split.test.tolist()):
            return False
    return True


def _first_half(split: Phase, labels: NDArray | None, rng: np.random.Generator) -> Phase:
    order = _evenly_by_class(None if labels is None else labels[split.train], len(split.train), rng)
    return Phase(split.train[order[: max(1, len(order) // 2)]], split.test)


def _evenly_by_class(labels: NDArray | None, n: int, rng: np.random.Generator) -> Index:
    """A random order in which every prefix holds the classes in their shares, and begins with all of them."""
    shuffled = rng.permutation(n)
    if labels is None:
        return shuffled
    position = np.empty(n)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        position[members] = np.r_[-1.0, (np.arange(1, len(members)) + rng.random()) / len(members)]
    return np.argsort(position, kind="stable")
