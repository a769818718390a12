"""Validation rows: when to stop, what is returned, and what counts as epoch 0."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, get_scorer, make_scorer
from skorch.callbacks import Callback

from sk_warmstart import WarmStartClassifier, WarmStartRegressor, WarmStartTransformer

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


def test_any_score_of_predictions_can_be_watched() -> None:
    """What the history says of an epoch is what scikit-learn's scorer says of the network then."""
    words = np.array(["no", "yes"])[y]
    valid = rng.random(300) < 0.3
    rows = {"X_val": X[valid], "y_val": words[valid]}
    f1 = make_scorer(f1_score, pos_label="no")
    for scoring in ("roc_auc", "balanced_accuracy", "neg_log_loss", f1):
        seen: list[float] = []
        ask = EpochSeen(lambda net, scoring=scoring, seen=seen: seen.append(
            get_scorer(scoring)(net, X[valid], words[valid])
        ))  # fmt: skip
        fitted = net(scoring=scoring, early_stopping=True, max_epochs=6, lr=0.02, callbacks=[("ask", ask)])
        fitted.fit(X[~valid], words[~valid], **rows)
        assert [row["valid_score"] for row in fitted.history] == pytest.approx(seen, abs=1e-5)
        best = max([fitted.start_.score, *seen])
        assert get_scorer(scoring)(fitted, X[valid], words[valid]) == pytest.approx(best, abs=1e-5)
        weight = rng.random(valid.sum())
        fitted.fit(X[~valid], words[~valid], **rows, sample_weight_val=weight)
        expected = get_scorer(scoring)(fitted, X[valid], words[valid], sample_weight=weight)
        best = max([fitted.start_.score, *(row["valid_score"] for row in fitted.history)])
        assert best == pytest.approx(expected, abs=1e-5)


def test_of_rare_positives_the_loss_can_be_watched() -> None:
    """Accuracy does not move where nearly all rows are of one class; their loss does."""
    rare = (X[:, 0] + 0.5 * rng.normal(size=300) > 2).astype(int)
    both = {
        "early_stopping": True,
        "max_epochs": 60,
        "n_iter_no_change": 5,
        "lr": 0.003,
        "validation_fraction": 0.4,
    }
    by_accuracy, by_loss = net(**both).fit(X, rare), net(scoring="loss", **both).fit(X, rare)
    losses = [row["valid_loss"] for row in by_loss.history]
    assert by_loss.n_iter_ > by_accuracy.n_iter_
    assert min(losses) < min(row["valid_loss"] for row in by_accuracy.history)
    assert 0 <= by_loss.history[-1]["valid_score"] <= 1  # the accuracy still


def test_numbers_can_be_stopped_by_another_error() -> None:
    target = 3 * X[:, 0]
    fitted = WarmStartRegressor(
        scoring="neg_mean_absolute_error", early_stopping=True, max_epochs=5, random_state=0
    ).fit(X, target, X_val=X[:50], y_val=target[:50])
    error = -np.abs(fitted.predict(X[:50]) - target[:50]).mean()
    assert max(row["valid_score"] for row in fitted.history) == pytest.approx(error, rel=1e-5)


def test_auto_leaves_what_the_user_watches() -> None:
    donor = FrozenEstimator(net(max_epochs=3).fit(X, y))
    start = {"warm_start_from": donor, "init_policy": "auto", "early_stopping": True, "max_epochs": 4, "lr": 0.02}
    fitted = net(scoring="roc_auc", **start).fit(X, y, X_val=X[:60], y_val=y[:60])
    scores = [fitted.start_.score, *(row["valid_score"] for row in fitted.history)]
    assert get_scorer("roc_auc")(fitted, X[:60], y[:60]) == pytest.approx(max(scores))


@pytest.mark.parametrize("scoring", ["accurate", f1_score, ["roc_auc"], lambda net, X, y: 1.0, 3])
def test_what_is_no_scorer_is_refused(scoring: Any) -> None:
    with pytest.raises(ValueError, match="'scoring' parameter must be None, 'loss', the name of a scorer of"):
        net(scoring=scoring, max_epochs=1).fit(X, y)


def test_a_score_that_these_rows_do_not_have_is_said_before_training() -> None:
    one = y == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        with pytest.raises(ValueError, match=r"scoring='roc_auc' .* rows"):
            net(scoring="roc_auc", max_epochs=1).fit(X, y, X_val=X[one], y_val=y[one])
    with pytest.raises(ValueError, match=r"scoring='r2' cannot score"):
        net(scoring="r2", max_epochs=1).fit(
            X, np.array(["no", "yes"])[y], X_val=X, y_val=np.array(["no", "yes"])[y]
        )
    with pytest.raises(ValueError, match="scores predictions, and a WarmStartTransformer makes none"):
        WarmStartTransformer(scoring="r2", early_stopping=True, max_epochs=1).fit(X)


class EpochSeen(Callback):
    """Look at the network after each epoch."""

    def __init__(self, look: Any):
        self.look = look

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.look(net)
