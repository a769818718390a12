from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring

from sk_warmstart import WarmStartRegressor
from sk_warmstart.cli._scaled_target import ScaledTargetRegressor

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ np.array([1.0, -2.0, 0.5])


def net(**params: Any) -> ScaledTargetRegressor:
    return ScaledTargetRegressor(
        **{"module__hidden_layer_sizes": (8,), "max_epochs": 5, "lr": 0.01, "random_state": 0, "dtype": "float64"}
        | params
    )


@given(st.floats(1e-3, 1e6), st.floats(-1e6, 1e6))
@settings(max_examples=25, deadline=None)
def test_units_change_predictions_and_nothing_else(scale: float, shift: float) -> None:
    one, other = net().fit(X, Y), net().fit(X, Y * scale + shift)
    np.testing.assert_allclose(other.predict(X), one.predict(X) * scale + shift, rtol=1e-6, atol=1e-6 * scale)
    assert other.loss_curve_ == pytest.approx(one.loss_curve_, rel=1e-6)


def test_it_is_the_regressor_on_a_standardised_target() -> None:
    y = 1000 + 50 * Y
    plain = WarmStartRegressor(**net().get_params(deep=False)).fit(X, (y - y.mean()) / y.std())
    ours = net().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), plain.predict(X) * y.std() + y.mean())
    assert ours.score(X, y) == pytest.approx(plain.score(X, (y - y.mean()) / y.std()))


@pytest.mark.parametrize("policy", ["warm", "shrink_perturb", "cold"])
def test_a_start_that_keeps_something_keeps_the_units(policy: str) -> None:
    one = net(warm_start=True, init_policy=policy).fit(X, Y)
    mean = one.target_mean_
    one.fit(X, 100 * Y + 7)
    if policy == "cold":
        fresh = net().fit(X, 100 * Y + 7)
        np.testing.assert_array_equal(one.predict(X), fresh.predict(X))
    else:
        assert one.target_mean_ == mean


def test_no_epochs_leave_predictions_as_they_are() -> None:
    one = net(warm_start=True).fit(X, Y)
    before = one.predict(X)
    np.testing.assert_array_equal(one.set_params(max_epochs=0).fit(X[:9], 50 * Y[:9]).predict(X), before)
    donor = FrozenEstimator(make_pipeline(StandardScaler(), one))
    other = clone(one).set_params(warm_start=False, warm_start_from=donor).fit(X[:9], 50 * Y[:9])
    np.testing.assert_array_equal(other.predict(X), before)


def test_passes_are_in_the_units_of_the_first() -> None:
    one = net().partial_fit(X, 10 * Y)
    for _ in range(4):
        one.partial_fit(X, 10 * Y)
    whole = net(max_epochs=5).fit(X, 10 * Y)
    np.testing.assert_allclose(one.predict(X), whole.predict(X))
    scale = one.target_scale_
    one.partial_fit(X[:5], Y[:5])
    assert one.target_scale_ == scale
    zero = net(max_epochs=0).fit(X, 10 * Y)
    assert zero.partial_fit(X[:5], Y[:5]).target_scale_ == scale


def test_a_fit_that_fails_leaves_the_units() -> None:
    one = net(warm_start=False).fit(X, Y)
    before = one.predict(X)
    for y in (Y[:-1], np.full(60, np.nan), ["a"] * 60, None):
        with pytest.raises((ValueError, TypeError)):
            one.fit(X, y)
        np.testing.assert_array_equal(one.predict(X), before)


def test_several_targets_and_one_that_never_changes() -> None:
    y = np.c_[Y, 1000 * Y, np.full(60, 7.0)]
    one = net(max_epochs=200).fit(X, y)
    assert one.predict(X).shape == (60, 3)
    assert one.score(X, y[:, :]) > 0.5
    np.testing.assert_allclose(one.predict(X)[:, 2], 7, atol=1)


def r2(estimator: Any, X: Any, y: NDArray) -> float:
    y, predicted = np.asarray(y).reshape(-1), estimator.predict(X)
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


@pytest.mark.parametrize("use_caching", [True, False])
def test_callbacks_score_in_units(use_caching: bool) -> None:
    callback = EpochScoring(r2, lower_is_better=False, name="own", use_caching=use_caching)
    y = 1e4 + 10 * Y
    one = net(callbacks=[("own", callback)], max_epochs=30).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert one.history[-1, "own"] == pytest.approx(one.score(X[40:], y[40:]), rel=1e-4)
