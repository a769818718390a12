"""What the user hands to a comparison: checked, and sent to where it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.multiclass import type_of_target

from .._compat._sklearn import num_samples
from .phases._draws import check_flag
from .runs._arms import last_step

_OURS = ("sample_id", "X_val", "y_val", "sample_weight_val")


@dataclass(frozen=True)
class Routed:
    """Further arguments, by who takes them.

    Parameters
    ----------
    fit : dict
        The last step's ``fit``.
    before : dict
        The ``fit`` of the steps before.
    score : dict
        The scorer.
    """

    fit: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    score: dict[str, Any] = field(default_factory=dict)


def route(comparator: Any, params: Mapping[str, Any], routing: bool) -> Routed:
    """Send the arguments of ``fit`` to where they are used.

    Parameters
    ----------
    comparator : WarmStartComparator
        Whose ``fit`` was called.
    params : mapping
        What it was given beside X, y and groups.
    routing : bool
        Whether scikit-learn's metadata routing is on; else all go to the estimator, as its ``fit`` takes them.

    Returns
    -------
    Routed
        The arguments.

    Raises
    ------
    ValueError
        If a step is unknown, or the comparator itself sees to an argument.
    """
    estimator = comparator.estimator
    if not params:
        return Routed()
    if routing:
        routed = process_routing(comparator, "fit", **params)
        everything, score = dict(routed.estimator.fit), dict(routed.scorer.score)
    else:
        everything, score = dict(params), {}
    own = [name for name in everything if name.split("__")[-1] in _OURS]
    if own:
        raise ValueError(f"the comparator tells rows apart and holds some out itself: leave {own[0]} out")
    if not isinstance(estimator, Pipeline):
        return Routed(fit=everything, score=score)
    if routing:
        last = estimator.steps[-1][0]
        of_steps = process_routing(estimator, "fit", **everything)
        consumed = (
            estimator[:-1].get_metadata_routing().consumes("fit_transform", everything)
            if len(estimator) > 1
            else ()
        )
        return Routed(dict(of_steps[last].fit), {name: everything[name] for name in consumed}, score)
    last = f"{estimator.steps[-1][0]}__"
    steps = [name for name, _ in estimator.steps]
    for name in everything:
        if name.split("__")[0] not in steps or "__" not in name:
            raise ValueError(f"{name!r} goes to no step: write it as {last}{name}, with one of the steps {steps}")
    return Routed(
        {name.removeprefix(last): value for name, value in everything.items() if name.startswith(last)},
        {name: value for name, value in everything.items() if not name.startswith(last)},
        score,
    )


def check_numbers(n_repeats: Any, rope: Any, confidence: Any) -> None:
    """Check the parameters that are numbers.

    Parameters
    ----------
    n_repeats, rope, confidence : object
        What the user set.

    Raises
    ------
    ValueError
        If one is out of range.
    """
    if isinstance(n_repeats, bool) or not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise ValueError(f"n_repeats must be an integer of at least 1, got {n_repeats!r}")
    if not _is_number(rope) or not rope >= 0:
        raise ValueError(f"rope must be at least 0, got {rope!r}")
    if rope == np.inf:
        raise ValueError(f"rope must be finite, got {rope!r}")
    if not _is_number(confidence) or not 0.5 < confidence < 1:
        raise ValueError(f"confidence must be in (0.5, 1), got {confidence!r}")


def check_choices(comparator: Any) -> None:
    """Check the parameters that are neither numbers nor parts of the comparison.

    Parameters
    ----------
    comparator : WarmStartComparator
        Whose parameters they are.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    estimator, target, n_jobs, scoring = (
        getattr(comparator, name) for name in ("estimator", "target", "n_jobs", "scoring")
    )
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise ValueError(f"estimator must be an estimator with fit, not a class of them, got {estimator!r}")
    if target is not None and (not _is_number(target) or not np.isfinite(target)):
        raise ValueError(f"target must be None or a finite score, got {target!r}")
    check_flag("packed", comparator.packed)
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or an integer other than 0, got {n_jobs!r}")
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise ValueError(f"scoring={scoring!r} is none of sklearn.metrics.get_scorer_names()")
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(f"scoring must be None, the name of a scorer or a callable, got {scoring!r}")
    if comparator.resume is not None and not isinstance(comparator.resume, str | os.PathLike):
        raise ValueError(f"resume must be None or the path of a folder, got {comparator.resume!r}")
    try:
        check_random_state(comparator.random_state)
    except ValueError as error:
        raise ValueError(f"random_state: {error}") from None


def check_rows(X: Any, y: Any) -> None:
    """Say that rows or targets are missing altogether.

    Parameters
    ----------
    X, y : array-like
        What the user passed.

    Raises
    ------
    ValueError
        If one is None.
    """
    for name, value in (("X", X), ("y", y)):
        if value is None:
            raise ValueError(f"{name} is None: a comparison needs rows and their targets")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def check_target(y: Any, classes: bool = True) -> NDArray | None:
    """Check a target before hours are spent on it.

    Parameters
    ----------
    y : array-like
        The target.
    classes : bool, default=True
        Whether it holds labels.

    Returns
    -------
    ndarray or None
        The labels, as codes.

    Raises
    ------
    ValueError
        If values are missing, or there is only one class.
    """
    values = np.asarray(y)
    if classes and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in ((1,) if classes else (1, 2)):
        most = "a column" if classes else "one column or several"
        raise ValueError(f"y must be {most} with a target for each row, got an array of shape {values.shape}")
    frame = pd.DataFrame(values)
    missing = int(frame.isna().any(axis=1).sum())
    if missing:
        raise ValueError(
            f"the target has {missing} missing {'value' if missing == 1 else 'values'}: drop those rows, or "
            "fill them in"
        )
    if not classes:
        return None
    if type_of_target(values).startswith("continuous"):
        raise ValueError("the target has numbers with fractions, which are no classes: use a regressor")
    codes, labels = pd.factorize(frame[0], sort=False)
    if not len(values):
        raise ValueError("there are no rows: nothing can be compared")
    if len(labels) < 2:
        only = f" ({labels.tolist()[0]!r})" if len(labels) else ""
        raise ValueError(f"the target has one class only{only}: there is nothing to tell apart")
    return codes


def size_of(X: Any) -> int:
    """Return the bytes of the rows, roughly."""
    own = getattr(X, "nbytes", None)
    if own is None and hasattr(X, "memory_usage"):
        own = X.memory_usage(index=False).sum()
    return int(own) if own is not None else 8 * int(np.prod(np.shape(X) or (num_samples(X),)))


def scorer_name(scoring: Any, estimator: Any) -> str:
    """Return what a score is called."""
    if isinstance(scoring, str):
        return scoring
    if scoring is not None:
        function = getattr(scoring, "_score_func", scoring)  # of make_scorer
        return str(getattr(function, "__name__", "score"))
    return "accuracy" if is_classifier(last_step(estimator)) else "R2"
