"""Checks of what restarts with every warm fit, and of what a failing one leaves."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import ExponentialLR

from ._data import draw_rows
from ._errors import raises_value_error
from ._predictions import assert_kept, assert_same, predictions
from ._subjects import (
    callbacks_of,
    early_stopping_off,
    early_stopping_on,
    fit,
    has_callbacks,
    need_early_stopping,
    prepare,
)


def check_schedule_restarts(estimator: Any) -> None:
    """The learning-rate schedule restarts with every warm fit: it does not compound."""
    X, y = draw_rows(estimator, 120)
    subject = prepare(estimator, epochs=3, **early_stopping_off(estimator))
    params = subject.get_params(deep=False)
    if has_callbacks(subject):
        rates: list[list[float]] = []

        class Recorder(Callback):
            def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
                rates.append([])

            def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
                rates[-1].append(float(net.optimizer_.param_groups[0]["lr"]))

        subject.set_params(callbacks=[*callbacks_of(subject), LRScheduler(ExponentialLR, gamma=0.5), Recorder()])
        fit(fit(subject, X, y), X, y)
        first, second = rates
        where = "epoch by epoch"
    elif isinstance(params.get("learning_rate"), str):
        decaying = {"learning_rate": "invscaling", "solver": "sgd", "power_t": 0.5, "eta0": 0.01, "tol": 0.0}
        subject.set_params(**{name: value for name, value in decaying.items() if name in params})
        ends = [_read_schedule(fit(subject, X, y)) for _ in range(2)]
        first, second = ends
        where = "at the end"
    else:
        raise unittest.SkipTest("no learning-rate schedule was found")
    if not np.allclose(first, second, rtol=1e-9, atol=0):
        raise AssertionError(
            f"a decaying learning rate continued instead of restarting: {where} it was {_format_rates(first)} in "
            f"the first fit and {_format_rates(second)} in the second"
        )


def check_early_stopping_counts_anew(estimator: Any) -> None:
    """With early stopping a warm fit on turned labels learns them: no old best score holds it back."""
    need_early_stopping(estimator)
    X, y = draw_rows(estimator, 240, n_classes=2)
    rng = np.random.default_rng(0)
    # Noise keeps the best score of the second fit below that of the first, which must not count any more.
    if is_classifier(estimator):
        turned, noisy = 1 - y, np.where(rng.random(len(y)) < 0.15, y, 1 - y)
    else:
        turned, noisy = -y, rng.normal(size=len(y)) * 0.5 - y
    n, settings = 60, early_stopping_on(estimator)
    patient = "n_iter_no_change" in estimator.get_params(deep=False)
    if patient:
        settings["n_iter_no_change"] = n  # so nothing may stop before n epochs
        settings |= {"tol": 0.01} if "tol" in estimator.get_params(deep=False) else {}
    cold = fit(prepare(estimator, epochs=n, **settings), X, noisy)
    fitted = fit(prepare(estimator, epochs=n, **settings), X, y)
    target, start = cold.score(X, turned), fitted.score(X, turned)
    if target - start < 0.3:
        raise unittest.SkipTest(f"a cold fit of {n} epochs learns too little to tell: a score of {target:.2f}")
    end = fit(fitted, X, noisy).score(X, turned)
    done, wanted = getattr(fitted, "n_iter_", None), getattr(cold, "n_iter_", None)
    what = "on labels turned round, a warm fit with early stopping"
    if patient and done is not None and done < wanted:
        raise AssertionError(
            f"{what} and n_iter_no_change={n} stopped after {done} epochs, a cold one after {wanted}"
        )
    if end < start + 0.3 * (target - start):
        raise AssertionError(
            f"{what} went from a score of {start:.2f} to {end:.2f}, where a cold fit reaches {target:.2f}"
        )


def check_failing_fit_loses_nothing(estimator: Any) -> None:
    """A warm fit on missing values raises ValueError, and changes neither what was learned nor the next fit."""
    if get_tags(estimator).input_tags.allow_nan:
        raise unittest.SkipTest("missing values are allowed")
    (A, a), (B, b) = draw_rows(estimator, 120), draw_rows(estimator, 120, seed=1)
    fitted, spared = (fit(prepare(estimator), A, a) for _ in range(2))
    before = predictions(fitted, A)
    broken = B.copy()
    broken[::40, 2] = np.nan
    what = "a warm fit on rows with missing values"
    if not raises_value_error(lambda: fit(fitted, broken, b), what):
        left = "" if all(np.isfinite(each).all() for each in predictions(fitted, A)[:1]) else ", which are NaN now"
        raise AssertionError(f"{what} raised nothing: it trained on it, and predictions follow{left}")
    assert_kept(before, fitted, A, what)
    expected, given = (predictions(fit(each, B, b), B) for each in (spared, fitted))
    assert_same(expected, given, "the next warm fit after a refused one")


def _read_schedule(fitted: Any) -> list[float]:
    rate = getattr(getattr(fitted, "_optimizer", None), "learning_rate", None)
    if rate is not None:
        return [float(rate)]
    if hasattr(fitted, "t_"):  # the steps that the schedule has counted
        return [float(fitted.t_**-0.5)]
    raise unittest.SkipTest("where the learning-rate schedule stands cannot be seen")


def _format_rates(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


LAWS: dict[Callable[[Any], None], int | None] = {
    check_schedule_restarts: None,
    check_early_stopping_counts_anew: None,
    check_failing_fit_loses_nothing: None,
}
