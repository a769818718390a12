"""The gain table: targets, effort, speed-up and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from gain_by_hand import curve, frame, frame_of_scores, row_table, runs
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.comparison.findings._gain import best_arm, gain_table
from sk_warmstart.comparison.findings._targets import reach_targets
from sk_warmstart.statistics import DecisionRule, correlated_t, rope_verdict

RULE = DecisionRule(0.01, 0.95)

# -- the target and the speed-up -------------------------------------------------------------------------


@pytest.fixture
def raced() -> pd.DataFrame:
    """``fast`` is there at once and after 2 epochs; ``slow`` ends lower, and late; ``stuck`` never moves."""
    ends = {"cold": 0.8, "fast": 0.8, "slow": 0.3, "stuck": 0.1}
    results = runs(*((repeat, arm, end) for repeat in (0, 1) for arm, end in ends.items()))
    curves = pd.concat(
        [
            curve(0, "cold", [0.1, 0.2, 0.3, 0.4, 0.8]),
            curve(1, "cold", [0.1, 0.2, 0.3, 0.4, 0.5, 0.8]),
            curve(0, "fast", [0.8, 0.8]),
            curve(1, "fast", [0.1, 0.78, 0.79, 0.8]),
            *(curve(repeat, "slow", [0.1] * 8 + [0.3]) for repeat in (0, 1)),
            *(curve(repeat, "stuck", [0.1] * 11) for repeat in (0, 1)),
        ]
    )
    return reach_targets(results, curves, rope=0.01, target=None)


def test_the_target_is_what_both_end_with_less_the_rope(raced: pd.DataFrame) -> None:
    by_run = raced.set_index(["arm", "repeat"]).sort_index()
    targets = by_run["target"].groupby("arm").first()
    assert targets.loc[["cold", "fast", "slow", "stuck"]].tolist() == pytest.approx([0.79, 0.79, 0.29, 0.09])
    assert by_run["epochs_to_target"].loc["cold"].tolist() == [4, 5]
    assert by_run["samples_to_target"].loc["fast"].tolist() == [0, 200]
    assert by_run["cold_samples_to_target"].loc["fast"].tolist() == [400, 500]
    assert by_run["cold_samples_to_target"].loc["slow"].tolist() == [200, 200]
    assert raced["epochs_to_target"].notna().all()


def test_reached_tells_who_got_to_what_the_other_ended_with(raced: pd.DataFrame) -> None:
    gain, _ = gain_table(raced, None, RULE, 0.0)
    assert gain["reached"].to_dict() == {"cold": 1, "fast": 1, "slow": 0, "stuck": 0}
    assert (gain["reached_by_cold"] == 1).all()


def test_a_start_at_the_target_costs_one_epoch(raced: pd.DataFrame) -> None:
    gain, _ = gain_table(raced, None, RULE, 0.0)
    assert gain.loc["fast", "speedup"] == pytest.approx(np.sqrt(400 / 100 * 500 / 200))
    assert gain.loc["slow", "speedup"] == pytest.approx(200 / 800)
    assert gain.loc["stuck", "speedup"] == 1


def test_effort_of_the_start_counts() -> None:
    results = runs((0, "cold", 0.8), (0, "raced", 0.8))
    curves = pd.concat([curve(0, "cold", [0.1, 0.2, 0.8]), curve(0, "raced", [0.8, 0.8])])
    curves.loc[curves["arm"] == "raced", "samples"] += 500  # what a race took before the first epoch
    gain, _ = gain_table(reach_targets(results, curves, 0.01, None), None, RULE, 0.0)
    assert gain.loc["raced", "speedup"] == pytest.approx(200 / 500)


def test_a_target_of_the_users_is_effort_within_the_budget() -> None:
    results = runs((0, "cold", 0.8), (0, "warm", 0.9), (1, "cold", 0.4), (1, "warm", 0.9))
    results.loc[results["arm"] == "warm", "samples"] = 300
    curves = pd.concat(
        [
            curve(0, "cold", [0.1, 0.5, 0.8]),
            curve(0, "warm", [0.4, 0.9]),
            curve(1, "cold", [0.1] * 10 + [0.4]),
            curve(1, "warm", [0.4, 0.4, 0.9]),
        ]
    )
    table = reach_targets(results, curves, rope=0.01, target=0.5)
    assert table["epochs_to_target"].tolist()[:2] == [1, 1]
    gain, _ = gain_table(table, None, RULE, 0.0, target=0.5)
    # Cold's second run spent 1,000 samples, the larger spending of its pair.
    assert gain.loc["warm", "speedup"] == pytest.approx(np.sqrt(1 * 1000 / 200))
    assert gain.loc["warm", ["reached", "reached_by_cold"]].tolist() == [1, 0.5]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_speedup_of_two_arms_is_symmetric(seed: int, user: bool) -> None:
    """Exchanging the arms' curves turns the speed-up around: no arm is favoured by the target."""
    rng = np.random.default_rng(seed)
    target = 0.7 if user else None
    curves = {(repeat, side): rng.uniform(0, 1, 8).tolist() for repeat in range(3) for side in range(2)}

    def speedup(first: int) -> float:
        names = {first: "cold", 1 - first: "warm"}
        results = runs(*((repeat, names[side], max(scores)) for (repeat, side), scores in curves.items()))
        table = pd.concat([curve(repeat, names[side], scores) for (repeat, side), scores in curves.items()])
        gain, _ = gain_table(reach_targets(results, table, 0.01, target), None, RULE, 0.0, target)
        return float(gain.loc["warm", "speedup"])

    assert speedup(0) * speedup(1) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("patience", [None, 5])
