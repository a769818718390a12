"""Ensembles as arms: warm adds rounds to the old model, cold trains all of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from sk_warmstart import WarmStartComparator
from sk_warmstart.comparison import DataIncremental
from sk_warmstart.comparison.runs.others._continue import Continuation, Rows, continue_fit, rounds_to_add
from sk_warmstart.comparison.runs.others._copies import fresh_copy, seed_param
from sk_warmstart.comparison.runs.others._rounds import rounds_of

X, Y = make_classification(400, 6, n_informative=4, n_redundant=0, n_classes=3, class_sep=1.5, random_state=0)
TARGET = X[:, 0] ** 2 + X[:, 1] + 0.1 * X[:, 2]
OLD, N = np.arange(200), 8

ENSEMBLES = [
    RandomForestClassifier(N),
    RandomForestRegressor(N),
    ExtraTreesClassifier(N),
    ExtraTreesRegressor(N),
    BaggingClassifier(n_estimators=N),
    BaggingRegressor(n_estimators=N),
    GradientBoostingClassifier(n_estimators=N),
    GradientBoostingRegressor(n_estimators=N),
    HistGradientBoostingClassifier(max_iter=N),
    HistGradientBoostingRegressor(max_iter=N),
    LGBMClassifier(n_estimators=N, n_jobs=1),
    LGBMRegressor(n_estimators=N, n_jobs=1),
    XGBClassifier(n_estimators=N, n_jobs=1),
    XGBRegressor(n_estimators=N, n_jobs=1),
    CatBoostClassifier(iterations=N, thread_count=1),
    CatBoostRegressor(iterations=N, thread_count=1),
]
OTHERS = [
    SGDClassifier(max_iter=200, tol=1e-1),
    SGDRegressor(max_iter=50, tol=1e-2),
    MLPClassifier((8,), max_iter=400, tol=1e-2),
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=1000, tol=0.1),
]


def kind(estimator: Any) -> str:
    return type(estimator).__name__


def target(estimator: Any) -> Any:
    return Y if is_classifier(estimator) else TARGET


def after(estimator: Any, n_rounds: int) -> Any:
    """What the first rounds of an ensemble predict."""
    if isinstance(estimator, LGBMClassifier | LGBMRegressor):
        return estimator.predict(X, num_iteration=n_rounds, raw_score=True)
    if isinstance(estimator, XGBClassifier | XGBRegressor):
        return estimator.predict(X, iteration_range=(0, n_rounds), output_margin=True)
    if isinstance(estimator, CatBoostClassifier | CatBoostRegressor):
        return estimator.predict(X, ntree_end=n_rounds, prediction_type="RawFormulaVal")
    for name in ("staged_decision_function", "staged_predict"):
        if hasattr(estimator, name):
            return list(getattr(estimator, name)(X))[n_rounds - 1]
    return np.stack([each.predict(X) for each in estimator.estimators_[:n_rounds]])


def continued(estimator: Any, X: Any, y: Any, add: int, params: dict[str, Any] | None = None) -> Any:
    new = np.arange(len(X)) >= len(OLD)
    return continue_fit(estimator, Rows(X, y, params or {}, new), 7, Continuation(add=add, asked=N))


def compared(estimator: Any, policies: Any = ("cold", "warm"), **params: Any) -> WarmStartComparator:
    settings: dict[str, Any] = {"phases": DataIncremental(3), "n_repeats": 2, "random_state": 0}
    return WarmStartComparator(estimator, policies, **(settings | params))


# -- a fit ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=kind)
def test_warm_has_the_old_rounds_as_they_were_and_new_ones_of_all_rows(estimator: Any) -> None:
    y = target(estimator)
    old = fresh_copy(estimator, **seed_param(estimator, 0)).fit(X[OLD], y[OLD])
    before = np.array(after(old, N))
    assert rounds_of(old) == N
    warm = continued(old, X, y, 5)
    assert rounds_of(warm) == N + 5
    np.testing.assert_allclose(after(warm, N), before, rtol=1e-6, atol=1e-6)
    assert warm.score(X, y) > fresh_copy(estimator).fit(X[OLD], y[OLD]).score(X, y)
    assert rounds_of(continued(warm, X, y, 2)) == N + 7


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=kind)
def test_what_is_added_depends_on_the_seed_unless_nothing_is_drawn(estimator: Any) -> None:
    y = target(estimator)

    def fitted(seed: int) -> Any:
        old = fresh_copy(estimator, **seed_param(estimator, 0)).fit(X[OLD], y[OLD])
        rows = Rows(X, y, {}, np.arange(len(X)) >= len(OLD))
        return continue_fit(old, rows, seed, Continuation(add=3)).predict(X)

    np.testing.assert_array_equal(fitted(1), fitted(1))
    if "Forest" in kind(estimator):
        assert (fitted(1) != fitted(2)).any()


def test_new_trees_of_histogram_boosting_start_from_what_the_old_ones_predict_of_other_rows() -> None:
    # scikit-learn's own warm start hands the bins of the new rows to the trees of the old ones, and ends below 0.
    rng = np.random.default_rng(0)
    old, new = rng.uniform(0, 3, (1000, 1)), rng.uniform(1, 4, (1000, 1))
    model = HistGradientBoostingRegressor(max_iter=50, random_state=0).fit(old, np.sin(3 * old[:, 0]))
    warm = continue_fit(model, Rows(new, np.sin(3 * new[:, 0]), {}, np.ones(1000, bool)), 0, Continuation(add=20))
    assert warm.score(new, np.sin(3 * new[:, 0])) > 0.95
    assert "_raw_predict" not in vars(warm)


def test_histogram_boosting_takes_no_other_categories() -> None:
    rng = np.random.default_rng(0)
    rows = np.c_[rng.integers(0, 3, 200), rng.normal(size=200)]
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features=[0]).fit(rows, rows[:, 1])
    everything = Rows(rows, rows[:, 1], {}, np.zeros(200, bool))
    assert rounds_of(continue_fit(model, everything, 0, Continuation(add=2))) == 7
    rows[:, 0] += 1
    with pytest.raises(ValueError, match="the categories of these rows are not those"):
        continue_fit(model, Rows(rows, rows[:, 1], {}, np.ones(200, bool)), 0, Continuation(add=2))


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=N, early_stopping=True, n_iter_no_change=2, tol=1.0),
        GradientBoostingClassifier(n_estimators=50, n_iter_no_change=2, tol=1.0),
    ],
    ids=kind,
)
def test_what_stopped_early_adds_what_is_asked(estimator: Any) -> None:
    old = clone(estimator).fit(X[OLD], Y[OLD])
    before = rounds_of(old)
    assert before < N
    warm = continued(old, X, Y, 4)
    assert rounds_of(warm) == before + 4
    assert warm.n_iter_no_change == 2  # the next cold fit stops as it did


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_network_that_converged_on_old_rows_trains_on_new_ones(early_stopping: bool) -> None:
    net = MLPRegressor(
        hidden_layer_sizes=(8,), max_iter=500, tol=0.1, early_stopping=early_stopping, random_state=0
    )
    warm = net.fit(X[OLD], TARGET[OLD])
    for _ in range(2):
        warm = continued(warm, X, TARGET + 5, 1)
        assert warm.n_iter_ > warm.n_iter_no_change


@pytest.mark.parametrize("preset", ["balanced", "balanced_subsample"])
def test_a_preset_of_weights_is_of_the_phases_rows_and_warns_of_nothing(preset: str) -> None:
    old = RandomForestClassifier(N, class_weight=preset, random_state=0).fit(X[OLD], Y[OLD])
    warm = continued(old, X, Y, 3)
    assert warm.class_weight == preset
    assert len(warm.estimators_) == N + 3


@pytest.mark.parametrize("estimator", [RandomForestClassifier(40), BaggingClassifier(n_estimators=40)], ids=kind)
def test_out_of_bag_scores_of_the_first_fit_do_not_stay(estimator: Any) -> None:
    old = clone(estimator).set_params(oob_score=True, random_state=0).fit(X[OLD], Y[OLD])
    assert old.oob_score_ > 0
    warm = continued(old, X, Y, 3)
    assert warm.oob_score
    assert not hasattr(warm, "oob_score_")
    assert not hasattr(warm, "oob_decision_function_")


@pytest.mark.parametrize("estimator", [each for each in ENSEMBLES if is_classifier(each)], ids=kind)
@pytest.mark.parametrize(
    ("replace", "by", "message"),
    [(2, 3, "these rows have the new class 3"), (2, 1, "these rows lack the class 2")],
    ids=["another class", "a class less"],
)
def test_other_classes_are_refused_not_mistaken(estimator: Any, replace: int, by: int, message: str) -> None:
    old = fresh_copy(estimator).fit(X[OLD], Y[OLD])
    with pytest.raises(ValueError, match=message):
        continued(old, X, np.where(replace == Y, by, Y), 2)


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=kind)
def test_other_columns_are_refused(estimator: Any) -> None:
    old = fresh_copy(estimator).fit(X[OLD], target(estimator)[OLD])
    with pytest.raises(ValueError, match="was fitted on 6 columns, and these rows have 5"):
        continued(old, X[:, :5], target(estimator), 2)


@pytest.mark.parametrize(
    ("asked", "has", "share", "expected"),
    [(100, 100, 0.5, 50), (100, 150, 1 / 3, 34), (100, 40, 0.5, 20), (100, 100, 0.0, 1), (100, 160, 0.2, 20)],
)
def test_warm_adds_the_new_rows_share_of_what_cold_trains(
    asked: int, has: int, share: float, expected: int
) -> None:
    assert rounds_to_add(asked, has, share) == expected


# -- a comparison -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [*ENSEMBLES, *OTHERS], ids=kind)
def test_all_of_them_are_compared(estimator: Any, tmp_path: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = compared(estimator, n_repeats=3, refit="warm").fit(X, target(estimator))
    assert (result.results_["error"] == "").all()
    assert result.gain_.loc["warm", "verdict"] in ("beneficial", "neutral", "undecided", "detrimental")
    assert (result.results_["samples"] == result.results_["epochs"] * result.results_["n_fit"]).all()
    assert (result.results_["seconds"] > 0).all()
    assert result.predict(X).reshape(len(X), -1).shape == (len(X), 1)
    assert result.best_estimator_.score(X, target(estimator)) > 0.3
    assert not list(tmp_path.iterdir())  # CatBoost would write
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=kind)
def test_cold_trains_all_its_rounds_and_warm_the_share_that_is_new(estimator: Any) -> None:
    result = compared(estimator, n_repeats=1, refit="warm").fit(X, target(estimator))
    epochs = result.results_.pivot(index="phase", columns="arm", values="epochs")
    assert epochs["cold"].tolist() == [N, N]
    assert epochs["warm"].tolist() == [4, 3]  # a half, and a third, of the rows are new
    assert rounds_of(result.best_estimator_) == N + 4 + 3 + 2  # the test rows are new to the refit
    assert result.gain_.loc["warm", "speedup"] > 1.9


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=kind)
def test_cold_is_a_fresh_clone(estimator: Any) -> None:
    seen: list[Any] = []

    def spy(fitted: Any, rows: Any, y: Any) -> float:
        if rows.shape == (100, 6) and type(fitted) is type(estimator):  # and no dummy
            seen.append((fitted.get_params(), fitted.predict(X)))
        return float(fitted.score(rows, y))

    pairs = [(np.arange(200), np.arange(300, 400)), (np.arange(300), np.arange(300, 400))]
    y = target(estimator)
    compared(estimator, phases=pairs, n_repeats=1, scoring=spy, refit=None).fit(X, y)
    cold = [
        (params, predicted)
        for params, predicted in seen
        if np.array_equal(np.ravel(clone(estimator).set_params(**params).fit(X[:300], y[:300]).predict(X)),
                          np.ravel(predicted))
    ]  # fmt: skip
    assert cold


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20),
        LGBMClassifier(n_estimators=20, n_jobs=1),
        XGBClassifier(n_estimators=20, n_jobs=1),
    ],
    ids=kind,
)
def test_on_data_that_grow_warm_is_not_worse_for_adding_nothing(estimator: Any) -> None:
    result = compared(estimator, {"cold": "cold", "warm": {"add": 10}}, n_repeats=6).fit(X, Y)
    assert result.gain_.loc["warm", "verdict"] != "detrimental"
    assert (result.results_.query("arm == 'warm'")["epochs"] == 10).all()


def test_arms_have_rounds_and_parameters_of_their_own() -> None:
    policies = {
        "cold": "cold",
        "cold_deep": {"init_policy": "cold", "max_depth": 9, "n_estimators": 5},
        "warm": {"add": 2},
        "warm_slow": {"add": 3, "max_depth": 1},
    }
    result = compared(RandomForestClassifier(N, max_depth=3), policies, n_repeats=1).fit(X, Y)
    epochs = result.results_.groupby("arm")["epochs"].unique().map(list).to_dict()
    assert epochs == {"cold": [8], "cold_deep": [5], "warm": [2], "warm_slow": [3]}


def test_a_pipelines_last_step_grows() -> None:
    pipeline = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=N, n_jobs=1))
    policies = {
        "cold": "cold",
        "warm": {"add": 2, "standardscaler__with_mean": False, "xgbclassifier__max_depth": 2},
    }
    result = compared(pipeline, policies, n_repeats=1, refit="warm").fit(X, Y)
    assert result.best_estimator_[-1].get_booster().num_boosted_rounds() == N + 6
    assert result.best_estimator_[-1].max_depth == 2
    assert result.best_estimator_[0].with_mean is False


def test_weights_reach_old_and_new_rounds() -> None:
    weights = np.where(Y == 0, 1e-6, 1.0)
    for estimator in (LGBMClassifier(n_estimators=N, n_jobs=1), RandomForestClassifier(N)):
        result = compared(estimator, n_repeats=1).fit(X, Y, sample_weight=weights)
        recall = result.stages_["classes"]["recall"]
        assert recall.loc[("warm", 0)] < 0.3


def test_a_new_class_fails_the_warm_arm_alone() -> None:
    order = np.argsort(np.where(Y == 2, 1, 0), kind="stable")
    first = order[:200]
    pairs = [(first, order[360:]), (order[:360], order[360:])]
    for estimator in (RandomForestClassifier(N), LGBMClassifier(n_estimators=N, n_jobs=1)):
        result = compared(estimator, phases=pairs, n_repeats=1).fit(X, Y)
        assert result.gain_.loc["warm", "verdict"] == "failed"
        assert "cannot add rounds: these rows have the new class 2" in result.summary_[0]
        assert result.best_arm_ == "cold"


def test_xgboost_is_told_its_labels_before_it_says_so_itself() -> None:
    with pytest.raises(ValueError, match=r"XGBClassifier takes the labels 0, 1, .*'a', 'b', 'c': encode y by"):
        compared(XGBClassifier(n_estimators=2)).fit(X, np.array(list("abc"))[Y])


@pytest.mark.parametrize("estimator", [LGBMClassifier(n_estimators=4, n_jobs=1), CatBoostClassifier(iterations=4)])
def test_labels_may_be_text(estimator: Any) -> None:
    result = compared(estimator, n_repeats=1, refit="warm").fit(X, np.array(list("abc"))[Y])
    assert set(np.ravel(result.predict(X))) == set("abc")
    assert result.stages_["classes"]["recall"].gt(0.3).any()


def test_settings_of_the_users_are_kept() -> None:
    estimator = CatBoostClassifier(n_estimators=6, random_state=3, logging_level="Silent")
    result = compared(estimator, {"cold": "cold", "warm": {"add": 2}}, n_repeats=1, refit="warm").fit(X, Y)
    assert result.best_estimator_.tree_count_ == 6 + 3 * 2
    assert estimator.get_params() == {"n_estimators": 6, "random_state": 3, "logging_level": "Silent"}
    renamed = LGBMClassifier(num_iterations=6, n_jobs=1, verbosity=-1)
    result = compared(renamed, n_repeats=1, refit=None).fit(X, Y)
    assert result.results_["epochs"].max() == 6


# -- a function of one's own ------------------------------------------------------------------------------------


def test_a_function_is_an_arm() -> None:
    calls: list[tuple[int, int, int]] = []

    def double(estimator: Any, rows: Any, y: Any, new_rows: Any, new_y: Any, seed: int) -> Any:
        calls.append((len(rows), len(new_rows), seed))
        return estimator.set_params(n_estimators=2 * len(estimator.estimators_), warm_start=True).fit(rows, y)

    result = compared(RandomForestClassifier(N), ("cold", double), n_repeats=1, refit="double", n_probes=0)
    result.fit(X, Y)
    n_train = result.results_.query("arm == 'double'")["n_train"].tolist()
    assert [call[0] for call in calls] == [*n_train, len(X)]
    assert [call[1] for call in calls] == [
        n_train[0] - n_train[0] // 2,
        n_train[1] - n_train[0],
        len(X) - n_train[1],
    ]
    assert len({seed for _, _, seed in calls[:2]}) == 2
    assert result.results_.query("arm == 'double'")["epochs"].tolist() == [N, 2 * N]


def test_a_function_makes_an_arm_of_what_cannot_start_warm_and_gets_the_weights() -> None:
    def refit(estimator: Any, rows: Any, y: Any, new_rows: Any, new_y: Any, seed: int, **params: Any) -> Any:
        assert params["sample_weight"].shape == (len(rows),)
        return clone(estimator).fit(rows, y, **params)

    result = compared(DecisionTreeClassifier(), {"cold": "cold", "same": refit}, n_repeats=1)
    result.fit(X, Y, sample_weight=np.ones(len(X)))
    assert result.results_["epochs"].eq(1).all()


def test_a_function_that_fails_is_a_failed_arm() -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("no more trees")

    policies: dict[str, str | Callable[..., Any]] = {"cold": "cold", "mine": fail}
    result = compared(RandomForestClassifier(N), policies, n_repeats=1).fit(X, Y)
    assert "mine failed in 1 of 1 replicates (RuntimeError: no more trees)" in result.summary_[0]
