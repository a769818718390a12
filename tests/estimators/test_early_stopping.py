"""Validation rows: when to stop, what is returned, and what counts as epoch 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sk_warmstart import WarmStartClassifier, WarmStartRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 5))
y = (X[:, 0] + X[:, 1] > 0).astype(int)


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {"module__hidden_layer_sizes": (16,), "random_state": 0, "batch_size": 32}
    return WarmStartClassifier(**{**defaults, **params})


def test_stops_and_returns_the_best_epoch() -> None:
    fitted = net(early_stopping=True, max_epochs=200, lr=0.02, n_iter_no_change=3).fit(X, y)
    scores = [row["valid_score"] for row in fitted.history]
    assert fitted.n_iter_ == len(scores) < 200
    assert fitted.start_.evaluated_on == "validation"
    assert fitted.score(X, y) > 0.9
    held = clone(fitted).set_params(early_stopping=False)
    valid = rng.random(300) < 0.3
    held.set_params(early_stopping=True).fit(X[~valid], y[~valid], X_val=X[valid], y_val=y[valid])
    best = max([held.start_.score, *(row["valid_score"] for row in held.history)])
    assert held.score(X[valid], y[valid]) == pytest.approx(best)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_fit_never_returns_worse_than_its_start(early_stopping: bool) -> None:
    good = net(max_epochs=30, lr=0.01).fit(X, y)
    wrong = 1 - y
    harmed = net(warm_start_from=FrozenEstimator(good), max_epochs=15, lr=0.05, early_stopping=early_stopping).fit(
        X, wrong, X_val=X, y_val=y
    )
    assert harmed.history[-1]["valid_score"] < 0.5
    assert harmed.score(X, y) == good.score(X, y) == harmed.start_.score
    assert np.array_equal(harmed.predict_proba(X), good.predict_proba(X))


def test_x_val_without_early_stopping_trains_to_the_end() -> None:
    fitted = net(max_epochs=7).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert fitted.n_iter_ == 7
    assert len({row["valid_score"] for row in fitted.history}) >= 1
    plain = net(max_epochs=7).fit(X, y)
    assert np.array_equal(fitted.predict_proba(X), plain.predict_proba(X))


def test_regression_is_scored_by_r2_with_weights() -> None:
    target = np.c_[X[:, 0], 5 * X[:, 1]]
    weight = rng.random(300)
    fitted = WarmStartRegressor(max_epochs=5, random_state=0).fit(
        X, target, X_val=X, y_val=target, sample_weight_val=weight
    )
    assert fitted.history[-1]["valid_score"] == pytest.approx(fitted.score(X, target, weight))


def test_classification_is_scored_by_accuracy_with_weights() -> None:
    weight = rng.random(300)
    fitted = net(max_epochs=2).fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    assert fitted.history[-1]["valid_score"] == pytest.approx(fitted.score(X, y, weight))


def test_what_makes_a_split_impossible_is_said() -> None:
    with pytest.raises(ValueError, match=r"needs rows on both sides .* n_samples=3 all are equal"):
        net(early_stopping=True, validation_fraction=0.01).fit(X[[0, 0, 0]], y[:3])
    with pytest.raises(ValueError, match="X_val needs y_val"):
        net().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match=r"classes not in|same classes"):
        net().fit(X, y, X_val=X, y_val=y + 5)
    with pytest.raises(ValueError, match="X has 4 features"):
        net().fit(X, y, X_val=X[:, :4], y_val=y)


def test_no_rows_are_held_out_in_partial_fit() -> None:
    fitted = net(early_stopping=True, max_epochs=2).partial_fit(X, y, classes=[0, 1])
    batches = net(max_epochs=1).fit(X, y).history[-1]["train_batch_count"]
    assert fitted.history[-1]["train_batch_count"] == batches == -(-300 // 32)
    assert "valid_score" not in fitted.history[-1]


def test_optimiser_goes_back_with_the_weights() -> None:
    fitted = net(max_epochs=20, lr=0.05, early_stopping=True, n_iter_no_change=8)
    fitted.fit(X, y, X_val=X[:40], y_val=y[:40])
    scores = [row["valid_score"] for row in fitted.history]
    last_best = max(i for i, score in enumerate(scores, 1) if score == max(scores))
    if scores[-1] < max(scores):
        last_best = scores.index(max(scores)) + 1
    step = next(iter(fitted.optimizer_.state.values()))["step"]
    assert int(step) == last_best * -(-300 // 32)
