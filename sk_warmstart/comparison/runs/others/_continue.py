"""A fit of another library's estimator that continues from its last one."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from ...._compat._hist_boosting import on_other_rows
from ..._rows import take
from ._copies import fresh_copy, library_of, seed_param
from ._labels import check_labels, check_same_task
from ._rounds import model_argument, rounds_of, rounds_parameter

# What a network of scikit-learn's must improve on; the best on other rows would stop it after an epoch.
_BEST = {"best_loss_": math.inf, "best_validation_score_": -math.inf}
Way = Literal["model", "grow", "warm_start", "partial_fit"]


class ContinueFit(Protocol):
    """What makes an arm of one's own: a function that continues an estimator on the rows of a phase.

    A callable with these arguments may stand for an arm of :class:`WarmStartComparator` whose estimator is of
    another library: ``policies={"cold": "cold", "mine": my_function}``.

    See Also
    --------
    WarmStartComparator : Which takes it in ``policies``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_warmstart import WarmStartComparator
    >>> def add_what_is_new(estimator, X, y, X_new, y_new, seed):
    ...     return estimator.partial_fit(X_new, y_new)
    >>> X, y = load_iris(return_X_y=True)
    >>> comparator = WarmStartComparator(
    ...     GaussianNB(), {"cold": "cold", "new": add_what_is_new}, n_repeats=2, random_state=0
    ... ).fit(X, y)
    >>> list(comparator.gain_.index)
    ['cold', 'new']
    """

    def __call__(
        self, estimator: Any, X: Any, y: Any, X_new: Any, y_new: Any, seed: int, **fit_params: Any
    ) -> Any:
        """Return the fitted estimator of this phase.

        Parameters
        ----------
        estimator : estimator
            The arm's own of the phase before, fitted: it may be changed and returned.
        X, y : array-like
            The rows of this phase and their targets.
        X_new, y_new : array-like
            Those of them that the phase before did not have; there may be none.
        seed : int
            Seed of this phase, the same for all arms of a replicate.
        **fit_params
            Further arguments of ``fit``, where the comparator was given any (``sample_weight``), for all rows of
            the phase.

        Returns
        -------
        estimator
            A fitted estimator, the same one or another.
        """


@dataclass(frozen=True)
class Continuation:
    """How an arm continues: by a function of the user's, or with parameters and a number of rounds.

    ``add`` is None for the new rows' share of ``asked``, the rounds of a cold start.
    """

    function: ContinueFit | None = None
    add: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    asked: int = 0


@dataclass(frozen=True)
class Rows:
    """Rows that a fit continues on, further arguments of ``fit``, and which of the rows are new."""

    X: Any
    y: Any
    params: Mapping[str, Any]
    new: NDArray[np.bool_]


def way_on(estimator: Any) -> Way | None:
    """Tell how a fit of an estimator continues from its last one; None where it cannot."""
    if model_argument(estimator) is not None:
        return "model"
    if rounds_parameter(estimator) is not None:
        return "grow"
    if "warm_start" in estimator.get_params(deep=False):
        return "warm_start"
    return "partial_fit" if hasattr(estimator, "partial_fit") else None


def continue_fit(estimator: Any, rows: Rows, seed: int, how: Continuation) -> Any:
    """Continue a fitted estimator on rows, and return it or its successor."""
    if how.function is not None:
        places = np.flatnonzero(rows.new)
        X_new, y_new = take(rows.X, places), take(rows.y, places)
        return how.function(estimator, rows.X, rows.y, X_new, y_new, seed, **rows.params)
    settings = {**how.params, **seed_param(estimator, seed)}
    way = way_on(estimator)
    if way in ("model", "grow"):
        check_same_task(estimator, rows.X, rows.y)
        add = how.add or rounds_to_add(how.asked, rounds_of(estimator), float(rows.new.mean()))
        return (_from_model if way == "model" else _grow)(estimator, rows, settings, add)
    estimator.set_params(**settings)
    if way == "warm_start":
        for name, worst in _BEST.items():
            if getattr(estimator, name, None) is not None:
                setattr(estimator, name, worst)
        return estimator.set_params(warm_start=True).fit(rows.X, rows.y, **rows.params)
    return estimator.partial_fit(rows.X, rows.y, **rows.params)


def rounds_to_add(asked: int, has: int, share: float) -> int:
    """Return the new rows' share of a cold start's rounds, of which early stopping may have left fewer."""
    return max(1, math.ceil(share * min(asked, has) - 1e-9))


def _from_model(old: Any, rows: Rows, settings: Mapping[str, Any], add: int) -> Any:
    """Add rounds by LightGBM, XGBoost or CatBoost, whose ``fit`` takes the old model."""
    check_labels(old, rows.y)
    # CatBoost counts the trees of a model twice that was itself continued, unless it comes from a copy.
    model = copy.deepcopy(old) if library_of(old) == "catboost" else old
    new = fresh_copy(old, **{**settings, str(rounds_parameter(old)): add})
    return new.fit(rows.X, rows.y, **rows.params, **{str(model_argument(old)): model})


def _grow(estimator: Any, rows: Rows, settings: Mapping[str, Any], add: int) -> Any:
    """Add trees to an ensemble of scikit-learn's kind, whose ``warm_start`` trains what its number lacks."""
    own = {**estimator.get_params(deep=False), **settings}
    for_now = _for_other_rows(own, rows.y)
    kept = {name: own[name] for name in for_now}
    n_rounds = {str(rounds_parameter(estimator)): rounds_of(estimator) + add}
    estimator.set_params(**{**settings, **for_now, **n_rounds, "warm_start": True})
    try:
        with on_other_rows(estimator, rows.X):
            estimator.fit(rows.X, rows.y, **rows.params)
    finally:
        estimator.set_params(**kept)
    for name in ("oob_score_", "oob_decision_function_", "oob_prediction_"):
        if kept.get("oob_score") and hasattr(estimator, name):
            delattr(estimator, name)  # of the first fit
    return estimator


def _for_other_rows(params: Mapping[str, Any], y: Any) -> dict[str, Any]:
    """Return the parameters that must differ while an ensemble grows on rows that its first trees did not have."""
    changed: dict[str, Any] = {}
    if "early_stopping" in params:
        changed["early_stopping"] = False  # the scores so far are of other rows
    elif "n_iter_no_change" in params:
        changed["n_iter_no_change"] = None
    if params.get("oob_score"):
        changed["oob_score"] = False  # which rows old trees did not draw is not known of these
    if isinstance(params.get("class_weight"), str) and np.ndim(y) == 1:
        # What the preset comes to on these rows; by its name it warns.
        labels = np.unique(np.asarray(y))
        weights = compute_class_weight("balanced", classes=labels, y=np.asarray(y))
        changed["class_weight"] = dict(zip(labels.tolist(), weights.tolist(), strict=True))
    return changed
