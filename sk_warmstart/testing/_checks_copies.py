"""Checks of laws 11 and 12: the cost of a step, parameters that are templates, copies."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone

from ._data import draw_rows
from ._predictions import assert_same, predictions
from ._subjects import early_stopping_off, fit, need_partial_fit, partial_fit, prepare


def check_partial_fit_cost_is_flat(estimator: Any) -> None:
    """The number of function calls in a partial_fit does not grow with how many came before."""
    X, y = draw_rows(estimator, 24)
    subject = prepare(estimator, epochs=1, **early_stopping_off(estimator))
    need_partial_fit(subject)

    def operations() -> int:
        return min(_count_calls(lambda: partial_fit(subject, X, y)) for _ in range(3))

    for _ in range(10):
        partial_fit(subject, X, y)
    early = operations()
    for _ in range(100):
        partial_fit(subject, X, y)
    late = operations()
    if late > 1.02 * early + 5:
        raise AssertionError(f"call 10 of partial_fit takes {early} function calls, and call 110 takes {late}")


def check_parameters_are_not_mutated(estimator: Any) -> None:
    """Training never changes what was given as a parameter: a template stays what it is."""
    X, y = draw_rows(estimator, 120)
    subject = copy.deepcopy(prepare(estimator, **early_stopping_off(estimator)))
    params = subject.get_params(deep=False)
    params.pop("_params_to_validate", None)
    before = {name: _fingerprint(value) for name, value in params.items()}
    fit(fit(subject, X, y), X, y)
    if hasattr(subject, "partial_fit"):
        partial_fit(subject, X, y)
    after = subject.get_params(deep=False)
    for name, value in params.items():
        if after[name] is not value:
            raise AssertionError(f"fit replaced the parameter {name}")
        if _fingerprint(value) != before[name]:
            raise AssertionError(f"fit changed the {type(value).__name__} that is given as the parameter {name}")


def check_copies_of_unfitted_fit_equally(estimator: Any) -> None:
    """A clone, a pickle and a deep copy of the unfitted estimator all give the same fit."""
    X, y = draw_rows(estimator, 120)
    subject = prepare(estimator)
    copies = {
        "clone": clone(subject),
        "pickle": pickle.loads(pickle.dumps(subject)),
        "deepcopy": copy.deepcopy(subject),
    }
    expected = predictions(fit(subject, X, y), X)
    for kind, each in copies.items():
        assert_same(expected, predictions(fit(each, X, y), X), f"fit of a {kind}")


def check_copies_of_fitted_continue_equally(estimator: Any) -> None:
    """A pickle and a deep copy of the fitted estimator predict the same, and train on to the same."""
    (A, a), (B, b) = draw_rows(estimator, 120), draw_rows(estimator, 120, seed=1)
    steps: dict[str, Callable[[Any], Any]] = {"warm fit": lambda each: fit(each, B, b)}
    if hasattr(prepare(estimator), "partial_fit"):
        steps["partial_fit"] = lambda each: partial_fit(each, B, b, seeded=True)
    for step, train in steps.items():
        fitted = fit(prepare(estimator, **early_stopping_off(estimator)), A, a)
        copies = {"pickle": pickle.loads(pickle.dumps(fitted)), "deepcopy": copy.deepcopy(fitted)}
        before = predictions(fitted, A)
        expected = predictions(train(fitted), B)
        for kind, each in copies.items():
            assert_same(before, predictions(each, A), f"a {kind} of the fitted estimator")
            assert_same(expected, predictions(train(each), B), f"{step} of a {kind} of the fitted estimator")


def _fingerprint(value: Any) -> Any:
    """Return a value that changes when a parameter is changed in place."""
    if hasattr(value, "state_dict") and not isinstance(value, type):
        tensors = value.state_dict()
        return joblib.hash({name: np.array(tensor.detach().cpu()) for name, tensor in tensors.items()})
    try:
        return joblib.hash(value)
    except Exception:  # what cannot be pickled cannot be hashed
        return id(value)


def _count_calls(block: Callable[[], Any]) -> int:
    count, previous = 0, sys.getprofile()

    def tick(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tick)
    try:
        block()
    finally:
        sys.setprofile(previous)
    return count


LAWS: dict[Callable[[Any], None], int | None] = {
    check_partial_fit_cost_is_flat: 11,
    check_parameters_are_not_mutated: 12,
    check_copies_of_unfitted_fit_equally: 12,
    check_copies_of_fitted_continue_equally: 12,
}