def test_identical_arms_are_neither_cheaper_nor_costlier(patience: int | None) -> None:
    rng, called, logs, n = np.random.default_rng(3), 0, [], 60
    for _ in range(n):
        curves, ends = [], []
        for repeat in range(10):
            for arm in ("cold", "warm"):
                scores = 0.9 - 0.5 * np.exp(-np.arange(30) / 6) + rng.normal(0, 0.02, 30)
                if patience is not None:  # the best epoch is returned, and training ends after it
                    best = next(i for i in range(30) if scores[i] == scores[: i + patience + 1].max())
                    scores = scores[: best + patience + 1]
                ends.append((repeat, arm, float(scores[-1] if patience is None else scores.max())))
                curves.append(curve(repeat, arm, scores.tolist()))
        table = reach_targets(runs(*ends), pd.concat(curves), 0.01, None)
        gain, _ = gain_table(table, None, RULE, 0.0)
        called += gain.loc["warm", "cost"] in ("cheaper", "costlier")
        logs.append(np.log(gain.loc["warm", "speedup"]))
    assert called <= int(stats.binom.ppf(0.999, n, 0.05))
    assert abs(np.mean(logs)) < 3.3 * np.std(logs) / np.sqrt(n)


# -- verdicts ----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.floats(0, 0.5))
def test_the_three_regions_make_one(differences: list[float], rope: float) -> None:
    assume(float(np.std(differences)) > 1e-6)  # rounding plays no part
    gain, _ = gain_table(frame(np.asarray(differences)), None, DecisionRule(rope, 0.95), 0.0)
    p = gain.loc["other", ["p_better", "p_equivalent", "p_worse"]].to_numpy(dtype=float)
    assert p.sum() == pytest.approx(1)
    assert ((p >= -1e-12) & (p <= 1 + 1e-12)).all()
    assert gain.loc["other", "worst_gain"] == pytest.approx(min(differences))


