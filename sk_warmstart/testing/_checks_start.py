"""Checks of laws 1 to 4: what a fit starts from, and that parameters alone change nothing."""

from __future__ import annotations

import copy
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ._data import draw_rows
from ._errors import raises_value_error, refusal_fails, summarize_error
from ._predictions import assert_kept, assert_same, largest_gap, predictions
from ._subjects import (
    EPOCHS,
    RATES,
    early_stopping_off,
    epochs_name,
    fit,
    need_classifier,
    need_partial_fit,
    partial_fit,
    prepare,
    seed_globals,
    shapes_of,
    stop_training,
    width_of,
)


def check_warm_start_is_not_ignored(estimator: Any) -> None:
    """A second fit with ``warm_start=True`` differs from a cold one."""
    (A, a), (B, b) = draw_rows(estimator, 120), draw_rows(estimator, 120, seed=1)
    warm = fit(fit(prepare(estimator), A, a), B, b)
    cold = fit(prepare(estimator), B, b)
    if largest_gap(predictions(warm, B), predictions(cold, B)) == 0:
        raise AssertionError("with warm_start=True fit(A); fit(B) gives just what a fresh clone's fit(B) gives")


def check_zero_training_changes_nothing(estimator: Any) -> None:
    """A warm fit without training leaves predictions as they are, on the same rows and on others."""
    for dtype in ("float64", "float32"):
        X, y = draw_rows(estimator, 120, dtype=dtype)
        fitted = fit(prepare(estimator), X, y)
        before = predictions(fitted, X)
        stop_training(fitted, estimator)
        order = np.random.default_rng(0).permutation(len(X))
        for rows, what in (
            (slice(None), "the same rows"),
            (order, "permuted rows"),
            (order[:60], "half the rows"),
        ):
            fit(fitted, X[rows], y[rows])
            assert_same(before, predictions(fitted, X), f"a warm fit without training on {what} ({dtype})")


def check_zero_training_on_a_class_subset_changes_nothing(estimator: Any) -> None:
    """A warm fit without training leaves predictions as they are if some classes are missing."""
    need_classifier(estimator)
    X, y = draw_rows(estimator, 120)
    fitted = fit(prepare(estimator), X, y)
    before = predictions(fitted, X)
    stop_training(fitted, estimator)
    for subset in ([0, 1], [2, 0], [1, 2]):
        rows = np.flatnonzero(np.isin(y, subset))
        rows = rows[np.argsort([subset.index(label) for label in y[rows]], kind="stable")]
        what = f"a warm fit without training on the classes {subset} of 0, 1, 2"
        with refusal_fails(what):
            fit(fitted, X[rows], y[rows])
        if list(fitted.classes_) != [0, 1, 2]:
            raise AssertionError(f"{what} left classes_ at {fitted.classes_.tolist()}")
        assert_same(before, predictions(fitted, X), what)


def check_cold_refit_equals_fresh_clone(estimator: Any) -> None:
    """With ``warm_start=False``, fit(A); fit(B) equals a fresh clone's fit(B) bit for bit."""
    for dtype in ("float64", "float32"):
        (A, a), (B, b) = draw_rows(estimator, 120, dtype=dtype), draw_rows(estimator, 150, seed=1, dtype=dtype)
        # Copies are made before anything is fitted: a parameter that is trained in place must not reach both.
        once, twice = (copy.deepcopy(prepare(estimator, warm_start=False)) for _ in range(2))
        fresh = predictions(fit(once, B, b), B)
        again = predictions(fit(fit(twice, A, a), B, b), B)
        assert_same(fresh, again, f"fit(A); fit(B) with warm_start=False, against a fresh fit(B) ({dtype}),")
        cloned = predictions(fit(clone(once), B, b), B)
        assert_same(fresh, cloned, f"fit(B) of a clone of the fitted estimator, against a fresh one's ({dtype}),")


