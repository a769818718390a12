"""Scores of validation rows: of what is predicted, or the loss where the score measures something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import net, regressor
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import LinearProbe

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 3))
COUNTS = rng.poisson(np.exp(1 + X[:, 0])).astype(float)
SHARES = 1 / (1 + np.exp(-2 * X[:, 0]))
SKEWED = X[:, 0] + 3 * rng.exponential(size=600)
OLD, NEW = slice(400), slice(400, None)


class Pinball(nn.Module):
    def forward(self, guess: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        miss = target - guess
        return torch.maximum(0.95 * miss, -0.05 * miss).mean()


class MeanAndSpread(nn.Module):
    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mean, log_variance = output[:, :1], output[:, 1:]
        return (0.5 * (log_variance + (target - mean) ** 2 / log_variance.exp())).mean()


def fitted(y: Any, **params: Any) -> Any:
    settings = {"max_epochs": 60, "module__hidden_layer_sizes": (32,)} | params
    return regressor(early_stopping=True, **settings).fit(X[OLD], y[OLD])


@pytest.mark.parametrize(
    ("y", "params"),
    [
        (COUNTS, {"criterion": nn.PoissonNLLLoss, "predict_nonlinearity": torch.exp}),
        (SHARES, {"criterion": nn.BCEWithLogitsLoss, "predict_nonlinearity": torch.sigmoid}),
        (SHARES, {"criterion": nn.BCEWithLogitsLoss}),
        (SHARES, {"predict_nonlinearity": torch.sigmoid}),
        (10 * SHARES, {"criterion": nn.L1Loss}),
    ],
)
def test_a_regressor_stops_by_what_it_predicts(y: Any, params: Any) -> None:
    stopped = fitted(y, **params)
    plain = regressor(max_epochs=60, module__hidden_layer_sizes=(32,), **params).fit(X[OLD], y[OLD])
    assert stopped.score(X[NEW], y[NEW]) > plain.score(X[NEW], y[NEW]) - 0.1
    given = regressor(max_epochs=2, **params).fit(X[OLD], y[OLD], X_val=X[NEW], y_val=y[NEW])
    assert given.history[-1]["valid_score"] == pytest.approx(r2_score(y[NEW], given.predict(X[NEW])))
    start = regressor(max_epochs=0, **params).fit(X[OLD], y[OLD])
    assert start.start_.score == pytest.approx(r2_score(y[OLD], start.predict(X[OLD])))


@pytest.mark.parametrize("unit", [1e-6, 1.0])
def test_a_quantile_is_stopped_by_its_loss_in_any_unit(unit: float) -> None:
    stopped = fitted(SKEWED * unit, criterion=Pinball, max_epochs=100)
    assert np.mean(SKEWED[NEW] * unit <= stopped.predict(X[NEW])) > 0.85
    losses = [row["valid_loss"] for row in stopped.history]
    assert stopped.n_iter_ < 100
    assert len(losses) - 1 - int(np.argmin(losses)) <= 10 + 20


@pytest.mark.parametrize("y", [SKEWED, SKEWED[:, None]])
@pytest.mark.parametrize("early", [True, False])
def test_mean_and_spread_of_one_target(y: Any, early: bool) -> None:
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    two = net(WarmStartRegressor, module=module, criterion=MeanAndSpread, early_stopping=early, warm_start=True)
    two.fit(X, y)
    assert two.predict(X).shape == (600, 2)
    with pytest.raises(ValueError, match="R2 cannot compare them"):
        two.score(X, y)
    assert two.start_.score == pytest.approx(-two.start_.loss)
    for policy in ("auto", "best_of"):
        assert np.isfinite(two.set_params(init_policy=policy, max_epochs=1).fit(X, y).start_.score)


def test_races_of_counts_are_judged_by_their_loss() -> None:
    params = {"criterion": nn.PoissonNLLLoss, "predict_nonlinearity": torch.exp, "warm_start": True}
    racing = regressor(max_epochs=60, **params).fit(X, COUNTS).set_params(init_policy="best_of", max_epochs=0)
    start = racing.fit(X, COUNTS).start_
    assert start.chosen == "warm"
    assert all(row["score"] == pytest.approx(-row["loss"]) for row in start.race)
    assert racing.set_params(init_policy="auto").fit(X, COUNTS).start_.chosen == "warm"
    with pytest.raises(ValueError, match="predictions are made of them by a nonlinearity"):
        racing.set_params(init_policy=LinearProbe()).fit(X, COUNTS)


@pytest.mark.parametrize("criterion", [nn.BCEWithLogitsLoss, nn.BCELoss])
@pytest.mark.parametrize("column", [True, False])
def test_one_output_of_two_classes(criterion: Any, column: bool) -> None:
    y = np.where(X[:, 0] > 0, "yes", "no")
    layers = [nn.Linear(3, 1), *([nn.Sigmoid()] if criterion is nn.BCELoss else [])]
    module = nn.Sequential(*layers, *([] if column else [nn.Flatten(0)]))
    one = net(WarmStartClassifier, module=module, criterion=criterion, max_epochs=20).fit(X, y)
    assert one.predict(X).shape == (600,)
    assert one.predict_proba(X).shape == (600, 2)
    assert one.score(X, y) == (one.predict(X) == y).mean() > 0.9
    again = one.set_params(warm_start=True, max_epochs=0).fit(X, y)
    assert again.start_.score == pytest.approx(one.score(X, y))
    assert cross_val_predict(one, X, y, cv=2, method="predict_proba").shape == (600, 2)
    assert BaggingClassifier(one, 2, random_state=0).fit(X, y).predict_proba(X).shape == (600, 2)


@pytest.mark.parametrize("criterion", [nn.BCEWithLogitsLoss, nn.BCELoss])
def test_shares_and_several_labels(criterion: Any) -> None:
    class Module(nn.Sequential):
        def __init__(self, n_features: int, n_outputs: int):
            last = [nn.Sigmoid()] if criterion is nn.BCELoss else []
            super().__init__(nn.Linear(n_features, n_outputs), *last)

    params = {"module": Module, "criterion": criterion, "max_epochs": 30, "early_stopping": True}
    shares = net(WarmStartRegressor, **params).fit(X, SHARES)
    assert shares.predict(X).shape == (600,)
    assert shares.score(X, SHARES) > 0.8
    rows, labels = make_multilabel_classification(100, n_classes=5, random_state=0)
    several = net(WarmStartRegressor, **params).fit(rows, labels)
    assert several.predict(rows).shape == (100, 5)
    assert ((several.predict(rows) >= 0) & (several.predict(rows) <= 1)).all()
