"""What the user hands to a comparison: checked, and sent to where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _num_samples

from ._arms import last_step

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
    if not rope >= 0:
        raise ValueError(f"rope must be at least 0, got {rope!r}")
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence must be in (0.5, 1), got {confidence!r}")


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
    frame = pd.DataFrame(np.asarray(y))
    missing = int(frame.isna().any(axis=1).sum())
    if missing:
        raise ValueError(
            f"the target has {missing} missing {'value' if missing == 1 else 'values'}: drop those rows, or "
            "fill them in"
        )
    if not classes:
        return None
    codes, labels = pd.factorize(frame[0], sort=False)
    if len(labels) < 2:
        only = f" ({labels[0]!r})" if len(labels) else ""
        raise ValueError(f"the target has one class only{only}: there is nothing to tell apart")
    return codes


def size_of(X: Any) -> int:
    """Return the bytes of the rows, roughly."""
    own = getattr(X, "nbytes", None)
    if own is None and hasattr(X, "memory_usage"):
        own = X.memory_usage(index=False).sum()
    return int(own) if own is not None else 8 * int(np.prod(np.shape(X) or (_num_samples(X),)))


def scorer_name(scoring: Any, estimator: Any) -> str:
    """Return what a score is called."""
    if isinstance(scoring, str):
        return scoring
    if scoring is not None:
        function = getattr(scoring, "_score_func", scoring)  # of make_scorer
        return str(getattr(function, "__name__", "score"))
    return "accuracy" if is_classifier(last_step(estimator)) else "R2"
