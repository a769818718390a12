"""Checks of laws 5 and 6: classes and columns that are not those of the fit before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._data import N_FEATURES, draw_rows
from ._errors import raises_value_error, refusal_fails
from ._predictions import assert_kept, assert_same, n_scores, predictions
from ._subjects import early_stopping_off, fit, need_classifier, need_partial_fit, prepare


def check_class_subset_keeps_classes(estimator: Any) -> None:
    """A warm fit, or a partial_fit, on rows of some of the classes works and keeps ``classes_`` and columns."""
    need_classifier(estimator)
    X, y = draw_rows(estimator, 150)
    some = y != 1
    for method in ("fit", "partial_fit"):
        fitted = fit(prepare(estimator, **early_stopping_off(estimator)), X, y)
        if not hasattr(fitted, method):
            continue
        what = f"a warm {method} on rows of the classes 0, 2 of 0, 1, 2"
        with refusal_fails(what):
            if method == "fit":
                fit(fitted, X[some], y[some])
            else:
                fitted.partial_fit(X[some], y[some])
        if list(fitted.classes_) != [0, 1, 2]:
            raise AssertionError(f"{what} left classes_ at {fitted.classes_.tolist()}")
        columns = n_scores(fitted, X)
        if columns not in (None, 3):
            raise AssertionError(f"{what} left {columns} columns of probabilities for 3 classes")


def check_labels_of_any_kind(estimator: Any) -> None:
    """Whatever the labels are, ``classes_`` has them sorted, columns follow it, and predictions are labels."""
    need_classifier(estimator)
    kinds = {
        "strings": np.array(["ant", "bee", "cat"]),
        "objects": np.array(["a", "bb", "ccc"], dtype=object),
        "negative integers": np.array([-7, -2, 5]),
        "floats": np.array([-1.0, 0.0, 4.0]),
        "booleans": np.array([False, True]),
    }
    for kind, labels in kinds.items():
        X, codes = draw_rows(estimator, 120, n_classes=len(labels))
        with_codes, with_labels = prepare(estimator), prepare(estimator)
        for rows, what in ((slice(None), "a fit"), (slice(None, None, -1), "a warm fit")):
            with refusal_fails(f"{what} on labels that are {kind}"):
                fit(with_labels, X[rows], labels[codes[rows]])
            fit(with_codes, X[rows], codes[rows])
            what = f"{what} on labels that are {kind}"
            if not np.array_equal(with_labels.classes_, labels):
                raise AssertionError(
                    f"{what} gives classes_ {with_labels.classes_.tolist()}, not {labels.tolist()}"
                )
            expected, given = predictions(with_codes, X), predictions(with_labels, X)
            assert_same(expected[:-1], given[:-1], f"{what}, against one on the codes 0, 1, ...,", 1e-6)
            if not np.array_equal(given[-1], labels[expected[-1].astype(int)]):
                raise AssertionError(
                    f"{what}: predict gives {given[-1][:3].tolist()}, not labels of {labels.tolist()}"
                )


def check_unseen_class_is_never_silent(estimator: Any) -> None:
    """A partial_fit with a class never seen raises ValueError and changes nothing, or makes room for it."""
    need_classifier(estimator)
    X, y = draw_rows(estimator, 150)
    old, new = y < 2, y > 0
    fitted = prepare(estimator, **early_stopping_off(estimator))
    need_partial_fit(fitted)
    fit(fitted, X[old], y[old])
    before = predictions(fitted, X)
    what = "a partial_fit on the classes 1, 2 after a fit on 0, 1"
    if raises_value_error(lambda: fitted.partial_fit(X[new], y[new]), what):
        assert_kept(before, fitted, X, what)
        if list(fitted.classes_) != [0, 1]:
            raise AssertionError(f"{what} was refused, but left classes_ at {fitted.classes_.tolist()}")
    elif list(fitted.classes_) != [0, 1, 2] or n_scores(fitted, X) not in (None, 3):
        raise AssertionError(
            f"{what} raised nothing and left classes_ at {fitted.classes_.tolist()}, with {n_scores(fitted, X)} "
            "columns of probabilities"
        )


def check_other_columns_are_never_silent(estimator: Any) -> None:
    """A warm fit with another number of columns raises ValueError and changes nothing, or adapts to it."""
    X, y = draw_rows(estimator, 120)
    for n_columns, name in ((N_FEATURES - 3, "fewer"), (N_FEATURES + 2, "more")):
        other = np.resize(X, (len(X), n_columns))
        fitted = fit(prepare(estimator), X, y)
        before = predictions(fitted, X)
        what = f"a warm fit with {name} columns ({n_columns} after {N_FEATURES})"
        if raises_value_error(lambda: fit(fitted, other, y), what):  # noqa: B023 - called at once
            assert_kept(before, fitted, X, what)
            continue
        with refusal_fails(f"{what} raised nothing, but predict"):
            predictions(fitted, other)
        if not raises_value_error(lambda: fitted.predict(X), f"{what} raised nothing, and predict"):  # noqa: B023
            raise AssertionError(f"{what} raised nothing, and predict still takes rows of {N_FEATURES} columns")


LAWS: dict[Callable[[Any], None], int | None] = {
    check_class_subset_keeps_classes: 5,
    check_labels_of_any_kind: 5,
    check_unseen_class_is_never_silent: 5,
    check_other_columns_are_never_silent: 6,
}
