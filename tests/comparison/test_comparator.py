import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed, parallel_config
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.callback import FitCallback, ProgressBar
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch.callbacks import Callback

from sk_warmstart import WarmStartClassifier, WarmStartComparator, WarmStartRegressor
from sk_warmstart.comparison import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from sk_warmstart.policies import InitPolicy
from sk_warmstart.statistics import correlated_t

X, Y = load_iris(return_X_y=True)
NAN = float("nan")
KEYS = ["repeat", "stream", "phase"]
# What a run costs in time is all that may differ between two of the same seed.
CLOCK = ["seconds", "memory"]  # what a run takes


def net(**params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(**({"max_epochs": 3, "module__hidden_layer_sizes": (8,)} | params))


def comparator(estimator: Any = None, **params: Any) -> WarmStartComparator:
    settings: dict[str, Any] = {
        "policies": ("cold", "warm"),
        "phases": DataIncremental(3),
        "n_repeats": 2,
        "refit": None,
    }
    return WarmStartComparator(net() if estimator is None else estimator, **(settings | params))


@pytest.fixture(scope="module")
def fitted() -> WarmStartComparator:
    return comparator(n_repeats=3, refit="best", policies=("warm", "cold", "shrink_perturb")).fit(X, Y)


class Redraw(InitPolicy):
    """Cold by another name: its fresh draw is independent of the cold arm's."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        return fresh.copy()


# -- the tables ------------------------------------------------------------------------------------------


def test_results_hold_one_row_for_each_repeat_phase_and_arm(fitted: WarmStartComparator) -> None:
    results = fitted.results_
    assert len(results) == 3 * 2 * 3
    assert not results.duplicated([*KEYS, "arm"]).any()
    assert sorted(results["phase"].unique()) == [2, 3]  # the first is the base fit, which has no donor
    assert list(results["arm"].unique()) == ["cold", "warm", "shrink_perturb"]
    assert {"n_train", "n_test", "score", "start_score", "epochs", "samples", "seconds", "reached"} <= set(
        results.columns
    )
    assert results["score"].between(0, 1).all()
    assert (results["epochs"] == 3).all()
    assert results.groupby("phase")["n_train"].unique().map(list).to_dict() == {2: [75], 3: [112]}


def test_curves_begin_with_the_start_itself(fitted: WarmStartComparator) -> None:
    curves = fitted.curves_
    assert len(curves) == len(fitted.results_) * 4
    assert curves.groupby([*KEYS, "arm"])["epoch"].agg(list).map(lambda e: e == [0, 1, 2, 3]).all()
    start, later = curves[curves["epoch"] == 0], curves[curves["epoch"] > 0]
    assert (start["samples"] == 0).all()
    assert (start["distance_from_start"] == 0).all()
    assert start["train_loss"].isna().all()
    assert start["valid_score"].notna().all()
    assert (later["distance_from_start"] > 0).all()
    assert (later["gradient_norm"] > 0).all()
    numbers = ["train_loss", "valid_loss", "valid_score", "distance_from_init"]
    assert later[numbers].notna().all(axis=None)
    # A cold start is where its own lineage begins, a warm one is already away from there.
    assert (start.loc[start["arm"] == "cold", "distance_from_init"] == 0).all()
    assert (start.loc[start["arm"] == "warm", "distance_from_init"] > 0).all()
    merged = start.merge(fitted.results_, on=[*KEYS, "arm"])
    assert merged["valid_score"].to_numpy() == pytest.approx(merged["start_score"].to_numpy())


def test_gain_is_the_mean_of_paired_differences(fitted: WarmStartComparator) -> None:
    gain = fitted.gain_
    assert list(gain.index) == ["cold", "warm", "shrink_perturb"]
    assert gain.index.name == "arm"
    assert list(gain.columns) == [
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
        *("speedup", "speedup_low", "speedup_high", "speedup_bound", "reached", "seconds", "verdict", "cost"),
        *("p_value", "p_holm", "p_improvement", "p_improvement_low", "p_improvement_high"),
        *("bootstrap_low", "bootstrap_high"),
    ]
    scores = fitted.results_.set_index([*KEYS, "arm"])["score"].unstack()
    for arm in ("warm", "shrink_perturb"):
        by_repeat = (scores[arm] - scores["cold"]).groupby("repeat").mean()
        assert len(by_repeat) == 3
        assert gain.loc[arm, "gain"] == pytest.approx(by_repeat.mean())
        interval = correlated_t(by_repeat, fitted.test_to_train_).interval(0.95)
        assert tuple(gain.loc[arm, ["gain_low", "gain_high"]]) == pytest.approx(interval)
        assert gain.loc[arm, "score"] == pytest.approx(scores[arm].mean())
    assert fitted.test_to_train_ == pytest.approx(38 / 112)
    assert gain.loc["cold", "verdict"] == "reference"
    assert gain.loc["cold", "gain"] == 0
    assert gain.loc["cold", "speedup"] == 1


def test_one_sentence_an_arm(fitted: WarmStartComparator) -> None:
    assert [sentence.split(" is ")[0] for sentence in fitted.verdict_] == ["warm", "shrink_perturb"]
    for sentence, arm in zip(fitted.verdict_, ["warm", "shrink_perturb"], strict=True):
        assert f"{arm} is {fitted.gain_.loc[arm, 'verdict']}: accuracy" in sentence


def test_one_replicate_decides_nothing() -> None:
    once = comparator(n_repeats=1).fit(X, Y)
    assert once.gain_.loc["warm", "verdict"] == "undecided"
    assert "one pair decides nothing, run at least 5" in once.verdict_[0]


# -- pairing ---------------------------------------------------------------------------------------------


def test_arms_of_the_same_policy_are_the_same() -> None:
    policies = {"cold": "cold", "cold again": {"init_policy": "cold"}, "warm": "warm", "warm again": "warm"}
    twins = comparator(policies=policies, n_repeats=5).fit(X, Y)
    for one, other in (("cold", "cold again"), ("warm", "warm again")):
        for table in (twins.results_, twins.curves_):
            rows = [
                table[table["arm"] == arm].drop(columns=["arm", *CLOCK], errors="ignore").reset_index(drop=True)
                for arm in (one, other)
            ]
            pd.testing.assert_frame_equal(*rows)
    assert not np.array_equal(*(twins.results_.loc[twins.results_["arm"] == a, "score"] for a in ("cold", "warm")))
    gain = twins.gain_.loc["cold again"]
    assert gain["gain"] == gain["gain_low"] == gain["gain_high"] == 0
    assert gain["speedup"] == 1
    assert gain["verdict"] == "neutral"


@pytest.mark.slow
def test_cold_against_another_cold_makes_no_difference() -> None:
    verdicts = []
    for seed in range(4):
        arms = {"cold": "cold", "cold again": Redraw()}
        estimator = make_pipeline(StandardScaler(), net(max_epochs=5, batch_size=16, lr=0.02))
        twice = comparator(
            estimator, policies=arms, phases=DataIncremental(2), n_repeats=6, random_state=seed
        ).fit(X, Y)
        scores = twice.curves_[twice.curves_["epoch"] == 1].set_index([*KEYS, "arm"])["train_loss"].unstack()
        assert (scores["cold"] != scores["cold again"]).all()  # another draw indeed
        verdicts.append(twice.gain_.loc["cold again", "verdict"])
    assert set(verdicts) <= {"neutral", "undecided"}


def test_replicates_differ_and_seeds_repeat_them(fitted: WarmStartComparator) -> None:
    kept = fitted.results_.drop(columns=CLOCK)
    again = clone(fitted).fit(X, Y)
    pd.testing.assert_frame_equal(again.results_.drop(columns=CLOCK), kept)
    pd.testing.assert_frame_equal(again.curves_, fitted.curves_)
    other = clone(fitted).set_params(random_state=1).fit(X, Y)
    assert not np.allclose(other.results_["score"], fitted.results_["score"])
    first, second = (kept[kept["repeat"] == repeat]["start_score"].to_numpy() for repeat in (0, 1))
    assert not np.allclose(first, second)


@pytest.mark.slow
def test_parallel_replicates_are_the_same_replicates() -> None:
    one, two = (comparator(n_jobs=n_jobs).fit(X, Y) for n_jobs in (None, 2))
    pd.testing.assert_frame_equal(one.results_.drop(columns=CLOCK), two.results_.drop(columns=CLOCK))
    pd.testing.assert_frame_equal(one.curves_, two.curves_)


def test_packed_and_one_by_one_agree() -> None:
    """Law 10: how fits are trained changes what they cost and nothing else."""
    policies = ("cold", "warm", "shrink_perturb")
    packed, alone = (comparator(policies=policies, packed=p).fit(X, Y) for p in (True, False))
    tables = [c.results_.drop(columns=CLOCK) for c in (packed, alone)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)
    pd.testing.assert_frame_equal(packed.curves_, alone.curves_, rtol=1e-6)
    assert (packed.results_["seconds"] > 0).all()


def test_dropout_in_a_pack_is_repeatable() -> None:
    estimator = net(module__dropout=0.3)
    one, two = (comparator(estimator).fit(X, Y) for _ in range(2))
    pd.testing.assert_frame_equal(one.curves_, two.curves_)


def test_a_comparison_inside_a_packed_search_is_the_same_comparison() -> None:
    alone = comparator(n_repeats=1).fit(X, Y)
    with parallel_config(backend="packed", n_jobs=4):
        inside = comparator(n_repeats=1).fit(X, Y)
        pair = Parallel()(delayed(clone(alone).fit)(X, Y) for _ in range(2))
    for other in (inside, *pair):
        pd.testing.assert_frame_equal(other.curves_, alone.curves_, rtol=1e-6)


def test_a_target_out_of_reach_is_never_reached() -> None:
    impossible = comparator(target=2.0).fit(X, Y)
    assert not impossible.results_["reached"].any()
    assert (impossible.gain_["reached"] == 0).all()
    assert impossible.gain_.loc["warm", "speedup"] == pytest.approx(1)  # both spent all they had


class FailsLate(InitPolicy):
    """Goes wrong once the rows are many."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        if len(context.data.rows) > 70:
            raise RuntimeError("no more")
        return previous.copy()


@pytest.mark.parametrize("packed", [True, False])
def test_an_arm_that_fails_is_told_and_the_others_are_shown(packed: bool, tmp_path: Any) -> None:
    policies = {"cold": "cold", "late": FailsLate(), "warm": "warm"}
    result = comparator(policies=policies, packed=packed, refit="best").fit(X, Y)
    late = result.results_[result.results_["arm"] == "late"]
    assert late.groupby("phase")["error"].agg(set).to_dict() == {2: {""}, 3: {"RuntimeError: no more"}}
    assert late[late["phase"] == 3]["score"].isna().all()
    assert result.gain_.loc["late", "verdict"] == "failed"
    assert result.verdict_[0] == "late failed in 2 of 2 replicates (RuntimeError: no more)."
    assert result.best_policy_ in ("cold", "warm")
    alone = comparator(packed=packed).fit(X, Y)
    shared = result.results_[result.results_["arm"] != "late"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        shared.drop(columns=CLOCK), alone.results_.drop(columns=CLOCK), rtol=1e-6, check_dtype=False
    )
    page = result.report(tmp_path / "report.html").read_text()
    assert "late failed in 2 of 2 replicates" in page
    with pytest.raises(ValueError, match="refit='late' cannot be refitted: it failed"):
        comparator(policies=policies, refit="late").fit(X, Y)


def test_nothing_is_compared_where_cold_or_the_base_fails() -> None:
    class Broken(WarmStartClassifier):
        def get_loss(self, *args: Any, **kwargs: Any) -> Any:
            raise ArithmeticError("no loss")

    with pytest.raises(ArithmeticError, match="no loss"):
        comparator(Broken(max_epochs=1)).fit(X, Y)


# -- estimators ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "phases",
    [
        DataIncremental(3),
        ClassIncremental(2),
        RollingWindow(60, step=30),
        RollingWindow(60, step=30, expanding=True),
        OldAndNew(60),
        OldAndNew(60, n_phases=3, keep_old=False),
        TimeSeriesSplit(3),
        KFold(2),
        [(range(60), range(60, 90)), (range(90), range(90, 150))],
    ],
    ids=lambda phases: type(phases).__name__,
)
def test_a_pipeline_whose_columns_grow_works_in_every_kind_of_phases(phases: Any) -> None:
    rng = np.random.default_rng(0)
    place = np.array([f"town {i // 10 if i < 100 else rng.integers(15)}" for i in range(150)])
    order = rng.permutation(150)
    frame = pd.DataFrame(X, columns=list("abcd")).iloc[order].reset_index(drop=True).assign(place=place)
    encode = ColumnTransformer(
        [("n", StandardScaler(), list("abcd")), ("p", OneHotEncoder(handle_unknown="ignore"), ["place"])]
    )
    pipeline = make_pipeline(encode, net(schema="adapt"))
    result = comparator(pipeline, phases=phases, n_repeats=1, refit="warm").fit(frame, Y[order])
    assert (result.results_["error"] == "").all()
    assert result.predict(frame).shape == (150,)


