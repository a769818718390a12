"""Verdicts of whole comparisons whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparators import comparator, net
from sklearn.datasets import load_diabetes, load_digits, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, make_scorer, mean_squared_error

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison._inputs import check_settings
from sk_warmstart.comparison._settings import Settings
from sk_warmstart.comparison.findings.words._advice import advice_to_keep
from sk_warmstart.comparison.report._tables import phases_page
from sk_warmstart.policies import ShrinkPerturb

DIGITS = load_digits(return_X_y=True)
X, Y = (DIGITS[0][:400] / 16).astype(np.float32), DIGITS[1][:400]


def test_an_identical_arm_is_neither_cheaper_nor_costlier_nor_different() -> None:
    again = {"cold": "cold", "again": ShrinkPerturb(shrink=0, perturb=1)}
    result = comparator(net(max_epochs=8, early_stopping=True), policies=again, n_repeats=5, refit="best").fit(
        X, Y
    )
    row = result.gain_.loc["again"]
    assert row["verdict"] in ("neutral", "undecided")  # as the number of test rows allows
    assert row["cost"] == "similar"
    assert row[["gain", "speedup", "speedup_low", "speedup_high", "p_value"]].tolist() == [0, 1, 1, 1, 1]
    assert row["reached"] == row["reached_by_cold"] == 1
    assert "it needed about as many training samples as cold [1, 1]" in result.summary_[0]
    assert result.best_arm_ == "cold"
    assert result.best_estimator_.start_.policy == "Cold"


def test_advice_and_refit_agree_on_an_undecided_arm() -> None:
    result = comparator(n_repeats=2, refit="best").fit(X, Y)
    decided = result.gain_.loc["warm", ["verdict", "cost"]].tolist()
    changes = decided[0] == "beneficial" or decided == ["neutral", "cheaper"]
    assert result.best_arm_ == ("warm" if changes else "cold")
    assert result.advice_.startswith(f"Retrain {'with warm' if changes else 'cold'}:")
    assert result.best_estimator_.start_.policy == result.best_arm_.capitalize()


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_the_target_of_a_regression_is_in_units_of_the_validation_score(scale: float) -> None:
    rows, y = load_diabetes(return_X_y=True)
    rows, y = (rows * 20).astype(np.float32), ((y - y.mean()) * scale).astype(np.float32)
    scoring = "neg_root_mean_squared_error"
    regressor = WarmStartRegressor(max_epochs=10, early_stopping=True, module__hidden_layer_sizes=(16,))
    result = comparator(regressor, n_repeats=2, scoring=scoring, rope=2.0 * scale).fit(rows, y)
    results = result.results_.set_index(["arm", "repeat", "phase"]).sort_index()
    cold, warm = (results.loc[arm, "final_valid_score"] for arm in ("cold", "warm"))
    assert results.loc["warm", "target"].to_numpy() == pytest.approx(np.minimum(cold, warm).to_numpy())
    assert "validation R2 that both reach" in result.summary_[0] or result.gain_.loc["warm", "cost"] == ""
    assert result.settings_["ROPE"] == 2.0 * scale
    assert result.settings_["ROPE from"] == "given"


def test_of_rare_positives_the_validation_score_is_called_by_its_name() -> None:
    rows, y = make_classification(400, 10, weights=[0.97], flip_y=0, random_state=0)
    result = comparator(net(max_epochs=5, early_stopping=True), n_repeats=2, scoring="average_precision").fit(
        rows.astype(np.float32), y
    )
    row = result.gain_.loc["warm"]
    assert "cold's score" not in result.summary_[0]
    assert row["cost"] == "" or "validation accuracy that both reach" in result.summary_[0]
    results = result.results_[result.results_["arm"] == "warm"]
    both = np.minimum(
        results["final_valid_score"].to_numpy(),
        result.results_.loc[result.results_["arm"] == "cold", "final_valid_score"].to_numpy(),
    )
    assert results["target"].to_numpy() == pytest.approx(both)  # no ROPE of another score


def test_a_start_is_scored_as_its_end_is() -> None:
    """The report puts one below the other: one measure, on the same rows."""
    rows, y = make_classification(400, 10, weights=[0.9], flip_y=0.02, random_state=0)
    fits = net(max_epochs=0)
    result = comparator(fits, n_repeats=2, scoring="roc_auc").fit(rows.astype(np.float32), y)
    results = result.results_
    assert results["start_score"].to_numpy() == pytest.approx(results["score"].to_numpy())
    assert results["start_score"].nunique() > 2
    assert "below it that of the start" in phases_page(result.findings_).note


def test_nets_that_validate_by_the_score_are_timed_by_it() -> None:
    rows, y = make_classification(400, 10, random_state=0)
    fits = net(max_epochs=5, early_stopping=True, scoring="roc_auc")
    result = comparator(fits, n_repeats=2, scoring="roc_auc").fit(rows.astype(np.float32), y)
    settled = Settings.of(result.get_params(deep=False))
    assert settled.scored_as_validated
    assert settled.validation_score == "validation roc_auc"
    assert not settings(estimator=fits).scored_as_validated
    assert settings(estimator=net(scoring="loss")).scored_as_validated
    valid = result.curves_.loc[result.curves_["epoch"] > 0, "valid_score"]
    assert valid.between(0, 1).all()
    assert valid.nunique() > 4


def settings(**changes: Any) -> Settings:
    params = comparator(**changes).get_params(deep=False)
    return Settings.of(params)


@pytest.mark.parametrize(
    ("scoring", "bounded"),
    [
        (None, True),
        ("roc_auc", True),
        ("r2", True),
        ("neg_brier_score", True),
        ("neg_log_loss", False),
        ("neg_root_mean_squared_error", False),
        (make_scorer(f1_score), True),
        (make_scorer(mean_squared_error, greater_is_better=False), False),
        (make_scorer(mean_squared_error), False),
        (make_scorer(brier_score_loss, greater_is_better=False), True),
        (lambda estimator, X, y: 1000.0, False),
    ],
)
def test_only_scores_that_are_known_to_be_at_most_one_have_the_default_rope(scoring: Any, bounded: bool) -> None:
    assert settings(scoring=scoring).is_bounded == bounded


def test_the_rope_is_auto_or_a_number() -> None:
    assert comparator().rope == "auto"
    with pytest.raises(ValueError, match="rope must be 'auto' or a number of at least 0, got 'wide'"):
        check_settings(settings(rope="wide"))


def compared(incumbent: Any, estimator: WarmStartClassifier) -> Any:
    return comparator(estimator, phases=DataIncremental(2), n_repeats=4, incumbent=incumbent, refit="best").fit(
        X[200:], Y[200:]
    )


def test_advice_and_refit_agree_on_the_incumbent() -> None:
    good = LogisticRegression(max_iter=500).fit(X[:200], Y[:200])
    kept = compared(good, net(max_epochs=2))
    assert kept.kept_incumbent_
    assert kept.advice_.startswith("Keep the incumbent: no retrained model is shown to be better.")
    poor = DummyClassifier().fit(X[:200], Y[:200])
    replaced = compared(poor, net(max_epochs=30, lr=0.01, module__hidden_layer_sizes=(32,)))
    assert not replaced.kept_incumbent_
    assert replaced.advice_.startswith(f"Retrain with {replaced.best_arm_}: it is shown to be better")


def test_where_held_out_rows_keep_the_incumbent_the_findings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from sk_warmstart.comparison import _comparator
    from sk_warmstart.comparison.runs._refit import Refitted

    scores = {"challenger": 0.1, "incumbent": 0.2}
    monkeypatch.setattr(_comparator, "try_refit", lambda task, *args, **kw: Refitted(task.incumbent, True, scores))
    result = compared(DummyClassifier().fit(X[:200], Y[:200]), net(max_epochs=3))
    assert result.advice_ == result.findings_.advice == advice_to_keep(result.best_arm_, scores)
