"""Inputs standardised inside: statistics that move do not move predictions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4)) * [1.0, 10.0, 0.01, 3.0] + [0.0, 500.0, 1.0, -2.0]
y = (X[:, 0] + (X[:, 1] - 500) / 10 > 0).astype(int)


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 10,
        "batch_size": 16,
        "random_state": 0,
        "standardize": True,
        "warm_start": True,
    }
    return WarmStartClassifier(**{**defaults, **params})


def moments(fitted: Any, name: str, moment: str) -> torch.Tensor:
    return fitted.optimizer_.state[dict(fitted.module_.named_parameters())[name]][moment]


def test_a_cold_fit_equals_a_scaler_in_front() -> None:
    inside = net().fit(X, y)
    outside = make_pipeline(StandardScaler(), net(standardize=False)).fit(X, y)
    assert np.allclose(inside.predict_proba(X), outside.predict_proba(X), atol=1e-9)
    assert np.allclose(inside.scaler_.mean, X.mean(0))
    assert np.allclose(inside.scaler_.scale, X.std(0))


@given(
    shift=st.floats(-1e3, 1e3),
    stretch=st.floats(1e-2, 1e2),
    n=st.integers(2, 80),
    dtype=st.sampled_from([np.float32, np.float64]),
    hidden=st.sampled_from([(), (8,), (5, 4)]),
    norm=st.sampled_from([None, "batch", "layer"]),
)
def test_a_warm_fit_of_zero_epochs_on_moved_rows_changes_no_prediction(
    shift: float, stretch: float, n: int, dtype: Any, hidden: Any, norm: Any
) -> None:
    rows = X.astype(dtype)
    fitted = net(module__hidden_layer_sizes=hidden, module__norm=norm).fit(rows, y)
    kept = fitted.predict_proba(rows)
    weight = next(fitted.module_.parameters()).detach().clone()
    moved = (X[:n] * stretch + shift).astype(dtype)
    fitted.set_params(max_epochs=0).fit(moved, y[:n])
    # Single precision loses what the distance of the means is in units of the spread.
    tolerance = 1e-9 if dtype is np.float64 else 1e-6 * (1 + np.abs((moved.mean(0) - X.mean(0)) / X.std(0)).max())
    assert np.allclose(fitted.predict_proba(rows), kept, atol=tolerance)
    assert not torch.equal(next(fitted.module_.parameters()), weight)
    assert np.allclose(fitted.scaler_.mean, moved.astype(np.float64).mean(0))


def test_a_scaler_in_front_does_make_predictions_jump() -> None:
    moved = X * 3 + 100
    outside = make_pipeline(StandardScaler(), net(standardize=False)).fit(X, y)
    kept = outside.predict_proba(X)
    outside.set_params(warmstartclassifier__max_epochs=0).fit(moved, y)
    assert np.abs(outside.predict_proba(X) - kept).max() > 0.1


@pytest.mark.parametrize(
    ("optimizer", "params", "linear", "squared"),
    [
        (torch.optim.AdamW, {}, ["exp_avg"], ["exp_avg_sq"]),
        (torch.optim.SGD, {"optimizer__momentum": 0.9}, ["momentum_buffer"], []),
        (torch.optim.RMSprop, {}, [], ["square_avg"]),
        (torch.optim.Adagrad, {}, [], ["sum"]),
    ],
)
def test_moments_follow_the_coordinates(
    optimizer: Any, params: Any, linear: list[str], squared: list[str]
) -> None:
    fitted = net(optimizer=optimizer, optimizer_state="keep", **params).fit(X, y)
    before = {m: moments(fitted, "hidden.0.weight", m).clone() for m in [*linear, *squared]}
    stretched = X * [2.0, 1.0, 1.0, 0.5]
    stretched += X.mean(0) - stretched.mean(0)
    fitted.set_params(max_epochs=0).fit(stretched, y)
    factor = torch.tensor([2.0, 1.0, 1.0, 0.5], dtype=torch.float64)
    for m in linear:
        assert torch.allclose(moments(fitted, "hidden.0.weight", m), before[m] / factor)
    for m in squared:
        assert torch.allclose(moments(fitted, "hidden.0.weight", m), before[m] / factor**2)


def test_a_gradient_step_is_the_same_in_either_coordinates() -> None:
    """What momentum holds after the move is the momentum of a network that never saw the old coordinates."""
    sgd: dict[str, Any] = {
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "lr": 0.0,
        "max_epochs": 1,
        "batch_size": -1,
    }
    moved = X * 2 + 7
    there = net(optimizer_state="keep", **sgd).fit(X, y)
    there.set_params(max_epochs=0).fit(moved, y)
    buffer = moments(there, "hidden.0.weight", "momentum_buffer").clone()
    # The same function, its gradient on the old rows taken in the new coordinates.
    rows = torch.from_numpy((X - there.scaler_.shift) / there.scaler_.scale)
    there.module_.zero_grad()
    there.criterion_(there.module_(rows), torch.from_numpy(y)).backward()
    assert torch.allclose(there.module_.hidden[0].weight.grad, buffer, atol=1e-10)


@given(cut=st.integers(1, 79), dtype=st.sampled_from([np.float32, np.float64]))
def test_partial_fit_updates_statistics_and_keeps_predictions(cut: int, dtype: Any) -> None:
    rows = X.astype(dtype)
    fitted = net(lr=0.0, optimizer__weight_decay=0.0)
    fitted.partial_fit(rows[:cut], y[:cut], classes=[0, 1])
    kept = fitted.predict_proba(rows)
    fitted.partial_fit(rows[cut:], y[cut:])
    assert np.allclose(fitted.predict_proba(rows), kept, atol=1e-9 if dtype is np.float64 else 2e-3)
    assert np.allclose(fitted.scaler_.mean, rows.astype(np.float64).mean(0))
    assert np.allclose(fitted.scaler_.scale, rows.astype(np.float64).std(0))


def test_the_same_rows_in_another_order_change_no_bit() -> None:
    fitted = net().fit(X, y)
    kept = fitted.predict_proba(X)
    fitted.set_params(max_epochs=0).fit(X[::-1], y[::-1])
    assert np.array_equal(fitted.predict_proba(X), kept)


def test_law_3_holds_with_statistics_that_stand_still() -> None:
    whole = net(max_epochs=4, warm_start=False).fit(X, y)
    parts = net()
    for _ in range(4):
        parts.partial_fit(X, y, classes=[0, 1])
    assert np.allclose(parts.predict_proba(X), whole.predict_proba(X), atol=1e-10)


def test_statistics_are_of_the_rows_that_train_and_of_their_weights() -> None:
    ids = np.arange(80)
    fitted = net(early_stopping=True, validation_fraction=0.4).fit(X, y, sample_id=ids)
    assert 0 < fitted.lineage_.rows < 80
    assert fitted.scaler_.count == fitted.lineage_.rows
    weight = rng.integers(0, 3, 80)
    weighted = net().fit(X, y, sample_weight=weight)
    repeated = net().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert np.allclose(weighted.scaler_.mean, repeated.scaler_.mean)
    assert np.allclose(weighted.scaler_.scale, repeated.scaler_.scale)


def test_it_may_be_switched_on_and_off_without_a_jump() -> None:
    fitted = net(standardize=False, lr=1e-4).fit(X / X.std(0), y)
    rows = X / X.std(0)
    kept = fitted.predict_proba(rows)
    for standardize in (True, False):
        fitted.set_params(standardize=standardize, max_epochs=0).fit(rows, y)
        assert np.allclose(fitted.predict_proba(rows), kept, atol=1e-9)
    assert fitted.scaler_ is None


def test_new_columns_and_moved_statistics_together() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = net(schema="adapt").fit(frame[["a", "b"]], y)
    kept = fitted.predict_proba(frame[["a", "b"]])
    wider = frame[["d", "b", "a"]] * 3 + 1
    fitted.set_params(max_epochs=0).fit(wider, y)
    old = frame[["d", "b", "a"]]
    assert np.allclose(fitted.predict_proba(old), kept, atol=1e-9)
    streamed = net(schema="adapt", lr=0.0, optimizer__weight_decay=0.0)
    streamed.partial_fit(frame[["a", "b"]], y)
    kept = streamed.predict_proba(frame[["a", "b"]])
    streamed.partial_fit(wider, np.where(y == 0, 2, 1))
    odds = streamed.predict_proba(old)[:, :2]
    assert np.allclose(odds / odds.sum(1, keepdims=True), kept, atol=1e-9)


def test_statistics_travel_with_the_donor() -> None:
    fitted = net().fit(X, y)
    kept = fitted.predict_proba(X)
    for donor in (FrozenEstimator(fitted), Checkpoint.from_estimator(fitted)):
        heir = net(warm_start=False, warm_start_from=donor, max_epochs=0).fit(X[:30] * 5, y[:30])
        assert np.allclose(heir.predict_proba(X), kept, atol=1e-9)


def test_sparse_rows_are_scaled_and_stay_sparse() -> None:
    thin = sparse.random_array((80, 5), density=0.3, random_state=0, format="csr")
    fitted = net().fit(thin, y)
    assert not fitted.scaler_.shift.any()
    kept = fitted.predict_proba(thin)
    assert np.allclose(fitted.predict_proba(thin.toarray()), kept)
    fitted.set_params(max_epochs=0).fit(thin * 4, y)
    assert np.allclose(fitted.predict_proba(thin), kept, atol=1e-9)
    dense = net().fit(thin.toarray(), y)
    with pytest.raises(ValueError, match="learned means from dense rows"):
        dense.predict(thin)


def test_constant_columns_and_single_rows() -> None:
    rows = np.c_[X, np.full(80, 7.0)]
    fitted = net().fit(rows, y)
    kept = fitted.predict_proba(rows)
    fitted.set_params(max_epochs=0).fit(rows[:1] + 1, y[:1])
    assert np.allclose(fitted.predict_proba(rows), kept, atol=1e-8)


def test_regression() -> None:
    fitted = WarmStartRegressor(standardize=True, warm_start=True, max_epochs=20, random_state=0).fit(X, X[:, :2])
    kept = fitted.predict(X)
    fitted.set_params(max_epochs=0).fit(X * 2 - 9, X[:, :2])
    assert np.allclose(fitted.predict(X), kept, atol=1e-7)


class NormFirst(nn.Module):
    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.norm, self.out = nn.BatchNorm1d(n_features), nn.Linear(n_features, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(X))


class NoBias(nn.Linear):
    def __init__(self, n_features: int, n_outputs: int):
        super().__init__(n_features, n_outputs, bias=False)


def test_what_cannot_be_made_up_for_is_said_and_nothing_is_lost() -> None:
    for module, message in ((NormFirst, "does not read them directly"), (NoBias, "give the first layer a bias")):
        fitted = WarmStartClassifier(module, standardize=True, warm_start=True, max_epochs=1, random_state=0).fit(
            X, y
        )
        kept = fitted.predict_proba(X)
        with pytest.raises(ValueError, match=message):
            fitted.fit(X + 1, y)
        with pytest.raises(ValueError, match=message):
            fitted.partial_fit(X + 1, y)
        assert np.array_equal(fitted.predict_proba(X), kept)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fitted.fit(X, y)  # rows that did not move need nothing made up for
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    with pytest.raises(ValueError, match="standardize=True needs X as an array"):
        net().fit(dataset, None)
    with pytest.raises(ValueError, match="standardize=True needs X as an array"):
        net().fit(X, y).predict(dataset)