def test_groups_reach_the_phases() -> None:
    months = np.repeat(np.arange(6), 25)
    order = np.random.default_rng(0).permutation(150)
    result = comparator(phases=RollingWindow(2, step=1)).fit(X[order], Y[order], groups=months)
    assert result.results_.groupby("phase")["n_train"].unique().map(list).to_dict() == {2: [50], 3: [50]}
    assert result.fixed_splits_


def test_a_pipelines_other_steps_are_fitted_anew_in_each_phase() -> None:
    scaler, seen = StandardScaler(), []

    class Watched(StandardScaler):
        def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
            seen.append(len(X))
            return super().fit_transform(X, y, **params)

    result = comparator(make_pipeline(Watched(), net()), n_repeats=1, refit="warm").fit(X * [1, 10, 100, 1000], Y)
    assert seen == [37, 75, 112, 150]
    assert not hasattr(result.estimator.steps[0][1], "mean_")
    best = result.best_estimator_
    assert [name for name, _ in best.steps] == ["watched", "warmstartclassifier"]
    scaler.fit(X * [1, 10, 100, 1000])
    assert best.steps[0][1].mean_ == pytest.approx(scaler.mean_)
    expected = best.steps[-1][1].predict(scaler.transform(X * [1, 10, 100, 1000]))
    assert np.array_equal(result.predict(X * [1, 10, 100, 1000]), expected)


