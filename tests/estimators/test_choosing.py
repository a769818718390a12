"""Estimators whose policy chooses: races on real rows, negative transfer, patience that suits the start."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import Auto, BestOf, InitPolicy, PolicyContext
from sk_warmstart.state import NetState

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
OLD, NEW = slice(0, 500), slice(0, 900)


def net(**params: Any) -> WarmStartClassifier:
    settings: dict[str, Any] = {"max_epochs": 25, "random_state": 0, "module__hidden_layer_sizes": (32,)}
    return WarmStartClassifier(**(settings | params))


@pytest.fixture(scope="module")
def donor() -> WarmStartClassifier:
    return net().fit(X[OLD], Y[OLD])


@pytest.fixture(scope="module")
def misled() -> WarmStartClassifier:
    """A donor trained on permuted labels: what it learned can only hurt."""
    return net(max_epochs=60).fit(X[OLD], np.random.default_rng(0).permutation(Y[OLD]))


def from_(source: Any, **params: Any) -> WarmStartClassifier:
    return net(warm_start_from=FrozenEstimator(source), **params)


def test_the_winner_of_a_race_starts_as_if_it_had_been_asked_for(donor: WarmStartClassifier) -> None:
    raced = from_(donor, init_policy=BestOf(["cold", "warm"])).fit(X[NEW], Y[NEW])
    assert raced.start_.chosen == "warm"
    assert raced.start_.epochs == 2
    assert {row["candidate"] for row in raced.start_.race} == {"cold", "warm"}
    asked = from_(donor, init_policy="warm").fit(X[NEW], Y[NEW])
    assert all(
        torch.equal(a, b) for a, b in zip(raced.module_.parameters(), asked.module_.parameters(), strict=True)
    )
    assert raced.loss_curve_ == asked.loss_curve_


def test_a_race_leaves_no_trace(donor: WarmStartClassifier) -> None:
    state = torch.get_rng_state()
    heard = []

    class Watch(InitPolicy):
        def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
            assert context.race is not None
            before = {name: tensor.clone() for name, tensor in previous.items()}
            race = context.race({"warm": previous, "cold": fresh})
            first = race.run(["warm", "cold"], 1)
            heard.append((float(first["warm"].scores.mean()), float(first["cold"].scores.mean())))
            assert all(torch.equal(previous[name], tensor) for name, tensor in before.items())
            return previous

    watched = from_(donor, init_policy=Watch()).fit(X[NEW], Y[NEW])
    plain = from_(donor).fit(X[NEW], Y[NEW])
    assert watched.loss_curve_ == plain.loss_curve_
    assert len(watched.history) == 25
    assert heard[0][0] > heard[0][1]
    assert torch.equal(torch.get_rng_state(), state)


def test_donors_race_and_the_better_one_is_the_parent(donor: Any, misled: Any, tmp_path: Any) -> None:
    path = tmp_path / "good.safetensors"
    Checkpoint.from_estimator(donor).save(path)
    policy = BestOf(["warm"], sources=[FrozenEstimator(misled), path])
    alone = clone(net(init_policy=policy)).fit(X[NEW], Y[NEW])  # no donor of its own: the first source stands in
    assert alone.start_.chosen == "warm of source 1"
    assert alone.start_.donor == "init_policy"
    assert alone.start_.donor_id == alone.lineage_.parent == Checkpoint.load(path).id
    assert {row["candidate"] for row in alone.start_.race} == {"warm of source 0", "warm of source 1"}
    own = from_(misled, init_policy=BestOf(["warm"], sources=[Checkpoint.load(path)])).fit(X[NEW], Y[NEW])
    assert own.start_.donor_id == Checkpoint.load(path).id


def test_rows_that_any_racing_donor_knows_are_leaked(donor: Any, misled: Any) -> None:
    policy = BestOf(["warm"], sources=[FrozenEstimator(donor)])
    fitted = net(init_policy=policy, warm_start_from=FrozenEstimator(misled)).fit(X[900:1200], Y[900:1200])
    with pytest.warns(UserWarning, match="trained the donor"):
        fitted.score(X[OLD], Y[OLD])


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("policy", ["auto", "best_of", BestOf(["cold", "warm", "linear_probe", "reset_layers"])])
def test_negative_transfer_is_caught(misled: Any, policy: Any, early_stopping: bool) -> None:
    fitted = from_(misled, init_policy=policy, early_stopping=early_stopping, max_epochs=60)
    fitted.fit(X[500:1300], Y[500:1300])
    assert fitted.start_.chosen in ("cold", "linear_probe", "reset_layers", "shrink_perturb")
    assert fitted.score(X[1300:], Y[1300:]) > 0.8
    if early_stopping:
        assert fitted.lineage_.scores["valid_score"] >= fitted.start_.score


def test_early_stopping_never_ends_below_a_misled_start(misled: Any) -> None:
    fitted = from_(misled, early_stopping=True, lr=1e-8, max_epochs=3).fit(X[500:900], Y[500:900])
    assert fitted.lineage_.scores["valid_score"] == pytest.approx(fitted.start_.score)


@pytest.mark.filterwarnings("ignore::sk_warmstart.state.LeakageWarning")
def test_auto_suits_patience_and_watches_the_loss(donor: Any) -> None:
    params = {"early_stopping": True, "n_iter_no_change": 10, "max_epochs": 200, "lr": 1e-9, "tol": 1e-3}
    patient = from_(donor, init_policy="warm", **params).fit(X[:560], Y[:560])
    assert patient.n_iter_ == 10
    chosen = from_(donor, init_policy="auto", **params).fit(X[:560], Y[:560])
    assert chosen.start_.chosen == "warm"
    assert chosen.start_.patience < 0.5
    assert chosen.n_iter_ == int(np.ceil(10 * chosen.start_.patience))
    assert chosen.n_iter_no_change == 10  # the parameter is the user's
    assert any("of the rows are new" in reason for reason in chosen.start_.reasons)


def test_without_early_stopping_a_start_changes_nothing_of_what_is_returned(donor: Any) -> None:
    """A fit far into over-fitting raises the validation loss, and not its own start is what it is to return."""
    fits = [
        from_(donor, init_policy=policy, max_epochs=150).fit(X[NEW], Y[NEW], X_val=X[900:], y_val=Y[900:])
        for policy in ("auto", "warm")
    ]
    assert fits[0].start_.chosen == "warm"
    assert torch.equal(fits[0].module_.output.weight, fits[1].module_.output.weight)


def test_auto_tells_a_changed_schema(donor: Any) -> None:
    few = net(classes=None).fit(X[Y < 8], Y[Y < 8])
    grown = from_(few, init_policy="auto", schema="adapt").fit(X, Y)
    assert "2 classes were added" in grown.start_.reasons


def test_numbers_and_modules_of_ones_own() -> None:
    A, b = make_regression(300, 6, noise=1, random_state=0)
    A, b = A.astype(np.float32), (b / b.std()).astype(np.float32)

    class Own(nn.Module):
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__()
            self.body, self.head = nn.Linear(n_features, 8), nn.Linear(8, n_outputs)

        def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            hidden = torch.tanh(self.body(X))
            return self.head(hidden), hidden

    class Penalised(WarmStartRegressor):
        def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
            output, hidden = y_pred
            return super().get_loss(output, y_true, *args, **kwargs) + 1e-3 * hidden.square().mean()

    for policy in ("auto", "best_of", "dash"):
        fitted = Penalised(Own, warm_start=True, init_policy=policy, max_epochs=60, random_state=0, lr=0.01)
        fitted.fit(A[:150], b[:150]).fit(A, b)
        assert fitted.start_.get("chosen", "warm") == "warm"


def test_choosing_is_repeatable_and_searchable(donor: Any) -> None:
    fits = [from_(donor, init_policy="auto", early_stopping=True).fit(X[NEW], Y[NEW]) for _ in range(2)]
    assert repr(fits[0].start_.reasons) == repr(fits[1].start_.reasons)
    assert fits[0].loss_curve_ == fits[1].loss_curve_
    assert pickle.loads(pickle.dumps(fits[0])).start_.chosen == fits[0].start_.chosen
    grid = {"init_policy": ["cold", Auto(), BestOf(["cold", "warm"])]}
    search = GridSearchCV(from_(donor, max_epochs=3), grid, cv=2).fit(X[900:1200], Y[900:1200])
    with parallel_config(backend="packed", n_jobs=6):
        packed = GridSearchCV(from_(donor, max_epochs=3), grid, cv=2).fit(X[900:1200], Y[900:1200])
    scores = [s.cv_results_["mean_test_score"] for s in (search, packed)]
    np.testing.assert_allclose(*scores, atol=0.01)


def test_random_labels_score_chance_with_races(donor: Any) -> None:
    random = np.random.default_rng(0).integers(0, 2, 400)
    scores = cross_val_score(net(init_policy="best_of", early_stopping=True), X[:400], random, cv=4)
    assert abs(scores.mean() - 0.5) < 0.12


def test_a_candidate_that_diverges_loses(donor: Any, caplog: Any) -> None:
    class Huge(InitPolicy):
        def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
            return previous.map(lambda name, tensor: tensor * 1e30)

    with caplog.at_level(logging.CRITICAL):
        fitted = from_(donor, init_policy=BestOf([Huge(), "warm"])).fit(X[NEW], Y[NEW])
    assert fitted.start_.chosen == "warm"


def test_too_few_rows_to_race_is_an_error_that_loses_nothing(donor: Any) -> None:
    fitted = net(warm_start=True).fit(X[OLD], Y[OLD])
    before = fitted.predict_proba(X[:5])
    fitted.set_params(init_policy="best_of")
    with pytest.raises(ValueError, match="a race needs rows to train on"):
        fitted.fit(X[:1], Y[:1])
    assert np.array_equal(fitted.predict_proba(X[:5]), before)