def check_partial_fits_equal_one_fit(estimator: Any) -> None:
    """Calling partial_fit n times on the same rows equals one fit of n epochs."""
    if epochs_name(estimator) is None:
        raise unittest.SkipTest("there is no number of epochs to set")
    n = 3
    for dtype in ("float64", "float32"):
        X, y = draw_rows(estimator, 120, dtype=dtype)
        whole = fit(prepare(estimator, epochs=n, **early_stopping_off(estimator)), X, y)
        parts = prepare(estimator, epochs=n, **early_stopping_off(estimator))
        need_partial_fit(parts)
        seed_globals()
        for _ in range(n):
            partial_fit(parts, X, y)
        tolerance = 1e-9 if dtype == "float64" else 1e-5
        what = f"{n} calls of partial_fit, against one fit of {n} epochs ({dtype}),"
        assert_same(predictions(whole, X)[:1], predictions(parts, X)[:1], what, tolerance)


def check_equal_set_params_changes_nothing(estimator: Any) -> None:
    """Setting a parameter of a fitted estimator to the value that it has leaves predictions as they are."""
    X, y = draw_rows(estimator, 120)
    width = width_of(estimator)
    fitted = prepare(estimator, **({} if width is None else {width.name: width.first}))
    params = fitted.get_params(deep=False)
    params.pop("_params_to_validate", None)  # skorch's book-keeping, which it takes for a parameter
    if width is not None:
        params[width.name] = width.first
    fit(fitted, X, y)
    before = predictions(fitted, X)
    for name, value in params.items():
        _set_params(fitted, {name: value}, before, X, f"set_params of {name} to the value that it has")


def check_changed_set_params_keeps_predictions(estimator: Any) -> None:
    """Setting a parameter of a fitted estimator to another value takes effect later, not on predictions."""
    X, y = draw_rows(estimator, 120)
    width = width_of(estimator)
    fitted = fit(prepare(estimator, **({} if width is None else {width.name: width.first})), X, y)
    before = predictions(fitted, X)
    params = fitted.get_params(deep=False)
    changes: dict[str, Any] = {"random_state": 1, "warm_start": False}
    changes |= dict.fromkeys((*EPOCHS, "n_estimators"), 7)
    for name in (*RATES, "learning_rate", "alpha", "C", "tol", "validation_fraction"):
        value = params.get(name)
        if isinstance(value, float):
            changes[name] = value / 2 if value else 0.1
    changes = {name: value for name, value in changes.items() if name in params}
    if width is not None:
        changes[width.name] = width.others[0]
    for name, value in changes.items():
        _set_params(fitted, {name: value}, before, X, f"set_params({name}={value!r})")


def check_changed_architecture_is_not_ignored(estimator: Any) -> None:
    """After a change of architecture a warm fit has the new one, or raises a ValueError and loses nothing."""
    width = width_of(estimator)
    if width is None:
        raise unittest.SkipTest("no parameter was found that changes the architecture")
    X, y = draw_rows(estimator, 120)
    for other in width.others:
        fitted = fit(prepare(estimator, **{width.name: width.first}), X, y)
        before, old = predictions(fitted, X), shapes_of(fitted)
        wanted = shapes_of(fit(prepare(estimator, **{width.name: other}), X, y))
        if old is None or wanted is None:
            raise unittest.SkipTest("neither coefs_ nor module_ shows the architecture")
        fitted.set_params(**{width.name: other})
        what = f"{width.name} was set from {width.first} to {other} and the warm fit"
        if raises_value_error(lambda: fit(fitted, X, y), what):  # noqa: B023 - called at once
            assert_kept(before, fitted, X, what)
        elif shapes_of(fitted) == old:
            raise AssertionError(f"{what} silently kept the old architecture, of shapes {old}")
        elif shapes_of(fitted) != wanted:
            raise AssertionError(f"{what} left shapes {shapes_of(fitted)}, where a fresh fit has {wanted}")


def _set_params(fitted: Any, params: dict[str, Any], before: list[NDArray], X: NDArray, what: str) -> None:
    try:
        fitted.set_params(**params)
    except Exception as error:
        raise AssertionError(f"{what} raised {summarize_error(error)}") from error
    assert_same(before, predictions(fitted, X), what)


LAWS: dict[Callable[[Any], None], int | None] = {
    check_warm_start_is_not_ignored: None,
    check_zero_training_changes_nothing: 1,
    check_zero_training_on_a_class_subset_changes_nothing: 1,
    check_cold_refit_equals_fresh_clone: 2,
    check_partial_fits_equal_one_fit: 3,
    check_equal_set_params_changes_nothing: 4,
    check_changed_set_params_keeps_predictions: 4,
    check_changed_architecture_is_not_ignored: 4,
}
