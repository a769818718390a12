"""The model in use is an arm, and is kept unless another is shown to be better."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import Checkpoint, LeakageWarning, WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental, OldAndNew
from sk_warmstart.comparison.runs._outcome import FinalState, Outcome
from sk_warmstart.comparison.runs._refit import refit
from sk_warmstart.comparison.runs._task import Task
from sk_warmstart.comparison.runs.arms._arm import make_arms

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
OLD, NEW = slice(0, 600), slice(600, 1100)


def net(**params: Any) -> WarmStartClassifier:
    settings: dict[str, Any] = {"max_epochs": 6, "random_state": 0, "module__hidden_layer_sizes": (16,)}
    return WarmStartClassifier(**(settings | params))


def compared(incumbent: Any, estimator: Any = None, **params: Any) -> WarmStartComparator:
    settings: dict[str, Any] = {
        "phases": DataIncremental(2),
        "n_repeats": 3,
        "incumbent": incumbent,
        "random_state": 0,
    }
    estimator = net() if estimator is None else estimator
    return WarmStartComparator(estimator, ("cold", "warm"), **(settings | params)).fit(X[NEW], Y[NEW])


def test_it_is_scored_as_it_stands() -> None:
    incumbent = net(max_epochs=30).fit(X[OLD], Y[OLD])
    before = incumbent.predict_proba(X[NEW])
    result = compared(incumbent)
    mine = result.results_[result.results_["arm"] == "incumbent"]
    assert len(mine) == 3
    assert (mine[["epochs", "samples", "seconds"]] == 0).all().all()
    row = result.gain_.loc["incumbent"]
    assert row["score"] == pytest.approx(mine["score"].mean())
    assert np.isnan(row["speedup"])
    assert np.isnan(row["reached"])
    assert "incumbent is" in result.summary_[-1]
    assert "training samples" not in result.summary_[-1]
    np.testing.assert_array_equal(incumbent.predict_proba(X[NEW]), before)


def test_a_good_one_is_kept_and_the_best_arm_is_still_told() -> None:
    incumbent = net(max_epochs=40).fit(X[OLD], Y[OLD])
    result = compared(incumbent)
    assert result.kept_incumbent_
    assert result.best_arm_ in ("cold", "warm")
    np.testing.assert_array_equal(result.predict(X[NEW]), incumbent.predict(X[NEW]))
    assert result.best_estimator_ is not incumbent
    table = result.stages_["incumbent"]
    assert list(table.index) == ["cold", "warm"]
    assert (table["gain"] < 0).all()
    assert table[["negative_flips", "positive_flips"]].notna().all().all()


def test_a_poor_one_is_replaced_by_an_arm_that_wins_on_rows_held_out() -> None:
    incumbent = DummyClassifier(strategy="most_frequent").fit(X[OLD], Y[OLD])
    result = compared(incumbent, net(max_epochs=30))
    assert not result.kept_incumbent_
    scores = result.held_out_scores_
    assert scores["challenger"] > scores["incumbent"]
    assert result.stages_["incumbent"].loc[result.best_arm_, "verdict"] == "beneficial"
    assert result.score(X[NEW], Y[NEW]) > 0.5


def test_an_arm_that_won_the_comparison_has_to_win_on_rows_held_out_too() -> None:
    incumbent = net(max_epochs=40).fit(X[OLD], Y[OLD])
    challenger = net(max_epochs=0)
    arms = make_arms(("cold", "warm"), challenger)
    task = Task(challenger, arms, None, X[NEW], Y[NEW], None, get_scorer("accuracy"), incumbent=incumbent)
    outcome = Outcome(final={"warm": FinalState(net(max_epochs=0))}, held_out=np.arange(100))
    refitted = refit(task, outcome, arms[1], wins=True)
    assert refitted.kept
    assert refitted.scores is not None
    assert refitted.scores["challenger"] < refitted.scores["incumbent"]
    np.testing.assert_array_equal(refitted.estimator.predict(X), incumbent.predict(X))
    better = Task(net(), arms, None, X[NEW], Y[NEW], None, get_scorer("accuracy"), incumbent=incumbent)
    good = net(max_epochs=40, warm_start=True).fit(X[NEW][100:], Y[NEW][100:])
    outcome = Outcome(final={"warm": FinalState(good)}, held_out=np.arange(100))
    assert not refit(better, outcome, arms[1], wins=True).kept


def test_a_checkpoint_is_one_too(tmp_path: Path) -> None:
    trained = net(max_epochs=40).fit(X[OLD], Y[OLD])
    path = tmp_path / "in_use.safetensors"
    Checkpoint.from_estimator(trained).save(path)
    result = compared(path)
    assert result.kept_incumbent_
    np.testing.assert_array_equal(result.predict(X[NEW]), trained.predict(X[NEW]))


def test_a_pipeline_takes_the_rows_as_they_are() -> None:
    estimator = make_pipeline(StandardScaler(), net())
    incumbent = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(X[OLD], Y[OLD])
    result = compared(incumbent, estimator)
    scores = result.results_.set_index("arm")["score"]
    assert scores.loc["incumbent"].mean() > 0.8


def test_rows_that_trained_it_are_told() -> None:
    incumbent = net().fit(X[550:700], Y[550:700])
    with pytest.warns(LeakageWarning, match=r"was trained on (1\d|2\d)% of the rows that test") as told:
        result = compared(incumbent, refit=None)
    note = result.notes_[0]  # whoever reads the report later is told too
    assert note.startswith("The incumbent was trained on")
    assert note.lower() == f"{next(w.message for w in told if w.category is LeakageWarning)}.".lower()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compared(net().fit(X[OLD], Y[OLD]), refit=None)
    assert not any("was trained on" in note for note in result.notes_)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_rows_that_trained_it_and_never_test_are_no_leak(checkpoint: bool) -> None:
    rows = np.r_[np.arange(300), np.arange(600, 900)]
    incumbent = net().fit(X[:300], Y[:300])
    incumbent = Checkpoint.from_estimator(incumbent) if checkpoint else incumbent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = {"n_repeats": 2, "refit": None, "n_probes": 0, "random_state": 0, "incumbent": incumbent}
        WarmStartComparator(net(), ("cold", "warm"), OldAndNew(300), **settings).fit(X[rows], Y[rows])


@pytest.mark.parametrize(
    ("incumbent", "estimator", "error", "message"),
    [
        (net(), None, NotFittedError, "not fitted"),
        (StandardScaler().fit(X), None, ValueError, "StandardScaler does not predict"),
        ("nowhere.safetensors", None, Exception, "nowhere.safetensors"),
        ("some.safetensors", make_pipeline(StandardScaler(), net()), ValueError, "pass a fitted Pipeline"),
    ],
)
def test_what_cannot_be_one_is_said_before_any_work(
    incumbent: Any, estimator: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compared(incumbent, estimator)


def test_the_name_is_taken() -> None:
    with pytest.raises(ValueError, match="pass the model in use as incumbent="):
        WarmStartComparator(net(), {"cold": "cold", "incumbent": "warm"}).fit(X[NEW], Y[NEW])
