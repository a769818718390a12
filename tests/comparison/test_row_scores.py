"""What each test row adds to the score of a run: as many values as rows, whose mean is the score."""

from __future__ import annotations

import warnings
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import sklearn
from comparators import X, Y, comparator, net
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    fbeta_score,
    get_scorer,
    make_scorer,
    mean_absolute_error,
    r2_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartComparator, WarmStartRegressor
from sk_warmstart.comparison import DataIncremental, _comparator
from sk_warmstart.comparison._row_scores import N_BLOCKS, RowScores, blocks_of
from sk_warmstart.comparison.runs._answers import Answers
from sk_warmstart.comparison.runs._scorer import PhaseScorer
from sk_warmstart.comparison.runs.measures._dummy import dummy_score
from sk_warmstart.comparison.runs.measures._row_scores import Scored, score_by_row

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
TEST = np.arange(0, 400, 3)


def share_right(estimator: Any, rows: Any, y: Any) -> float:
    return float(np.mean(estimator.predict(rows) == y))


def own_score(estimator: Any, rows: Any, y: Any) -> float:
    assert isinstance(estimator, LogisticRegression)
    return float(estimator.score(rows, y))


CLASSIFIED: list[tuple[Any, bool]] = [
    *(
        (name, False)
        for name in ("accuracy", "roc_auc", "average_precision", "f1", "f1_macro", "balanced_accuracy")
    ),
    *((name, False) for name in ("matthews_corrcoef", "precision", "neg_log_loss", "neg_brier_score")),
    ("d2_log_loss_score", True),
    (make_scorer(fbeta_score, beta=2, pos_label=0), False),
    (make_scorer(cohen_kappa_score), False),  # by distinct pairs of labels
    (make_scorer(accuracy_score, greater_is_better=False), False),
    (share_right, True),
    (own_score, True),
]
MEASURED: list[tuple[Any, bool]] = [
    *((name, False) for name in ("r2", "explained_variance", "neg_mean_squared_error", "neg_mean_absolute_error")),
    *((name, False) for name in ("neg_root_mean_squared_error", "neg_mean_absolute_percentage_error")),
    ("neg_median_absolute_error", True),
    (make_scorer(r2_score, multioutput="variance_weighted"), False),
]


def scored(estimator: Any, X: Any, y: Any, scoring: Any, test: Any = TEST, **params: Any) -> Scored:
    scorer = PhaseScorer(X, y, sklearn.metrics.check_scoring(estimator, scoring), params)
    found = score_by_row(Answers(estimator, scorer), test, blocks_of(test))
    assert found.score == scorer.score(estimator, test)
    if found.values is not None:
        assert found.values.shape == test.shape
        assert found.values.mean() == pytest.approx(found.score, rel=1e-12, abs=1e-12)
    return found


@pytest.fixture(scope="module")
def classifier() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=1e-3)).fit(*CANCER)[-1].fit(*_standard(CANCER))


def _standard(data: tuple[Any, Any]) -> tuple[Any, Any]:
    return StandardScaler().fit_transform(data[0]), data[1]


def _name(value: Any) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("scoring", "by_block"), CLASSIFIED, ids=_name)
def test_classifiers(classifier: Any, scoring: Any, by_block: bool) -> None:
    rows, y = _standard(CANCER)
    found = scored(classifier, rows, y, scoring)
    assert found.values is not None
    assert found.blocks == by_block
    assert found.bounded == (scoring == "accuracy")
    if by_block:
        for block in range(N_BLOCKS):
            assert np.ptp(found.values[block == TEST % N_BLOCKS]) == 0


@pytest.mark.parametrize(("scoring", "by_block"), MEASURED, ids=_name)
def test_regressors(scoring: Any, by_block: bool) -> None:
    found = scored(Ridge().fit(*DIABETES), *DIABETES, scoring)
    assert found.values is not None
    assert found.blocks == by_block


def test_values_of_means_are_the_rows_own() -> None:
    rows, y = _standard(CANCER)
    model = LogisticRegression(C=1e-3).fit(rows, y)
    right = (model.predict(rows[TEST]) == y[TEST]).astype(float)
    for scoring in (None, "accuracy"):
        np.testing.assert_allclose(scored(model, rows, y, scoring).values, right)
    ridge = Ridge().fit(*DIABETES)
    errors = np.abs(ridge.predict(DIABETES[0][TEST]) - DIABETES[1][TEST])
    np.testing.assert_allclose(scored(ridge, *DIABETES, "neg_mean_absolute_error").values, -errors)


