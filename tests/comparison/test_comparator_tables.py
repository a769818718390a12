"""Tables of the comparator: results, curves, gains and sentences."""

from __future__ import annotations

import pytest
from comparators import KEYS, X, Y, comparator

from sk_warmstart import WarmStartComparator
from sk_warmstart.statistics import correlated_t


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
    assert merged["test_score"].to_numpy() == pytest.approx(merged["start_score"].to_numpy())


def test_gain_is_the_mean_of_paired_differences(fitted: WarmStartComparator) -> None:
    gain = fitted.gain_
    assert list(gain.index) == ["cold", "warm", "shrink_perturb"]
    assert gain.index.name == "arm"
    assert list(gain.columns) == [
        *("score", "gain", "gain_low", "gain_high", "p_better", "p_equivalent", "p_worse"),
        *("speedup", "speedup_low", "speedup_high", "reached", "reached_by_cold", "seconds", "verdict", "cost"),
        *("p_adjusted", "worst_gain", "p_value", "p_holm", "corrected_t_low", "corrected_t_high"),
        *(
            "p_improvement",
            "p_improvement_low",
            "p_improvement_high",
            "bootstrap_low",
            "bootstrap_high",
            "p_phases",
        ),
    ]
    scores = fitted.results_.set_index([*KEYS, "arm"])["score"].unstack()
    for arm in ("warm", "shrink_perturb"):
        by_repeat = (scores[arm] - scores["cold"]).groupby("repeat").mean()
        assert len(by_repeat) == 3
        assert gain.loc[arm, "gain"] == pytest.approx(by_repeat.mean())
        interval = correlated_t(by_repeat, fitted.test_to_train_).interval(0.95)
        assert tuple(gain.loc[arm, ["corrected_t_low", "corrected_t_high"]]) == pytest.approx(interval)
        assert gain.loc[arm, "score"] == pytest.approx(scores[arm].mean())
    assert fitted.test_to_train_ == pytest.approx(38 / 112)
    assert gain.loc["cold", "verdict"] == "reference"
    assert gain.loc["cold", "gain"] == 0
    assert gain.loc["cold", "speedup"] == 1


def test_one_sentence_an_arm(fitted: WarmStartComparator) -> None:
    assert [sentence.split(" is ")[0] for sentence in fitted.summary_] == ["warm", "shrink_perturb"]
    for sentence, arm in zip(fitted.summary_, ["warm", "shrink_perturb"], strict=True):
        assert f"{arm} is {fitted.gain_.loc[arm, 'verdict']}: accuracy" in sentence


def test_one_replicate_decides_nothing() -> None:
    once = comparator(n_repeats=1).fit(X, Y)
    assert once.gain_.loc["warm", "verdict"] == "undecided"
    assert "one pair decides nothing, run at least 5" in once.summary_[0]


def test_a_target_out_of_reach_is_never_reached() -> None:
    impossible = comparator(target=2.0).fit(X, Y)
    assert not impossible.results_["reached"].any()
    assert (impossible.gain_["reached"] == 0).all()
    assert impossible.gain_.loc["warm", "speedup"] == pytest.approx(1)  # both spent all they had
