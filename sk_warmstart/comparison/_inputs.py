"""Checks of what the user hands to a comparison, and the routing of further arguments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_random_state, indexable
from sklearn.utils.metadata_routing import MetadataRouter, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data
from skorch.utils import is_dataset

from .._parameters import check_flag, check_integer, check_number, is_integer, is_number
from ..estimators.input._parts import are_parts
from ._rows import lengths, numbered, targets_in
from ._settings import Settings

_SET_BY_THE_COMPARATOR = ("sample_id", "X_val", "y_val", "sample_weight_val")


@dataclass(frozen=True)
class Routed:
    """Further arguments: of the last step's ``fit``, of the ``fit`` of the steps before, and of the scorer."""

    fit: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    score: dict[str, Any] = field(default_factory=dict)


def route(estimator: Any, params: Mapping[str, Any], router: MetadataRouter | None) -> Routed:
    """Send further arguments of ``fit`` to where they are used.

    Without a router, which is to say without scikit-learn's metadata routing, all go to the estimator.
    """
    if not params:
        return Routed()
    if router is not None:
        routed = process_routing(router, "fit", **params)
        everything, score = dict(routed.estimator.fit), dict(routed.scorer.score)
    else:
        everything, score = dict(params), {}
    taken = [name for name in everything if name.split("__")[-1] in _SET_BY_THE_COMPARATOR]
    if taken:
        raise ValueError(f"the comparator tells rows apart and holds some out itself: leave {taken[0]} out")
    if not isinstance(estimator, Pipeline):
        return Routed(fit=everything, score=score)
    if router is not None:
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


def check_settings(settings: Settings) -> None:
    """Check all parameters but policies, phases and refit, or raise a ValueError that names the one."""
    check_integer("n_repeats", settings.n_repeats)
    if isinstance(settings.rope, str):
        if settings.rope != "auto":
            raise ValueError(f"rope must be 'auto' or a number of at least 0, got {settings.rope!r}")
    else:
        check_number("rope", settings.rope, 0)
    if settings.n_probes is not None:
        check_integer("n_probes", settings.n_probes, 0)
    check_number("confidence", settings.confidence, 0.5, 1, exclude="low, high")
    estimator, target, n_jobs, scoring = settings.estimator, settings.target, settings.n_jobs, settings.scoring
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise ValueError(f"estimator must be an estimator with fit, not a class of them, got {estimator!r}")
    if target is not None and not (is_number(target) and np.isfinite(target)):
        raise ValueError(f"target must be None or a finite score, got {target!r}")
    check_flag("packed", settings.packed)
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0):
        raise ValueError(f"n_jobs must be None or an integer other than 0, got {n_jobs!r}")
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise ValueError(f"scoring={scoring!r} is none of sklearn.metrics.get_scorer_names()")
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(f"scoring must be None, the name of a scorer or a callable, got {scoring!r}")
    if settings.resume is not None and not isinstance(settings.resume, str | os.PathLike):
        raise ValueError(f"resume must be None or the path of a folder, got {settings.resume!r}")
    try:
        check_random_state(settings.random_state)
    except ValueError as error:
        raise ValueError(f"random_state: {error}") from None


def read_rows(X: Any, y: Any, groups: Any) -> tuple[Any, Any, Any]:
    """Return rows, targets and groups, which must be of one length; a Dataset is read for its targets."""
    dataset = is_dataset(X)
    if dataset and not hasattr(X, "__len__"):
        raise ValueError("X is a Dataset without a length: a comparison takes rows by their numbers")
    if dataset and y is None:
        y = targets_in(X)
    for name, value in (("X", X), ("y", y)):
        if value is None:
            raise ValueError(f"{name} is None: a comparison needs rows and their targets")
    if not dataset and not are_parts(X):
        return tuple(indexable(X, y, groups))
    sizes = lengths(X) if not dataset else {"X": len(X)}
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{name!r} has {n}" for name, n in sizes.items()) or "it is empty"
        raise ValueError(f"the parts of X must have one length, a row for each sample: {found}")
    check_consistent_length(numbered(X), y, groups)
    return X, *indexable(y, groups)


def learn_columns(comparator: BaseEstimator, X: Any) -> None:
    """Set ``n_features_in_`` and ``feature_names_in_`` where the rows have columns."""
    if not are_parts(X) and not is_dataset(X):
        with contextlib.suppress(TypeError, ValueError):  # texts have none
            validate_data(comparator, X, skip_check_array=True)


def check_target(y: Any, classes: bool = True) -> NDArray | None:
    """Check a target before hours are spent on it; return its labels as codes, or None where it holds numbers."""
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
    kinds = sorted({type(value).__name__ for value in values}) if values.dtype == object else []
    if "str" in kinds and len(kinds) > 1:
        raise ValueError(f"the labels are of the types {' and '.join(kinds)}: use one type")
    if type_of_target(values).startswith("continuous"):
        raise ValueError("the target has numbers with fractions, which are no classes: use a regressor")
    codes, labels = pd.factorize(frame[0], sort=False)
    if not len(values):
        raise ValueError("there are no rows: nothing can be compared")
    if len(labels) < 2:
        only = f" ({labels.tolist()[0]!r})" if len(labels) else ""
        raise ValueError(f"the target has one class only{only}: there is nothing to tell apart")
    return codes
