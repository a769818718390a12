"""Checks of laws 8 and 9: rows that trained never validate, leaks, and the score of the start itself."""

from __future__ import annotations

import copy
import unittest
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, cross_val_score

from ._data import draw_random_labels, draw_rows
from ._predictions import assert_kept, predictions
from ._split import split_of_fit
from ._subjects import (
    RATES,
    early_stopping_off,
    early_stopping_on,
    epoch_params,
    epochs_name,
    fit,
    need_early_stopping,
    prepare,
)


def check_validation_rows_never_trained(estimator: Any) -> None:
    """Rows that a warm fit holds out were not trained on by earlier fits, as the data grow."""
    X, y = draw_rows(estimator, 240)
    subject = prepare(estimator, epochs=1, **early_stopping_on(estimator))
    trained: set[int] = set()
    order = np.random.default_rng(0).permutation(len(X))
    for k, rows in enumerate((np.arange(120), np.arange(240), order)):
        if "random_state" in subject.get_params(deep=False):
            subject.set_params(random_state=k)
        train, valid = ({int(rows[i]) for i in side} for side in split_of_fit(subject, X[rows], y[rows]))
        if not valid:
            raise unittest.SkipTest("no rows are held out")
        old = valid & trained
        if old:
            raise AssertionError(
                f"{len(old)} of the {len(valid)} rows that fit number {k + 1} validates on trained in a fit before"
            )
        trained |= train


def check_epoch_zero_counts(estimator: Any) -> None:
    """With early stopping a warm fit never returns something worse on its validation rows than its start."""
    need_early_stopping(estimator)
    X, y = draw_rows(estimator, 240)
    rate = next((name for name in RATES if estimator.get_params(deep=False).get(name)), None)
    if rate is None:
        raise unittest.SkipTest("there is no learning rate to do harm with")
    fitted = fit(prepare(estimator, epochs=30, **early_stopping_on(estimator)), X, y)
    before = copy.deepcopy(fitted)
    fitted.set_params(**{rate: 300 * estimator.get_params(deep=False)[rate]})
    fitted.set_params(**epoch_params(estimator, 3))
    try:
        _, valid = split_of_fit(fitted, X, y)
    except ValueError:
        assert_kept(predictions(before, X), fitted, X, "a warm fit that diverged")
        return
    if not valid:
        raise unittest.SkipTest("no rows are held out")
    start, end = (float(each.score(X[valid], y[valid])) for each in (before, fitted))
    if not end >= start - 1e-9:
        raise AssertionError(
            f"a warm fit with a learning rate 300 times too high began at a score of {start:.3f} on its "
            f"{len(valid)} validation rows and returned {end:.3f}"
        )


def check_random_labels_score_chance(estimator: Any) -> None:
    """Random labels score chance in cross-validation, also after the estimator was fitted on all rows."""
    X, y, chance = draw_random_labels(estimator)
    fitted = _fit_by_heart(estimator, X, y, chance)
    score = float(cross_val_score(fitted, X, y, cv=KFold(3)).mean())
    if score > chance:
        raise AssertionError(
            f"random labels score {score:.2f} in cross-validation after a fit on all {len(X)} rows; chance "
            f"stays below {chance:.2f}"
        )


def check_reused_estimator_warns_of_leak(estimator: Any) -> None:
    """Scoring rows that an earlier fit trained on gives chance for random labels, or a warning of the leak."""
    X, y, chance = draw_random_labels(estimator)
    fitted = _fit_by_heart(estimator, X, y, chance)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = _score_refits(fitted, X, y)
    warned = any("leak" in each.category.__name__.lower() for each in caught)
    if score > chance and not warned:
        raise AssertionError(
            f"random labels score {score:.2f} on rows that the last fit did not see and the fit before did, and "
            f"no warning tells of the leak; chance stays below {chance:.2f}"
        )


def _fit_by_heart(estimator: Any, X: NDArray, y: NDArray, chance: float) -> Any:
    """Fit the random labels until they are learned by heart, or skip the check: nothing could leak."""
    fitted = prepare(estimator, epochs=50, **early_stopping_off(estimator))
    score = -np.inf
    for _ in range(10 if epochs_name(estimator) else 1):
        last, score = score, fit(fitted, X, y).score(X, y)
        if score > 0.95 or chance + 0.03 < score <= last:
            break
    if score > chance + 0.03:
        return fitted
    raise unittest.SkipTest(
        f"it cannot learn {len(X)} random labels (a score of {score:.2f}), so no leak would show"
    )


def _score_refits(fitted: Any, X: NDArray, y: NDArray) -> float:
    """Score held-out folds with one estimator that is fitted again and again."""
    scores = []
    for train, test in KFold(3).split(X):
        fit(fitted, X, y)
        scores.append(fit(fitted, X[train], y[train]).score(X[test], y[test]))
    return float(np.mean(scores))


LAWS: dict[Callable[[Any], None], int | None] = {
    check_validation_rows_never_trained: 8,
    check_epoch_zero_counts: None,
    check_random_labels_score_chance: 9,
    check_reused_estimator_warns_of_leak: 9,
}