def test_phases_are_averaged_before_replicates_are_compared() -> None:
    rng = np.random.default_rng(2)
    cold, other = rng.normal(0.8, 0.1, size=(6, 3)), rng.normal(0.82, 0.1, size=(6, 3))
    gain, pairs = gain_table(frame_of_scores(cold, other), None, RULE, 0.25)
    by_repeat = (other - cold).mean(axis=1)
    assert gain.loc["other", "gain"] == pytest.approx(by_repeat.mean())
    for name, ratio in (("gain", 0.0), ("corrected_t", 0.25)):
        ends = tuple(gain.loc["other", [f"{name}_low", f"{name}_high"]])
        assert ends == pytest.approx(correlated_t(by_repeat, ratio).interval(0.95))
    assert gain.loc["other", "verdict"] == rope_verdict(correlated_t(by_repeat), 0.01, 0.95)
    assert gain.loc["cold", "verdict"] == "reference"
    assert set(pairs) == {"other"}


def test_test_rows_decide_where_they_are_known() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((5, 40)) < 0.7
    better = right | (np.arange(40) < 8)  # on the same rows in each replicate
    results = frame_of_scores(right.mean(axis=1)[:, None], better.mean(axis=1)[:, None])
    rows = row_table({"cold": right[:, None], "other": better[:, None]})
    gain, _ = gain_table(results, rows, RULE, 0.0)
    alone, _ = gain_table(results, None, RULE, 0.0)
    assert gain.loc["other", "gain"] == pytest.approx(alone.loc["other", "gain"])
    width, width_alone = (
        table.loc["other", "gain_high"] - table.loc["other", "gain_low"] for table in (gain, alone)
    )
    assert width > width_alone
    assert gain.loc["other", "p_phases"] == 1  # of one phase


def test_ten_equal_arms_are_seldom_called_different() -> None:
    rng, rule, wrong, n = np.random.default_rng(7), DecisionRule(0.0, 0.95), 0, 60
    for _ in range(n):
        cold = rng.normal(0.8, 0.02, 10)
        arms = {f"arm{i}": rng.normal(0.8, 0.02, 10) for i in range(10)}
        table = pd.concat(
            [
                frame_of_scores(cold[:, None], scores[:, None]).replace({"arm": {"other": name}})
                for name, scores in arms.items()
            ]
        ).drop_duplicates(["repeat", "arm"])
        gain, _ = gain_table(table, None, rule, 0.0)
        wrong += gain["verdict"].isin(["beneficial", "detrimental"]).any()
        assert (gain["p_adjusted"].dropna() >= gain["p_value"].dropna() - 1e-12).all()
    assert wrong <= int(stats.binom.ppf(0.999, n, 0.05))


def test_a_gain_of_rounding_is_none() -> None:
    gain, _ = gain_table(frame(np.full(6, 5.6e-17)), None, RULE, 0.0)
    assert gain.loc["other", ["p_value", "p_holm"]].tolist() == [1, 1]
    assert gain.loc["other", "verdict"] == "undecided"  # equal replicates say nothing about their spread


def test_few_equal_test_rows_are_no_certainty() -> None:
    """Five replicates without a difference on five rows: a loss of 0.015 looks like that in most cases."""
    same = np.ones((5, 1, 5))
    results = frame_of_scores(np.ones((5, 1)), np.ones((5, 1)))
    gain, _ = gain_table(results, row_table({"cold": same, "other": same}), RULE, 0.0)
    assert gain.loc["other", "verdict"] == "undecided"
    many = np.ones((5, 1, 400))
    gain, _ = gain_table(results, row_table({"cold": many, "other": many}), RULE, 0.0)
    assert gain.loc["other", "verdict"] == "neutral"


def test_a_run_that_failed_is_not_judged_and_has_no_cost() -> None:
    table = frame(np.array([0.02, 0.03, 0.02, 0.01, 0.02, -0.3]))
    table.loc[(table["arm"] == "other") & (table["repeat"] == 5), ["score", "error"]] = [np.nan, "score is NaN"]
    gain, pairs = gain_table(table, None, RULE, 0.0)
    assert gain.loc["other", ["verdict", "cost"]].tolist() == ["failed", ""]
    assert gain.loc["other", "gain"] == pytest.approx(0.02)
    assert gain.loc["other", ["gain_low", "p_adjusted", "p_value"]].isna().all()
    assert pairs == {}