def test_several_outputs() -> None:
    y = np.column_stack([DIABETES[1], DIABETES[0][:, 2] * 1000])
    model = Ridge().fit(DIABETES[0], y)
    for scoring in ("r2", "neg_mean_squared_error", "neg_root_mean_squared_error"):
        found = scored(model, DIABETES[0], y, scoring)
        assert found.values is not None
        assert not found.blocks
    assert scored(model, DIABETES[0], y, make_scorer(r2_score, multioutput="variance_weighted")).blocks


def test_a_callable_predicts_twice_at_most() -> None:
    class Counting(LogisticRegression):
        calls = 0

        def predict(self, X: Any) -> Any:
            Counting.calls += 1
            return super().predict(X)

    rows, y = _standard(CANCER)
    model = Counting().fit(rows, y)
    for scoring, most in ((share_right, 2), (get_scorer("f1"), 1), (own_score, 2)):
        Counting.calls = 0
        score_by_row(Answers(model, PhaseScorer(rows, y, scoring)), TEST, blocks_of(TEST))
        assert Counting.calls <= most


def test_weights_of_the_scorer() -> None:
    weights = np.random.default_rng(0).uniform(0.2, 3, size=len(CANCER[1]))
    rows, y = _standard(CANCER)
    model = LogisticRegression(C=1e-3).fit(rows, y)
    for scoring, by_block in (("accuracy", False), ("roc_auc", False), ("f1", True), ("average_precision", True)):
        found = scored(model, rows, y, scoring, sample_weight=weights)
        assert found.values is not None
        assert not found.bounded
        assert found.blocks == by_block


def test_what_has_no_rows_says_so() -> None:
    rows, y = _standard(CANCER)
    model = LogisticRegression().fit(rows, y)

    def all_or_nothing(estimator: Any, X: Any, y: Any) -> float:
        if len(y) < len(TEST):
            raise ValueError("all rows, please")
        return 0.5

    assert scored(model, rows, y, all_or_nothing).values is None
    assert np.isnan(
        score_by_row(Answers(model, PhaseScorer(rows, y, lambda *_: np.nan)), TEST, blocks_of(TEST)).score
    )


def test_rows_of_a_group_are_in_one_block() -> None:
    groups = np.repeat(np.arange(30), 5)
    found = blocks_of(np.arange(150), groups)
    assert all(len(np.unique(found[groups == group])) == 1 for group in range(30))


# ---------------------------------------------------------------- in a comparison


def kept_rows(fitting: WarmStartComparator, *data: Any, **params: Any) -> list[RowScores]:
    """What a comparison hands over to be judged."""
    made: list[Any] = []
    judge = _comparator.make_findings

    def note(*args: Any, **kwargs: Any) -> Any:
        made.extend(kwargs["row_scores"])
        return judge(*args, **kwargs)

    with patch.object(_comparator, "make_findings", note):
        fitting.fit(*data, **params)
    return made


def check_rows(rows: list[RowScores], fitted: WarmStartComparator) -> None:
    results = fitted.results_[fitted.results_["error"] == ""].set_index(["repeat", "stream", "phase", "arm"])
    assert len(rows) == len(results)
    for row in rows:
        run = results.loc[tuple(row[:4])]
        assert len(row.rows) == len(row.values) == run["n_test"]
        assert row.values.mean() == pytest.approx(run["score"], abs=1e-9)


def same(one: list[RowScores], other: list[RowScores], atol: float = 0.0) -> None:
    assert [row[:4] for row in one] == [row[:4] for row in other]
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_allclose(first.values, second.values, rtol=0, atol=atol)


def test_rows_of_all_runs_are_kept_alike_in_packs_jobs_and_alone() -> None:
    packed, alone, jobs = (
        comparator(scoring="f1_macro", **params) for params in ({}, {"packed": False}, {"n_jobs": 2})
    )
    rows = kept_rows(packed, X, Y)
    check_rows(rows, packed)
    same(rows, kept_rows(alone, X, Y), atol=1e-6)
    same(rows, kept_rows(jobs, X, Y))


def test_resumed_comparisons_have_them(tmp_path: Any) -> None:
    one, two = (comparator(resume=tmp_path / "fits") for _ in range(2))
    same(kept_rows(one, X, Y), kept_rows(two, X, Y))
    kept = one.results_.drop(columns=["memory"])
    pd.testing.assert_frame_equal(kept, two.results_.drop(columns=["memory"]))  # what was kept took its time


@pytest.mark.parametrize(
    "estimator", [SGDClassifier(), make_pipeline(StandardScaler(), net())], ids=["sgd", "pipe"]
)
def test_other_estimators_and_pipelines(estimator: Any) -> None:
    fitting = comparator(estimator)
    check_rows(kept_rows(fitting, X, Y), fitting)


