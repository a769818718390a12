"""What all replicates of a comparison have in common, and what each gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._compat._sklearn import check_method_params, safe_indexing
from .._inputs import size_of
from ..phases._phase import Index
from ._arms import Arm
from ._journal import Journal
from ._measures import Measured

Scorer = Callable[..., float]
_KEPT = 2**24  # bytes of rows that are prepared once for all arms


@dataclass(frozen=True)
class Task:
    """What all replicates have in common.

    Parameters
    ----------
    estimator : estimator
        The user's, untouched.
    arms : list of Arm
        The arms, the cold one first.
    phases : object
        What the user passed.
    X, y : array-like
        The data.
    labels : ndarray or None
        Classes, for a classifier.
    scorer : callable
        scikit-learn's ``scorer(estimator, X, y)``.
    packed : bool, default=True
        Whether fits train together.
    groups : array-like, default=None
        Rows that belong together.
    fit_params : mapping, default={}
        Arguments of the last step's ``fit``; what has a value for each row is cut like the rows.
    before_params : mapping, default={}
        Arguments of the ``fit`` of the steps before.
    score_params : mapping, default={}
        Arguments of the scorer.
    incumbent : estimator or None, default=None
        The model in use.
    journal : Journal or None, default=None
        Where finished fits are kept.
    """

    estimator: Any
    arms: list[Arm]
    phases: Any
    X: Any
    y: Any
    labels: NDArray | None
    scorer: Scorer
    packed: bool = True
    groups: Any = None
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    before_params: Mapping[str, Any] = field(default_factory=dict)
    score_params: Mapping[str, Any] = field(default_factory=dict)
    incumbent: Any = None
    journal: Journal | None = None

    def params_of(self, params: Mapping[str, Any], rows: Index) -> dict[str, Any]:
        """Cut arguments to rows."""
        return check_method_params(self.X, dict(params), rows) if params else {}


@dataclass(frozen=True)
class Judge:
    """Scores on rows of the user's, seen through the steps in front.

    Parameters
    ----------
    task : Task
        The comparison.
    before : Pipeline or None
        The fitted steps in front of the last one; None where the rows are taken as they are.
    """

    task: Task
    before: Any = None
    _known: dict[bytes, Any] = field(default_factory=dict, repr=False)

    def X(self, rows: Index) -> Any:
        """The rows as the last step takes them."""
        if self.before is None:
            return safe_indexing(self.task.X, rows)
        key = rows.tobytes()
        if key not in self._known:
            X = self.before.transform(safe_indexing(self.task.X, rows))
            if size_of(X) > _KEPT:
                return X
            self._known[key] = X  # all arms are judged by the same rows
        return self._known[key]

    def y(self, rows: Index) -> NDArray:
        """What is true of them."""
        return np.asarray(safe_indexing(self.task.y, rows))

    def score(self, net: Any, rows: Index) -> float:
        """Score an estimator on rows."""
        y = safe_indexing(self.task.y, rows)
        params = self.task.params_of(self.task.score_params, rows)
        score = self.task.scorer(net, self.X(rows), y, **params)
        try:
            return float(score)
        except (TypeError, ValueError):
            raise ValueError(f"scoring must give a number, and gave {score!r}") from None

    def predict(self, net: Any, rows: Index) -> NDArray:
        """Predict rows."""
        return np.asarray(net.predict(self.X(rows)))


@dataclass
class Outcome:
    """What one replicate gives.

    Parameters
    ----------
    results : list of dict
        One row for each arm and phase.
    curves : list of dict
        One row for each arm, phase and epoch.
    measured : Measured
        What was measured beside.
    final : dict of str to estimator
        Each arm's last state; kept for the first replicate only.
    held : ndarray of int or None
        The test rows of its last phase.
    test_to_train : float
        Test rows by training rows; 0 where the splits are fixed.
    fixed : bool
        Whether the splits are the same in every replicate.
    complete : bool
        Whether it came to its end.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)
    final: dict[str, Any] = field(default_factory=dict)
    held: Index | None = None
    test_to_train: float = 0.0
    fixed: bool = False
    complete: bool = False
