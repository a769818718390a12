"""Windows that roll through time: train on the past, test on what comes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ..._compat._sklearn import num_samples
from ..._parameters import check_flag, check_integer
from ._draws import as_labels
from ._phase import Index, Phase, Plan


class RollingWindow(BaseEstimator):
    """A window that rolls over the rows in time: each phase trains on one window and tests on the next.

    Without groups, sizes count rows, and rows are taken to be in the order of time. With groups, such as the
    month of each row, or its time itself, sizes count groups, and groups go in sorted order wherever their
    rows are. Nothing is drawn: all replicates have the same phases. What is left after the last whole test
    window is not used.

    Parameters
    ----------
    window : int
        Size of the windows.
    step : int, default=None
        How far a phase is from the one before; ``window`` by default.
    expanding : bool, default=False
        Whether a phase trains on everything up to its moment, or on the last window only.
    min_train : int, default=None
        What the first phase trains on; ``window`` by default. A sliding window that begins with less grows
        up to its size.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : A given number of splits.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_warmstart.comparison import RollingWindow
    >>> plan = RollingWindow(window=3, step=2).plan(np.zeros((10, 1)), None, np.random.default_rng(0))
    >>> for phase in plan.streams[0]:
    ...     print(phase.train, phase.test)
    [0 1 2] [3 4 5]
    [2 3 4] [5 6 7]
    [4 5 6] [7 8 9]

    Months, two of which train and two test:

    >>> months = ["2025-01", "2025-01", "2025-02", "2025-03", "2025-04", "2025-04", "2025-05"]
    >>> plan = RollingWindow(2, step=1).plan(np.zeros((7, 1)), None, np.random.default_rng(0), months)
    >>> for phase in plan.streams[0]:
    ...     print(phase.train, phase.test)
    [0 1 2] [3 4 5]
    [2 3] [4 5 6]
    """

    def __init__(
        self, window: int, step: int | None = None, expanding: bool = False, min_train: int | None = None
    ):
        self.window = window
        self.step = step
        self.expanding = expanding
        self.min_train = min_train

    def plan(self, X: Any, labels: NDArray | None, rng: np.random.Generator, groups: Any = None) -> Plan:
        """Lay out the phases.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows; only their number matters.
        labels : ndarray of shape (n_samples,) or None
            Not used.
        rng : numpy.random.Generator
            Not used.
        groups : array-like of shape (n_samples,), default=None
            When each row is from: numbers, dates, periods, an ordered categorical, or text that occurs in
            sorted order.

        Returns
        -------
        Plan
            One fixed stream.

        Raises
        ------
        ValueError
            If a size is wrong, there is too little for two phases, or the groups have no clear order.
        """
        window = check_integer("window", self.window, 1)
        step = window if self.step is None else check_integer("step", self.step, 1)
        first = window if self.min_train is None else check_integer("min_train", self.min_train, 1)
        check_flag("expanding", self.expanding)
        n = num_samples(X)
        moments = np.arange(n) if groups is None else _moments(groups, n)
        n_moments = int(moments.max(initial=-1)) + 1
        if n_moments < first + step + window:
            what = "rows" if groups is None else "groups"
            raise ValueError(
                f"{n_moments} {what} are too few for windows of {window}: two phases need at least "
                f"{first + step + window} ({first} to train on, {step} further, {window} to test on). Ask for "
                "smaller windows or steps"
            )
        order = np.argsort(moments, kind="stable")
        starts = np.r_[0, np.cumsum(np.bincount(moments))]  # of each moment's rows in that order
        stream = [
            Phase(
                order[starts[0 if self.expanding else max(0, now - window)] : starts[now]],
                order[starts[now] : starts[now + window]],
            )
            for now in range(first, n_moments - window + 1, step)
        ]
        return Plan([stream], fixed=True)


def _moments(groups: Any, n: int) -> Index:
    """Number the groups in the order of time."""
    labels = as_labels(groups, n)
    if isinstance(labels.dtype, pd.CategoricalDtype):
        if labels.cat.ordered:
            return np.unique(labels.cat.codes.to_numpy(), return_inverse=True)[1]
        labels = pd.Series(np.asarray(labels))
    codes, seen = labels.factorize()
    try:
        rank = np.argsort(np.argsort(seen, kind="stable"))
    except TypeError as error:
        raise ValueError("the groups cannot be sorted: give numbers, dates or an ordered categorical") from error
    # Sorted text need not be in the order of time ("Apr" before "Jan"): a wrong guess would train on the future.
    if pd.api.types.infer_dtype(seen) == "string" and (falls := np.flatnonzero(np.diff(rank) < 0)).size:
        earlier, later = seen[falls[0]], seen[falls[0] + 1]
        raise ValueError(
            f"the order of the groups is not clear: {earlier!r} comes before {later!r} in the rows, but after it "
            "when sorted. Give numbers, dates or an ordered categorical, or sort the rows"
        )
    return rank[codes]