def test_incumbents_and_regressors() -> None:
    fitting = comparator(
        WarmStartRegressor(max_epochs=2, module__hidden_layer_sizes=(8,)),
        scoring="r2",
        incumbent=Ridge().fit(*DIABETES),
    )
    rows = kept_rows(fitting, *DIABETES)
    check_rows(rows, fitting)
    assert {row.arm for row in rows} == {"cold", "warm", "incumbent"}
    assert "failed" not in fitting.gain_["verdict"].tolist()


def test_equal_test_sets_have_equal_codes() -> None:
    fitting = comparator(phases=DataIncremental(3), n_repeats=2)
    rows = kept_rows(fitting, X, Y)
    codes = fitting.results_.set_index(["repeat", "stream", "phase", "arm"])["test_set"]
    for one in rows:
        for other in rows:
            equal = set(one.rows.tolist()) == set(other.rows.tolist())
            assert (codes.loc[tuple(one[:4])] == codes.loc[tuple(other[:4])]) == equal


def test_time_of_the_processor_is_kept() -> None:
    fitting = comparator(net(max_epochs=3)).fit(X, Y)
    assert (fitting.results_["process_seconds"] >= 0).all()
    assert (fitting.stages_["cost"]["processors busy"] >= 0).all()


# ---------------------------------------------------------------- guessing


@pytest.mark.parametrize(
    ("scoring", "expected"), [("accuracy", 2 / 3), (None, 2 / 3), ("roc_auc", 0.5), ("neg_log_loss", None)]
)
def test_score_of_guessing_classes(scoring: Any, expected: float | None) -> None:
    y = np.tile([1, 1, 0], 100)
    rows = np.random.default_rng(0).normal(size=(300, 2))
    model = LogisticRegression().fit(rows, y)
    scorer = PhaseScorer(rows, y, sklearn.metrics.check_scoring(model, scoring))
    entropy = float(-(2 * np.log(2 / 3) + np.log(1 / 3)) / 3)
    found = dummy_score(model, scorer, np.arange(150), np.arange(150, 300))
    assert found == pytest.approx(-entropy if expected is None else expected)


def test_score_of_guessing_the_mean_and_of_what_cannot_be_guessed() -> None:
    model = Ridge().fit(*DIABETES)
    train, test = np.arange(300), np.arange(300, 442)
    scorer = PhaseScorer(*DIABETES, get_scorer("neg_mean_absolute_error"))
    expected = -mean_absolute_error(DIABETES[1][test], np.full(142, DIABETES[1][train].mean()))
    assert dummy_score(model, scorer, train, test) == pytest.approx(expected)
    own = PhaseScorer(*DIABETES, lambda estimator, X, y: float(np.sum(estimator.coef_)))
    assert np.isnan(dummy_score(model, own, train, test))


# ---------------------------------------------------------------- scores that are no numbers


class Collapsing(ClassifierMixin, BaseEstimator):
    """Knows all answers; trained again on what it has, it gives none in some runs."""

    def __init__(self, warm_start: bool = False, random_state: int = 0):
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Collapsing:
        self.classes_ = np.unique(y)
        self.gives_none_ = self.warm_start and self.random_state % 10 < 3
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> Any:
        return np.where(X[:, 0] > 0, self.classes_[1], self.classes_[0])


def defined_share(estimator: Any, X: Any, y: Any) -> float:
    return np.nan if getattr(estimator, "gives_none_", False) else float(np.mean(estimator.predict(X) == y))


def test_runs_without_a_score_have_failed_and_are_not_judged() -> None:
    """Collapsed runs: told "neutral ... use it" where their scores are dropped."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 2))
    y = (rows[:, 0] + 0.3 * rng.normal(size=200) > 0).astype(int)
    fitting = WarmStartComparator(
        Collapsing(), ("cold", "warm"), DataIncremental(3), 10, scoring=defined_share, refit=None, random_state=0
    )
    kept = kept_rows(fitting, rows, y)
    failed = fitting.results_["error"] == "score is NaN"
    assert 0 < failed.sum() < (fitting.results_["arm"] == "warm").sum()
    assert (fitting.results_.loc[failed, "arm"] == "warm").all()
    assert fitting.results_.loc[failed, "score"].isna().all()
    assert fitting.gain_.loc["warm", "verdict"] == "failed"
    assert fitting.best_arm_ == "cold"
    check_rows(kept, fitting)


def test_scores_that_are_no_numbers_for_cold_either_are_kept() -> None:
    fitting = comparator(scoring=lambda estimator, X, y: np.nan if len(y) > 40 else 0.5, phases=DataIncremental(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="no run of cold has a score"):
            fitting.fit(np.tile(X, (2, 1)), np.tile(Y, 2))
