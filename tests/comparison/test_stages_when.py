"""When a warm start pays, what it does to old and new rows, and how far it moves, against values by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import ClassIncremental, DataIncremental, RollingWindow
from sk_warmstart.comparison._row_scores import RowScores
from sk_warmstart.comparison.findings._gain import arm_speedup
from sk_warmstart.comparison.findings._rows import RowTable
from sk_warmstart.comparison.findings.stages._classes import class_table, read_classes
from sk_warmstart.comparison.findings.stages._conditions import (
    conditions_sentences,
    conditions_table,
    read_conditions,
)
from sk_warmstart.comparison.findings.stages._stage import Runs
from sk_warmstart.comparison.findings.stages._trajectories import read_trajectories, trajectory_table
from sk_warmstart.comparison.findings.stages._updates import read_updates, update_table
from sk_warmstart.comparison.phases._phase import Phase
from sk_warmstart.comparison.report._stages import stage_pages
from sk_warmstart.comparison.runs._answers import Answers
from sk_warmstart.comparison.runs._scorer import PhaseScorer
from sk_warmstart.comparison.runs.measures._conditions import conditions_of_phase, drift_between
from sk_warmstart.comparison.runs.measures._measured import Measured
from sk_warmstart.comparison.runs.measures._parts import parts_of, score_on_parts
from sk_warmstart.statistics import DecisionRule, correlated_t

RULE = DecisionRule(0.01, 0.95)
ARMS = ("cold", "warm")
N = 10  # replicates
SEED = np.random.default_rng(0).standard_normal((N, 8))


def make_runs(
    results: Any = (), curves: Any = (), rows: RowTable | None = None, arms: Sequence[str] = ARMS, **measured: Any
) -> Runs:
    tables = {field.name: pd.DataFrame(measured.get(field.name, [])) for field in fields(Measured)}
    gain = pd.DataFrame(index=pd.Index(arms, name="arm"))
    return Runs(pd.DataFrame(results), pd.DataFrame(curves), tables, gain, 0.0, RULE, rows)


def runs_by_phase(gains: Mapping[int, float], noise: float = 0.01, **more: Any) -> list[dict[str, Any]]:
    """Results of cold, which scores 0.8, and of warm, which gains so much in each phase, plus noise of its own."""
    return [
        {
            "repeat": repeat,
            "stream": 0,
            "phase": phase,
            "arm": arm,
            "error": "",
            "n_train": 100 * phase,
            "score": 0.8 + (arm == "warm") * (gain + noise * SEED[repeat, phase]),
            **more,
        }
        for repeat in range(N)
        for phase, gain in gains.items()
        for arm in ARMS
    ]


def shares(new: Mapping[int, float], drift: Mapping[int, float] | None = None) -> list[dict[str, Any]]:
    """What each phase was like, the same in all replicates."""
    drift = dict.fromkeys(new, np.nan) if drift is None else drift
    return [
        {"repeat": 0, "stream": 0, "phase": phase, "arm": "", "new_share": share, "drift": drift[phase]}
        for phase, share in new.items()
    ]


# ---------------------------------------------------------------- when it pays


def test_phases_that_cancel_are_told_apart() -> None:
    runs = make_runs(runs_by_phase({2: 0.04, 3: 0.04, 4: -0.04, 5: -0.04}))
    table = conditions_table(runs)
    assert table.loc["warm", "gain"].to_numpy() == pytest.approx([0.04, 0.04, -0.04, -0.04], abs=0.01)
    assert table.loc["warm", "verdict"].tolist() == ["beneficial"] * 2 + ["detrimental"] * 2
    assert table.loc["warm", "p_phases"].max() < 0.001
    (sentence,) = conditions_sentences(runs)
    assert sentence.startswith("warm pays up to phase 3 and costs score from phase 4 on, so that the mean over ")
    assert "p below 0.001" in sentence


def test_gains_by_phase_are_plain_t_over_replicates_without_scores_of_rows() -> None:
    results = runs_by_phase({2: 0.0, 3: 0.02})
    table = conditions_table(make_runs(results))
    posterior = correlated_t(0.02 + 0.01 * SEED[:, 3])
    assert table.loc[("warm", 3), "gain"] == pytest.approx(posterior.mean)
    assert table.loc[("warm", 3), ["gain_low", "gain_high"]].tolist() == pytest.approx(posterior.interval(0.95))
    assert table.loc["cold", ["gain", "gain_low"]].isna().all(axis=None)
    assert table.loc["cold", "verdict"].tolist() == ["", ""]
    assert table.loc["warm", "rows"].tolist() == [200, 300]
    assert "speedup" not in table


def test_gains_by_phase_have_the_rows_in_them_where_these_have_scores() -> None:
    rng = np.random.default_rng(3)
    scores = [
        RowScores(repeat, 0, phase, arm, np.arange(40), (rng.random(40) < 0.5 + 0.4 * (arm == "warm")) * 1.0, True)
        for repeat in range(N)
        for phase in (2, 3)
        for arm in ARMS
    ]
    rows = RowTable(scores)
    results = [{**run._asdict(), "score": run.values.mean(), "error": "", "n_train": 10} for run in scores]
    table = conditions_table(make_runs(pd.DataFrame(results).drop(columns=["rows", "values"]), rows=rows))
    posterior = rows.posterior("warm", phase=3)
    assert posterior is not None
    assert table.loc[("warm", 3), ["gain_low", "gain_high"]].tolist() == pytest.approx(posterior.interval(0.95))
    assert table.loc[("warm", 2), "p_phases"] == pytest.approx(rows.interaction("warm"))


def test_a_gain_that_is_the_same_everywhere_is_no_condition() -> None:
    runs = make_runs(runs_by_phase(dict.fromkeys((2, 3, 4), 0.05)))
    assert set(conditions_table(runs).loc["warm", "verdict"]) == {"beneficial"}
    assert conditions_sentences(runs) == ["For warm, no phase is shown to differ from the others."]


def test_one_phase_has_nothing_to_differ_from() -> None:
    assert conditions_sentences(make_runs(runs_by_phase({2: 0.05}))) == []


NEW = {2: 0.5, 3: 0.29, 4: 0.25, 5: 0.2}
SAME = dict.fromkeys(NEW, 1.0)


@pytest.mark.parametrize(
    ("gains", "conditions", "words"),
    [
        ((0, 0.05, 0.05, 0.05), shares(NEW), "from phase 3 on, where at most 29 % of the rows are new"),
        ((0.05, 0, 0, 0), shares(NEW), "in phase 2, where at least 50 % of the rows are new"),
        ((0.05, 0, 0.05, 0), shares(NEW), "in phases 2 and 4: "),
        (
            (0, 0, 0.05, 0.05),
            shares(SAME, {2: 0.4, 3: 0.3, 4: 0.02, 5: 0.1}),
            "from phase 4 on, where the new rows have drifted least (an index of at most 0.1)",
        ),
        (
            (0.05, 0, 0, 0),
            shares(SAME, {2: 0.4, 3: 0.3, 4: 0.02, 5: 0.1}),
            "in phase 2, where the new rows have drifted most (an index of at least 0.4)",
        ),
        ((0.05, 0, 0, 0), [], "in phase 2: "),
    ],
)
def test_where_it_pays_is_said_by_what_sets_these_phases_apart(
    gains: Sequence[float], conditions: Any, words: str
) -> None:
    results = runs_by_phase(dict(zip(NEW, gains, strict=True)), noise=0.004)
    (sentence,) = conditions_sentences(make_runs(results, conditions=conditions))
    assert sentence.startswith(f"warm pays {words}")


def test_a_difference_without_a_verdict_is_told_with_its_ends() -> None:
    results = runs_by_phase({2: 0.009, 3: 0.0, 4: -0.009}, noise=0.004)
    table = conditions_table(make_runs(results))
    assert set(table.loc["warm", "verdict"]) <= {"undecided", "neutral"}
    (sentence,) = read_conditions(table)
    assert sentence.endswith("in no phase alone is it decided.")
    assert "in phase 2;" in sentence
    assert "in phase 4 to" in sentence


def test_equal_arms_seldom_have_phases_that_differ() -> None:
    rng, found = np.random.default_rng(1), 0
    for _ in range(100):
        results = runs_by_phase(dict.fromkeys((2, 3, 4, 5), 0.0))
        for row in results:
            row["score"] += 0.03 * rng.standard_normal()
        found += "no phase" not in conditions_sentences(make_runs(results))[0]
    assert found <= 10


def test_arms_that_failed_and_the_incumbent_are_not_concluded_about() -> None:
    results = runs_by_phase({2: 0.05, 3: -0.05})
    failed = [row | {"error": "bad" if row["arm"] == "warm" else ""} for row in results]
    assert "gain" not in conditions_table(make_runs(failed))
    assert conditions_sentences(make_runs(failed)) == []
    stays = [row | {"arm": row["arm"].replace("warm", "incumbent")} for row in results]
    runs = make_runs(stays, arms=("cold", "incumbent"))
    assert conditions_table(runs).loc["incumbent", "verdict"].tolist() == ["beneficial", "detrimental"]
    assert conditions_sentences(runs) == []


def test_speedups_by_phase_by_hand() -> None:
    results = runs_by_phase({2: 0.0, 3: 0.0}, n_fit=90, samples=900)
    for row in results:
        # Phase 2: cold takes 4 or 16 times as many; phase 3: both are there in one epoch at most.
        cold = 400 * 4 ** (row["repeat"] % 2) if row["phase"] == 2 else 50
        row |= {"cold_samples_to_target": cold, "samples_to_target": 100 if row["phase"] == 2 else 0}
    table = conditions_table(make_runs(results)).loc["warm"]
    logs = np.log([4, 16] * 5)
    assert table.loc[2, "speedup"] == pytest.approx(8)
    assert table.loc[2, ["speedup_low", "speedup_high"]].tolist() == pytest.approx(
        np.exp(correlated_t(logs).interval(0.95)).tolist()
    )
    assert table.loc[3, ["speedup", "speedup_low", "speedup_high"]].tolist() == [1, 1, 1]
    for row in results:
        row |= {
            "cold_samples_to_target": np.nan,
            "samples_to_target": np.nan,
            "samples": 900 if row["arm"] == "cold" else 300,
        }
    assert conditions_table(make_runs(results)).loc[("warm", 2), "speedup"] == pytest.approx(3)


@pytest.mark.parametrize("target", [None, 0.8])
def test_speedup_of_the_only_phase_is_that_of_the_arm(target: float | None) -> None:
    results = runs_by_phase({2: 0.0}, n_fit=90, samples=900)
    for row in results:
        missed = row["repeat"] < 3 and row["arm"] == "warm"
        row |= {
            "cold_samples_to_target": 400 + 10 * row["repeat"],
            "samples": 900 if row["arm"] == "cold" else 500,
        }
        row |= {"samples_to_target": np.nan if missed else 100}
    runs = replace(make_runs(results), target=target)
    found = arm_speedup(runs.results, "warm", 0.95, target)
    row = conditions_table(runs).loc[("warm", 2)]
    assert row[["speedup", "speedup_low", "speedup_high"]].tolist() == [found.speedup, found.low, found.high]
    # A run that misses the user's target counts with what cold spent.
    assert (found.speedup < arm_speedup(runs.results, "warm", 0.95, None).speedup) == (target is not None)


# ---------------------------------------------------------------- what a phase brings

PHASES = [
    Phase(np.arange(10), np.array([20, 21])),
    Phase(np.arange(4, 14), np.array([21, 22])),
    Phase(np.arange(20, 26), np.array([26, 27, 28])),
]


def test_the_share_of_new_rows_counts_all_earlier_phases() -> None:
    X = np.zeros((30, 1))
    assert conditions_of_phase(X, PHASES, 2, {"phase": 2}) == {
        "phase": 2,
        "new_share": 0.4,
        "drift": pytest.approx(np.nan, nan_ok=True),  # of fewer than ten rows
    }
    assert conditions_of_phase(X, [*PHASES, PHASES[0]], 4, {})["new_share"] == 0


RNG = np.random.default_rng(0)
ROWS = np.concatenate([RNG.normal(size=(400, 2)), RNG.normal(size=(400, 2)), RNG.normal(1.0, size=(400, 2))])
OLD, LIKE, MOVED = np.split(np.arange(1200), 3)


@pytest.mark.parametrize(
    "wrap",
    [
        np.asarray,
        sparse.csr_array,
        lambda rows: rows[:, :, None],
        lambda rows: rows.astype(np.float32),
        lambda rows: pd.DataFrame(rows, columns=["a", "b"]).assign(text="x", gap=np.nan),
    ],
    ids=["array", "sparse", "3d", "float32", "frame"],
)
def test_drift_is_about_zero_without_any_and_large_with(wrap: Callable[[Any], Any]) -> None:
    assert abs(drift_between(wrap(ROWS), OLD, LIKE)) < 0.05
    assert drift_between(wrap(ROWS), OLD, MOVED) > 0.5


def test_drift_of_rows_without_numbers_or_of_too_few_is_missing() -> None:
    assert np.isnan(drift_between(ROWS, OLD, LIKE[:9]))
    assert np.isnan(drift_between(ROWS, OLD, LIKE[:0]))
    assert np.isnan(drift_between(np.array(["a"] * 1200, dtype=object)[:, None], OLD, LIKE))
    assert np.isnan(drift_between(["some text"] * 1200, OLD, LIKE))
    assert np.isnan(drift_between(pd.DataFrame({"a": ["x"] * 1200}), OLD, LIKE))
    assert np.isnan(drift_between(np.full((1200, 1), np.nan), OLD, LIKE))


# ---------------------------------------------------------------- old and new rows


class Says(ClassifierMixin, BaseEstimator):
    """Predicts the first column."""

    def predict(self, X: Any) -> Any:
        return np.asarray(X)[:, 0]


def accuracy(net: Any, X: Any, y: Any) -> float:
    return float((net.predict(X) == y).mean())


def test_scores_on_old_and_new_rows_and_on_training_blocks_by_hand() -> None:
    says, truth = np.zeros((30, 1)), np.zeros(30)
    truth[[10, 11, 21, 27]] = 1  # which it gets wrong
    answers = Answers(Says(), PhaseScorer(says, truth, accuracy))
    second = score_on_parts(answers, parts_of(PHASES, 2), {"arm": "a"})
    # 20 and 21 are old, 22 is new; of what trains, 10 to 13 are new and 4 to 9 are not.
    assert second == {"arm": "a", "old_trained": 0, "old": 0.5, "new": 1, "newest": 0.5, "older": 1}
    third = score_on_parts(answers, parts_of(PHASES, 3), {})
    # 20, 21 and 22 are old, and train now; all that trains is new, so there are no older ones.
    assert third["old_trained"] == 1
    assert (third["old"], third["new"]) == pytest.approx((2 / 3, 2 / 3))
    assert np.isnan([third["newest"], third["older"]]).all()
    shared = score_on_parts(answers, parts_of([Phase(each.train, np.array([20])) for each in PHASES], 2), {})
    assert np.isnan([shared["old"], shared["new"]]).all()


def test_a_score_that_a_part_of_the_rows_cannot_have_is_missing() -> None:
    def ranking(net: Any, X: Any, y: Any) -> float:
        raise ValueError("only one class")

    answers = Answers(Says(), PhaseScorer(np.zeros((30, 1)), np.zeros(30), ranking))
    scored = score_on_parts(answers, parts_of(PHASES, 2), {})
    assert np.isnan([scored[part] for part in ("old", "new", "newest", "older")]).all()


def parts(old: float, new: float, recent: float = np.nan, noise: float = 0.01) -> list[dict[str, Any]]:
    """Scores by part of cold and of warm, which differs by so much."""
    return [
        {
            "repeat": repeat,
            "stream": 0,
            "phase": phase,
            "arm": arm,
            "old_trained": 0.5,
            "old": 0.8 + (arm == "warm") * (old + noise * SEED[repeat, 0]),
            "new": 0.7 + (arm == "warm") * (new + noise * SEED[repeat, 1]),
            "newest": 0.9 + (arm == "warm") * (recent + noise * SEED[repeat, 2]),
            "older": 0.9,
        }
        for repeat in range(N)
        for phase in (2, 3)
        for arm in ARMS
    ]


def test_gains_on_old_and_on_new_rows_have_intervals_and_are_told() -> None:
    results = runs_by_phase({2: 0, 3: 0})
    table = update_table(make_runs(results, parts=parts(0.05, -0.03, recent=0.1)))
    old = correlated_t(0.05 + 0.01 * SEED[:, 0])
    assert table.loc["warm", "gain on old rows"] == pytest.approx(old.mean)
    assert table.loc["warm", ["gain on old rows, low", "gain on old rows, high"]].tolist() == pytest.approx(
        old.interval(0.95)
    )
    assert table.loc["cold", ["score on old rows", "score on new rows"]].tolist() == pytest.approx([0.8, 0.7])
    assert np.isnan(table.loc["cold", "gain on new rows"])
    assert table.loc["warm", "old rows that trained"] == 0.5
    apart, recent = read_updates(table)
    assert apart.startswith("Against cold, warm gains 0.05")
    assert "on old rows and loses 0.02" in apart
    assert apart.endswith("on new rows.")
    assert recent.startswith("warm fits the newest training rows better than the older ones by 0.1")


def test_what_is_not_shown_is_not_told() -> None:
    table = update_table(make_runs(runs_by_phase({2: 0, 3: 0}), parts=parts(0.0, 0.0, noise=0.1)))
    assert "newest less older block" not in table.columns[table.loc["warm"].notna()]
    assert list(read_updates(table)) == ["No arm is shown to differ from cold on old rows or on new ones."]
    assert list(read_updates(update_table(make_runs(runs_by_phase({2: 0}))))) == []


@pytest.fixture(scope="module")
def over_phases() -> Callable[[Any], WarmStartComparator]:
    """Four classes of points, compared over the phases that are asked for."""
    rng = np.random.default_rng(5)
    y = rng.integers(4, size=360)
    X = rng.normal(size=(360, 4)) + np.eye(4)[y] * 1.6
    net = WarmStartClassifier(max_epochs=8, lr=0.01, dtype="float64", module__hidden_layer_sizes=(8,))

    def compared(phases: Any) -> WarmStartComparator:
        return WarmStartComparator(net, ARMS, phases, n_repeats=1, refit=None, random_state=0).fit(X, y)

    return compared


def test_flips_are_those_of_all_test_rows_of_the_phase_before(over_phases: Any) -> None:
    updates = over_phases(RollingWindow(90, step=45)).stages_["updates"]
    assert updates.loc["cold", "negative flips"] == pytest.approx(0.2889, abs=5e-5)
    for table in (updates, over_phases(ClassIncremental(3)).stages_["updates"]):
        assert {"forgetting", "score on old rows", "score on new rows"} <= set(table)


def test_growth_on_the_same_test_rows_is_no_forgetting_and_the_report_shows_when_it_pays(over_phases: Any) -> None:
    fitted = over_phases(DataIncremental(3))
    updates, conditions = fitted.stages_["updates"], fitted.stages_["conditions"]
    assert not {"forgetting", "backward transfer", "score on old rows"} & set(updates)
    assert "newest less older block" in updates
    assert conditions.loc["warm", "new_share"].tolist() == [0.5, pytest.approx(1 / 3)]
    assert conditions.loc["warm", "drift"].notna().all()
    pages = {page.name: page for page in stage_pages(fitted.findings_)}
    assert pages["conditions"].conclusion.startswith("For warm, no phase is shown to differ from the others.")


# ---------------------------------------------------------------- the way through the weights


def curves(distance: float, loss: float, score: float, noise: float = 0.05) -> list[dict[str, Any]]:
    """Two epochs of cold and of warm, whose distance, first loss and scores differ by so much."""
    return [
        {
            "repeat": repeat,
            "stream": 0,
            "phase": phase,
            "arm": arm,
            "epoch": epoch,
            "train_loss": 1.0 + (arm == "warm") * (loss + noise * SEED[repeat, 0]),
            "valid_score": 0.5 + (arm == "warm") * (score + noise * SEED[repeat, 1]),
            "gradient_norm": 1.0,
            "distance_from_start": epoch * (distance * np.exp(noise * SEED[repeat, 2]) if arm == "warm" else 1.0),
            "distance_from_init": 3.0 if arm == "warm" else 1.0,
        }
        for repeat in range(N)
        for phase in (2, 3)
        for arm in ARMS
        for epoch in (0, 1, 2)
    ]


def test_how_far_an_arm_moves_by_colds_way_with_an_interval_on_logs() -> None:
    table = trajectory_table(make_runs(curves=curves(0.41, -0.5, 0.2)))
    expected = correlated_t(np.log(0.41) + 0.05 * SEED[:, 2])
    found = table.loc["warm", [f"distance by cold's{end}" for end in ("", ", low", ", high")]]
    assert found.tolist() == pytest.approx(np.exp([expected.mean, *expected.interval(0.95)]).tolist())
    assert np.isnan(table.loc["cold", "distance by cold's"])
    assert table.loc["warm", "first loss less cold's"] == pytest.approx(np.mean(-0.5 + 0.05 * SEED[:, 0]))
    (sentence,) = read_trajectories(table)
    low, high = found.iloc[1:]
    ratio = f"{found.iloc[0]:.2f} [{low:.2f}, {high:.2f}]"
    assert sentence.startswith(f"In a fit, warm moves {ratio} times as far as cold")
    assert sentence.endswith(
        ", and ends 3.00 times as far from the first weights of its lineage: it is faster at first and explores "
        "less."
    )


@pytest.mark.parametrize(
    ("distance", "loss", "score", "words"),
    [
        (1.0, 0.0, 0.0, "it is not shown to be faster and is not shown to explore less or more."),
        (2.0, 0.5, 0.0, "it is slower at first and explores more."),
        (1.0, -0.5, -0.5, "it is not shown to be faster and is not shown to explore less or more."),
        (0.5, np.nan, 0.5, "it is faster at first and explores less."),
    ],
)
def test_faster_and_less_exploring_are_told_where_they_are_shown(
    distance: float, loss: float, score: float, words: str
) -> None:
    (sentence,) = read_trajectories(trajectory_table(make_runs(curves=curves(distance, loss, score, noise=0.1))))
    assert sentence.endswith(words)


def test_the_early_score_is_the_mean_over_a_quarter_of_colds_epochs() -> None:
    scores = {"cold": [0.0, 0.1, 0.2, *[0.9] * 6], "warm": [0.4, 0.6]}  # warm stopped after one epoch
    rows = [
        {"repeat": r, "stream": 0, "phase": 2, "arm": arm, "epoch": i, "valid_score": score, "train_loss": 1.0}
        for r in (0, 1)
        for arm, line in scores.items()
        for i, score in enumerate(line)
    ]
    distances = ("gradient_norm", "distance_from_start", "distance_from_init")
    table = trajectory_table(make_runs(curves=[row | dict.fromkeys(distances, 1.0) for row in rows]))
    assert table.loc["warm", "early score less cold's"] == pytest.approx(0.6 - 0.15)


# ---------------------------------------------------------------- class by class


def test_classes_differ_after_holms_adjustment() -> None:
    changes = {"a": 0.2, "b": -0.2, "c": 0.0, "d": 0.007}  # d: p of 0.02 to 0.05, were it alone
    rows = [
        {
            "repeat": repeat,
            "stream": 0,
            "phase": 3,
            "arm": arm,
            "class": label,
            "recall": 0.5 + (arm == "warm") * (change + 0.01 * (SEED[repeat, 0] - SEED[:, 0].mean())),
        }
        for repeat in range(N)
        for label, change in changes.items()
        for arm in ARMS
    ]
    table = class_table(make_runs(classes=rows))
    expected = correlated_t(0.01 * (SEED[:, 0] - SEED[:, 0].mean()) + 0.007)
    assert expected.p_value < 0.05 < 2 * expected.p_value
    assert table.loc[("warm", "d"), ["change_low", "change_high"]].tolist() == pytest.approx(
        expected.interval(0.95)
    )
    assert table.loc["warm", "differs"].tolist() == ["better", "worse", "", ""]
    assert table.loc["cold", "differs"].tolist() == [""] * 4
    assert list(read_classes(table)) == ["Against cold, warm finds more of class a and misses more of class b."]