def test_where_cold_has_no_score_the_run_is_left_out_for_all_arms() -> None:
    table = frame(np.array([0.02, 0.03, 0.02, 0.01, 0.5]))
    table.loc[(table["arm"] == "cold") & (table["repeat"] == 4), "score"] = np.nan
    gain, _ = gain_table(table, None, RULE, 0.0)
    assert gain.loc["other", "gain"] == pytest.approx(0.02)
    assert gain.loc["other", "score"] - gain.loc["cold", "score"] == pytest.approx(0.02)


def test_an_arm_that_scores_worse_has_no_cost() -> None:
    table = frame(np.array([-0.1, -0.11, -0.1, -0.12]))
    table.loc[table["arm"] == "other", "samples"] = 100
    gain, _ = gain_table(table, None, RULE, 0.0)
    assert gain.loc["other", ["verdict", "cost"]].tolist() == ["detrimental", ""]


@pytest.mark.parametrize(("n", "there"), [(9, False), (10, True)])
def test_ten_replicates_are_resampled(n: int, there: bool) -> None:
    gain, _ = gain_table(frame(np.random.default_rng(0).normal(0, 0.02, n)), None, RULE, 0.0)
    assert gain.loc["other", ["bootstrap_low", "bootstrap_high"]].notna().all() == there


def test_phases_of_opposite_sign_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    cold = np.repeat((rng.random((10, 1, 400)) < 0.8), 4, axis=1).astype(float)
    change = np.array([0.04, 0.04, -0.04, -0.04])
    other = cold + change[:, None] + rng.normal(0, 0.05, cold.shape)
    results = frame_of_scores(cold.mean(axis=2), other.mean(axis=2))
    gain, _ = gain_table(results, row_table({"cold": cold, "other": other}), RULE, 0.0)
    assert gain.loc["other", "verdict"] == "neutral"
    assert gain.loc["other", "p_phases"] < 0.01


# -- the arm to go on with ---------------------------------------------------------------------------------


def table(**arms: Any) -> pd.DataFrame:
    columns = ["verdict", "cost", "gain", "speedup"]
    rows = {"cold": ("reference", "", 0.0, 1.0), **arms}
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).assign(score=0.9)


@pytest.mark.parametrize(
    ("arms", "best"),
    [
        ({"a": ("beneficial", "costlier", 0.02, 0.5), "b": ("beneficial", "cheaper", 0.03, 2.0)}, "b"),
        ({"a": ("beneficial", "undecided", 0.02, 1.0), "b": ("neutral", "cheaper", 0.005, 9.0)}, "a"),
        ({"a": ("neutral", "cheaper", 0.0, 2.0), "b": ("neutral", "cheaper", -0.001, 3.0)}, "b"),
        ({"a": ("neutral", "undecided", 0.005, 9.0), "b": ("undecided", "cheaper", 0.1, 9.0)}, "cold"),
        ({"a": ("detrimental", "", -0.1, 9.0), "b": ("failed", "", 0.2, 9.0)}, "cold"),
        ({"incumbent": ("beneficial", "", 0.1, np.nan)}, "cold"),
    ],
)
def test_only_what_is_decided_displaces_cold(arms: dict[str, Any], best: str) -> None:
    assert best_arm(table(**arms)) == best


@pytest.mark.parametrize(
    ("against", "best"),
    [
        ({"cold": "beneficial", "warm": "beneficial"}, "warm"),
        ({"cold": "beneficial", "warm": "undecided"}, "cold"),
        ({"cold": "undecided", "warm": "neutral"}, "warm"),  # the incumbent is kept
    ],
)
def test_what_is_shown_better_than_the_incumbent_goes_on(against: dict[str, str], best: str) -> None:
    judged = pd.DataFrame({"verdict": against, "gain": 0.1})
    assert best_arm(table(warm=("neutral", "cheaper", 0.0, 3.0)), judged) == best