def test_regression() -> None:
    rows, target = make_regression(80, 4, noise=1.0, random_state=0)
    target = target / target.std()
    estimator = WarmStartRegressor(max_epochs=3, module__hidden_layer_sizes=(8,))
    result = comparator(estimator, refit="warm").fit(rows, target)
    assert is_regressor(result)
    assert result.scorer_name_ == "R2"
    assert "warm is" in result.verdict_[0]
    assert "R2" in result.verdict_[0]
    assert result.predict(rows).shape == (80,)
    assert not hasattr(result, "classes_")
    assert not hasattr(result, "predict_proba")


def test_other_estimators_with_warm_start_and_epochs() -> None:
    estimator = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=4, random_state=3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = comparator(estimator, refit="warm").fit(X, Y)
    curves = result.curves_
    assert (curves.groupby([*KEYS, "arm"])["epoch"].agg(list).map(lambda e: e == [1, 2, 3, 4])).all()
    first = curves[curves["epoch"] == 1].groupby("arm")["train_loss"].mean()
    assert first["warm"] < first["cold"]
    assert result.gain_.loc["warm", "speedup"] == pytest.approx(1)  # without validation all epochs count
    assert result.best_estimator_[-1].warm_start
    assert result.score(X, Y) > 1 / 3


@pytest.mark.parametrize("convert", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_other_estimators_without_epochs(convert: Any) -> None:
    estimator = SGDClassifier(max_iter=50, tol=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = comparator(estimator, refit="cold").fit(convert(X), Y)
    assert result.curves_.empty
    assert {"epoch", "valid_score"} <= set(result.curves_.columns)
    assert np.isfinite(result.gain_.loc["warm", ["gain", "speedup"]].to_numpy(dtype=float)).all()
    assert not result.results_["reached"].any()
    assert np.array_equal(result.best_estimator_.classes_, [0, 1, 2])
    assert result.best_estimator_.warm_start is False


def test_texts_of_labels_and_data_frames() -> None:
    table = pd.DataFrame(X, columns=list("abcd"))
    labels = pd.Series(np.array(["setosa", "versicolor", "virginica"])[Y])
    result = comparator(refit="warm").fit(table, labels)
    assert result.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert set(result.predict(table)) <= set(result.classes_)
    assert result.best_estimator_.feature_names_in_.tolist() == list("abcd")


def test_a_class_whose_known_rows_all_validate_is_known_all_the_same() -> None:
    labels = np.r_[np.zeros(40, int), np.ones(4, int), np.full(40, 2)]
    rows = np.random.default_rng(0).normal(size=(84, 3)) + labels[:, None]
    estimator = net(max_epochs=1, validation_fraction=0.5)
    result = comparator(estimator, phases=DataIncremental(2), n_repeats=6, refit="warm").fit(rows, labels)
    assert result.classes_.tolist() == [0, 1, 2]
    assert result.best_estimator_.get_params()["classes"] is None


def test_scoring() -> None:
    result = comparator(scoring="neg_log_loss", refit="warm").fit(X, Y)
    assert (result.results_["score"] < 0).all()
    assert result.scorer_name_ == "neg_log_loss"
    assert result.score(X, Y) < 0


# -- splitters -------------------------------------------------------------------------------------------


def test_a_stream_through_time() -> None:
    order = np.random.default_rng(0).permutation(len(X))
    result = comparator(phases=TimeSeriesSplit(3)).fit(X[order], Y[order])
    assert result.fixed_splits_
    assert result.test_to_train_ == 0
    assert sorted(result.results_["phase"].unique()) == [2, 3]
    assert (result.results_["stream"] == 0).all()


def test_each_fold_is_a_stream() -> None:
    result = comparator(phases=KFold(3, shuffle=True)).fit(X, Y)
    assert not result.fixed_splits_
    assert result.test_to_train_ == pytest.approx(0.5)
    assert sorted(result.results_["stream"].unique()) == [0, 1, 2]
    assert (result.results_["phase"] == 2).all()
    assert len(result.results_) == 2 * 3 * 2


# -- the comparator as an estimator ----------------------------------------------------------------------


def test_it_predicts_with_the_best_arm_on_all_rows(fitted: WarmStartComparator) -> None:
    assert fitted.best_policy_ in fitted.gain_.index
    best = fitted.best_estimator_
    assert best.classes_.tolist() == fitted.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(fitted.predict(X), best.predict(X))
    assert np.array_equal(fitted.predict_proba(X), best.predict_proba(X))
    assert fitted.score(X, Y) == pytest.approx(np.mean(best.predict(X) == Y))
    assert is_classifier(fitted)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


@pytest.mark.parametrize(("arm", "policy", "donor"), [("cold", "Cold", None), ("warm", "Warm", "self")])
def test_refit_by_name(arm: str, policy: str, donor: str | None) -> None:
    result = comparator(net(random_state=7), refit=arm).fit(X, Y)
    start = result.best_estimator_.start_
    assert (start.policy, start.donor) == (policy, donor)
    assert result.best_estimator_.random_state == 7
    if arm == "cold":
        assert np.array_equal(result.predict_proba(X), net(random_state=7).fit(X, Y).predict_proba(X))


def test_without_refit_it_does_not_predict() -> None:
    result = comparator(refit="warm").fit(X, Y)
    result.set_params(refit=None).fit(X[:, :2], Y)  # nor with what an earlier fit left
    for name in ("best_estimator_", "classes_"):
        assert not hasattr(result, name)
    with pytest.raises(NotFittedError):
        result.predict(X)
    assert result.best_policy_ in ("cold", "warm")


class Watch(Callback):
    """Notes which rows, by their number in the first column, train and validate in each fit."""

    fits: list[tuple[set[float], set[float]]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        train, valid = net.run_.train, net.run_.valid
        self.fits.append((set(train.X[:, 0].tolist()), set() if valid is None else set(valid.X[:, 0].tolist())))


@pytest.mark.parametrize("phases", [DataIncremental(3), StratifiedKFold(3)], ids=["growing", "folds"])
def test_rows_that_trained_never_validate(phases: Any) -> None:
    numbered = np.c_[np.arange(len(X)), X].astype(float)
    Watch.fits = []
    # The last fit is the refit on all rows, from the state that the replicate ended with.
    comparator(
        net(callbacks=[Watch()], early_stopping=True, validation_fraction=0.2, n_iter_no_change=50, lr=1e-5),
        n_repeats=1,
        refit="warm",
        phases=phases,
    ).fit(numbered, Y)
    assert len(Watch.fits) == (5 + 1 if isinstance(phases, DataIncremental) else 3 * 3 + 1)
    trained = set.union(*(train for train, _ in Watch.fits))
    validated = set.union(*(valid for _, valid in Watch.fits))
    assert len(validated) > 10
    assert trained.isdisjoint(validated)
    assert trained | validated == set(map(float, range(len(X))))


def test_the_users_estimator_and_its_callbacks_are_left_alone() -> None:
    watch = Watch()
    estimator = net(callbacks=[watch], random_state=4)
    before = estimator.get_params(deep=False)
    result = comparator(estimator, refit="warm", n_repeats=1).fit(X, Y)
    assert result.estimator is estimator
    assert estimator.callbacks == [watch]
    assert estimator.get_params(deep=False) == before
    assert not hasattr(estimator, "module_")
    clone(estimator)
    assert len(result.best_estimator_.callbacks) == 1  # what records the curves is gone again


def test_disabled_callbacks_are_no_obstacle() -> None:
    result = comparator(net(callbacks="disable"), refit="warm", n_repeats=1).fit(X, Y)
    assert result.best_estimator_.callbacks == "disable"
    assert result.curves_["distance_from_start"].notna().all()


def test_parameters_and_clone() -> None:
    phases = DataIncremental(4)
    made = WarmStartComparator(net(), policies=["cold", "warm"], phases=phases, rope=0.02)
    params = made.get_params()
    assert params["phases"] is phases
    assert params["phases__n_phases"] == 4
    assert params["estimator__max_epochs"] == 3
    copy = clone(made)
    assert copy.rope == 0.02
    assert copy.estimator is not made.estimator
    assert copy.phases is not phases
    copy.set_params(phases__n_phases=2, estimator__max_epochs=1)
    assert (made.phases.n_phases, made.estimator.max_epochs) == (4, 3)
    assert not hasattr(clone(made.set_params(n_repeats=1).fit(X, Y)), "gain_")


class Count(FitCallback):
    """Counts what scikit-learn tells a callback."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.ended: list[tuple[str, int]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.begun.append(("setup", 0))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        self.ended.append((context.task_name, context.task_id))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.ended.append(("teardown", 0))


def test_callbacks_of_scikit_learn_see_each_replicate() -> None:
    count = Count()
    watched = comparator(n_repeats=3)
    watched.set_callbacks(count)
    watched.fit(X, Y)
    for seen in (count.begun, count.ended):
        assert [task for task in seen if task[0] == "replicate"] == [("replicate", i) for i in range(3)]
    assert count.begun[0] == ("setup", 0)
    assert count.ended[-1] == ("teardown", 0)


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    comparator().set_callbacks(ProgressBar()).fit(X, Y)
    assert "WarmStartComparator - fit" in capsys.readouterr().out


def test_report_and_notebook(fitted: WarmStartComparator, tmp_path: Any) -> None:
    path = fitted.report(tmp_path / "report.html")
    assert path == tmp_path / "report.html"
    page = path.read_text(encoding="utf-8")
    assert fitted.verdict_[0].split(":")[0] in page
    assert "shrink_perturb" in fitted._repr_html_()
    assert "shrink_perturb" in comparator(policies=("cold", "shrink_perturb"))._repr_html_()
    assert "verdict" not in comparator()._repr_html_()
    with pytest.raises(NotFittedError):
        comparator().report(tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1, got 0"),
        ({"n_repeats": 2.0}, "n_repeats must be an integer of at least 1, got 2.0"),
        ({"n_repeats": True}, "n_repeats must be an integer of at least 1, got True"),
        ({"rope": -0.1}, "rope must be at least 0, got -0.1"),
        ({"rope": NAN}, "rope must be at least 0, got nan"),
        ({"confidence": 0.5}, r"confidence must be in \(0.5, 1\), got 0.5"),
        ({"confidence": 1}, r"confidence must be in \(0.5, 1\), got 1"),
        ({"refit": "lukewarm"}, "refit must be 'best', None or the name of an arm, got 'lukewarm'"),
        ({"refit": "shrink_perturb"}, "refit must be 'best', None or the name of an arm"),
        ({"policies": ("warm", "shrink_perturb")}, "policies must hold 'cold'"),
        ({"phases": DataIncremental(100)}, "100 phases are too many for 150 rows"),
        ({"estimator": KNeighborsClassifier()}, "has neither a parameter warm_start"),
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        comparator(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150, int), "the target has one class only .*: there is nothing to tell apart"),
        (np.r_[NAN, Y[1:]], "the target has 1 missing value: drop those rows"),
        (np.r_[NAN, NAN, Y[2:]], "the target has 2 missing values: drop those rows"),
        (np.array([None, *"ab" * 74, "a"], dtype=object), "the target has 1 missing value: drop"),
        (Y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_targets_that_cannot_be(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        comparator().fit(X, y)


class Picky(WarmStartClassifier):
    """Fails on all rows, which only the refit sees."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        if len(X) == 120:
            raise ValueError("that is too many")
        return super().fit(X, y, **params)


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ({"n_repeats": 0}, 150),
        ({"policies": ("cold", "x")}, 150),
        ({"scoring": "roc_auc"}, 150),
        ({}, 120),
    ],
    ids=["parameter", "policy", "while it runs", "refit"],
)
def test_a_fit_that_fails_leaves_the_one_before(change: dict[str, Any], rows: int) -> None:
    result = comparator(Picky(max_epochs=1), n_repeats=1, refit="warm").fit(X, Y)
    before, predicted = dict(vars(result)), result.predict_proba(X)
    result.set_params(**change)
    chosen = np.random.default_rng(0).permutation(len(X))[:rows]
    with pytest.raises(ValueError):
        result.fit(X[chosen], Y[chosen])
    for name in ("gain_", "results_", "curves_", "best_estimator_", "best_policy_", "verdict_"):
        assert getattr(result, name) is before[name]
    assert np.array_equal(result.predict_proba(X), predicted)


def test_an_arm_with_a_random_state_has_draws_of_its_own() -> None:
    arms = {
        "cold": "cold",
        "same": "cold",
        "own": {"init_policy": "cold", "random_state": 1},
        "other": {"init_policy": "cold", "random_state": 2},
    }
    curves = WarmStartComparator(net(max_epochs=2), arms, DataIncremental(2), n_repeats=2).fit(X, Y).curves_
    ends = curves[curves["epoch"] == 2].pivot_table(index="repeat", columns="arm", values="train_loss")
    np.testing.assert_array_equal(ends["cold"], ends["same"])
    assert ends.loc[0, ["cold", "own", "other"]].nunique() == 3
    with pytest.raises(ValueError, match="random_state of the arm 'own' must be an integer"):
        WarmStartComparator(net(), {"cold": "cold", "own": {"init_policy": "warm", "random_state": None}}).fit(
            X, Y
        )
