"""What a person is told, for hand-made outcomes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gain_by_hand import curve, frame, frame_of_scores, row_table, runs

from sk_warmstart.comparison.findings._dummy import choose_rope, worth_of_cold
from sk_warmstart.comparison.findings._gain import gain_table
from sk_warmstart.comparison.findings._targets import reach_targets
from sk_warmstart.comparison.findings.words._advice import advice, advice_to_keep
from sk_warmstart.comparison.findings.words._notes import notes
from sk_warmstart.comparison.findings.words._sentences import Terms, sentences
from sk_warmstart.statistics import DecisionRule, PairsNeeded

NAN = float("nan")
RULE = DecisionRule(0.01, 0.95)


def said(results: pd.DataFrame, rows: Any = None, **changes: Any) -> str:
    """The sentence on the one arm beside cold."""
    given = {
        "score": "accuracy",
        "validation_score": "validation accuracy",
        "rule": RULE,
        "n_repeats": results["repeat"].nunique(),
        "fixed": False,
    }
    terms = Terms(**(given | changes))
    gain, pairs = gain_table(results, rows, terms.rule, 0.0, terms.target)
    (sentence,) = sentences(gain, pairs, results, terms)
    return sentence.text


# -- sentences -------------------------------------------------------------------------------------------


def timed(cold: list[list[float]], warm: list[list[float]], target: float | None = None) -> pd.DataFrame:
    """Runs of equal scores with validation curves, one a replicate; what ends best is returned."""
    curves = {("cold", i): c for i, c in enumerate(cold)} | {("warm", i): c for i, c in enumerate(warm)}
    results = runs(*((repeat, arm, max(scores)) for (arm, repeat), scores in curves.items()))
    rng = np.random.default_rng(0)
    results["score"] += np.where(results["arm"] == "warm", rng.normal(0, 0.001, len(results)), 0)
    table = pd.concat([curve(repeat, arm, scores) for (arm, repeat), scores in curves.items()])
    return reach_targets(results, table, 0.01, target)


SLOW, FAST = [[0.1] * n + [0.9] for n in (8, 9, 10, 9)], [[0.1] * n + [0.9] for n in (2, 2, 3, 2)]


def test_a_faster_arm_is_told_by_what_cold_needs() -> None:
    assert said(timed(SLOW, FAST)) == (
        "warm is neutral: accuracy +0.0005 against cold [-0.0008, +0.0018], within the ROPE of ±0.01 with "
        "probability 100%; cold needed 4.1 times [3.2, 5.1] as many training samples to reach the validation "
        "accuracy that both reach in fits of up to 10 epochs; use it."
    )


def test_a_slower_arm_is_told_by_what_it_needs() -> None:
    text = said(timed(FAST, SLOW))
    assert re.search(r"it needed 4.1 times \[3.2, 5.1\] as many training samples as cold", text)
    assert text.endswith("; stay cold.")


def test_equal_effort_is_no_times_one() -> None:
    text = said(timed(SLOW, SLOW))
    assert "it needed about as many training samples as cold [1, 1] to reach" in text
    assert text.endswith("; either will do.")
    assert "fewer" not in text
    assert "up to 1 " not in text


def test_a_target_of_the_users_is_told_with_who_reached_it() -> None:
    text = said(timed(SLOW, [*FAST[:3], [0.1] * 9], target=0.5), target=0.5)
    assert "to reach a validation accuracy of 0.5 or the end in fits of up to 10 epochs" in text
    assert "(it reached it in 75% of its runs, cold in 100%)" in text


def test_an_arm_that_scores_worse_has_no_speedup() -> None:
    results = timed(SLOW, [[0.1, 0.3]] * 4)
    results.loc[results["arm"] == "warm", "score"] -= 0.2
    text = said(results)
    assert "a loss of more than the ROPE of 0.01 with probability" in text
    assert text.endswith("; it reached cold's validation accuracy in 0% of its runs; stay cold.")


def test_without_validation_rows_effort_has_no_goal() -> None:
    text = said(frame(np.array([0.001, -0.001, 0.0, 0.0005])))
    assert "it needed about as many training samples as cold [1, 1] in fits of up to 10 epochs" in text
    assert "reach" not in text


def test_a_fixed_stream_is_said() -> None:
    assert said(timed(SLOW, FAST), fixed=True).startswith("warm is neutral on this stream: accuracy")


def test_the_worst_replicate_is_told_where_it_is_far_off() -> None:
    calm = np.array([0.001, -0.001, 0.002, 0.0, -0.002, 0.001, 0.0, 0.001, -0.001, 0.0])
    assert "worst" not in said(frame(calm))
    collapsed = calm.copy()
    collapsed[4] = -0.2
    assert "; but in its worst replicate it lost 0.2;" in said(frame(collapsed))


def test_phases_of_opposite_sign_are_told() -> None:
    rng = np.random.default_rng(1)
    cold = np.repeat(rng.random((10, 1, 400)) < 0.8, 4, axis=1).astype(float)
    other = cold + np.array([0.04, 0.04, -0.04, -0.05])[:, None] + rng.normal(0, 0.05, cold.shape)
    results = frame_of_scores(cold.mean(axis=2), other.mean(axis=2))
    results.loc[results["arm"] == "other", "samples"] = 200
    rows = row_table({"cold": cold, "other": other})
    text = said(results, rows)
    assert text.startswith("other is neutral")
    found = re.search(r"phases differ, from -0\.0[45]\d\d in phase 5 to \+0\.0(4|3)\d\d in phase (\d)", text)
    assert found is not None
    assert found[2] in "23"
    assert text.endswith("; use it if phases to come are like the mean of these.")
    gain, _ = gain_table(results, rows, RULE, 0.0)
    words = advice(gain, {}, "other", RULE, 10, False)
    assert words == "Retrain with other: it is as good as cold and cheaper, on the average of phases that differ."


def test_what_would_decide_is_told_with_its_chance() -> None:
    text = said(frame(np.random.default_rng(2).normal(0.012, 0.01, 10)))
    assert re.search(r"; with \d+ replicates the chance of a decision is (8|9)\d%; ", text)
    wide = frame(np.array([0.02, -0.02, 0.03, -0.03]))
    gain, _ = gain_table(wide, None, RULE, 0.0)
    (open_,) = sentences(gain, {"other": None}, wide, Terms("accuracy", "validation accuracy", RULE, 4, False))
    assert "; more replicates are not likely to decide; " in open_.text
    assert "; one pair decides nothing, run at least 5; " in said(frame(np.array([0.1])))


def test_many_arms_look_different_by_chance() -> None:
    gains = np.random.default_rng(0).normal(0, 0.005, 10)
    arms = {f"arm{i}": gains - gains.mean() + 0.001 for i in range(9)} | {"best": gains - gains.mean() + 0.0137}
    results = pd.concat([frame(g).replace({"arm": {"other": name}}) for name, g in arms.items()])
    results = results.drop_duplicates(["repeat", "arm"])
    gain, pairs = gain_table(results, None, RULE, 0.0)
    assert gain.loc["best", "p_better"] > 0.975
    found = sentences(gain, pairs, results, Terms("accuracy", "validation accuracy", RULE, 10, False))
    assert "best is undecided" in found[-1].text
    assert "one of several arms may look as different by chance" in found[-1].text


def test_an_arm_that_failed_is_told_so() -> None:
    table = frame(np.array([0.02, 0.03, 0.02]))
    table.loc[(table["arm"] == "other") & (table["repeat"] == 2), ["score", "error"]] = [NAN, "score is NaN"]
    assert said(table) == "other failed in 1 of 3 replicates (score is NaN)."


# -- advice ------------------------------------------------------------------------------------------------


def gains(**arms: tuple[str, str]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(
        {"cold": ("reference", ""), **arms}, orient="index", columns=["verdict", "cost"]
    )
    return table.assign(p_phases=NAN)


@pytest.mark.parametrize(
    ("table", "best", "words"),
    [
        (gains(warm=("beneficial", "cheaper")), "warm", "Retrain with warm: it is better than cold and cheaper."),
        (
            gains(warm=("beneficial", "costlier")),
            "warm",
            "Retrain with warm: it is better than cold, and costlier.",
        ),
        (gains(warm=("neutral", "cheaper")), "warm", "Retrain with warm: it is as good as cold and cheaper."),
        (gains(warm=("detrimental", "")), "cold", "Retrain cold: no other start is as good."),
        (gains(warm=("failed", "")), "cold", "Retrain cold: the only other start failed."),
        (gains(warm=("failed", ""), dash=("failed", "")), "cold", "Retrain cold: all other starts failed."),
        (
            gains(warm=("failed", ""), dash=("detrimental", "")),
            "cold",
            "Retrain cold: no other start that ran is as good. warm failed.",
        ),
        (gains(), "cold", "Retrain cold: there is no other start to compare it with."),
        (
            gains(warm=("neutral", "costlier")),
            "cold",
            "Retrain cold: no other start is shown to be worth changing to.",
        ),
    ],
)
def test_what_is_decided_is_advised(table: pd.DataFrame, best: str, words: str) -> None:
    assert advice(table, {}, best, RULE, n_repeats=10, fixed=False) == words


@pytest.mark.parametrize(
    ("pairs", "n_repeats", "fixed", "words"),
    [
        (
            {"warm": PairsNeeded(14, 0.81)},
            10,
            False,
            "With n_repeats=14 the chance of a decision about warm is 81%.",
        ),
        (
            {"warm": PairsNeeded(775, 0.8)},
            10,
            False,
            "A decision about warm would take some 775 replicates, with a chance of 80%.",
        ),
        (
            {"warm": None},
            10,
            True,
            "More replicates are not likely to decide about warm; a longer stream or a wider rope may.",
        ),
        (
            {"warm": None},
            10,
            False,
            "More replicates are not likely to decide about warm; more rows or a wider rope may.",
        ),
        ({"warm": None}, 1, False, "To decide about warm, set n_repeats to 5 at least."),
    ],
)
def test_what_is_open_is_told_with_what_would_decide_it(
    pairs: dict[str, Any], n_repeats: int, fixed: bool, words: str
) -> None:
    table = gains(warm=("undecided", "undecided"))
    told = advice(table, pairs, "cold", RULE, n_repeats, fixed)
    assert told == f"Retrain cold: no other start is shown to be worth changing to. {words}"


def test_the_arm_that_is_decided_first_is_named() -> None:
    table = gains(a=("undecided", "similar"), b=("undecided", "similar"), c=("undecided", "similar"))
    pairs = {"a": PairsNeeded(40, 0.8), "b": PairsNeeded(12, 0.9), "c": None}
    told = advice(table, pairs, "cold", RULE, 10, False)
    assert told.endswith("With n_repeats=12 the chance of a decision about b is 90%.")
    told = advice(table, dict.fromkeys("abc"), "cold", RULE, 10, True)
    assert "not likely to decide about 3 undecided arms" in told


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("undecided", "Keep the incumbent: no retrained model is shown to be better. If you retrain, start warm."),
        (
            "beneficial",
            "Retrain with warm: it is shown to be better than the incumbent, and as good as cold and cheaper.",
        ),
    ],
)
def test_the_incumbent_is_kept_unless_an_arm_is_shown_to_be_better(verdict: str, words: str) -> None:
    against = pd.DataFrame({"verdict": [verdict]}, index=["warm"])
    assert advice(gains(warm=("neutral", "cheaper")), {}, "warm", RULE, 10, False, against) == words


def test_an_incumbent_that_wins_on_rows_held_out_is_kept_in_words_too() -> None:
    told = advice_to_keep("warm", {"challenger": 0.91, "incumbent": 0.93})
    assert told.startswith("Keep the incumbent: warm was better in the comparison")
    assert "0.91" in told
    assert "0.93" in told


# -- what all verdicts rest on -----------------------------------------------------------------------------


def cold_runs(scores: list[float], **columns: Any) -> pd.DataFrame:
    n = len(scores)
    return pd.DataFrame({"repeat": range(n), "stream": 0, "phase": 2, "arm": "cold", "score": scores}).assign(
        **columns
    )


def dummy_runs(score: float, n: int) -> pd.DataFrame:
    return cold_runs([score] * n).drop(columns="arm")


def test_the_rope_has_the_unit_of_the_score() -> None:
    cold = cold_runs([-60.0, -62.0])
    assert choose_rope(cold, dummy_runs(-77.0, 2), bounded=True)[0] == 0.01
    rope, words = choose_rope(cold, dummy_runs(-77.0, 2), bounded=False)
    assert rope == pytest.approx(0.16)
    assert words == "1% of the distance between cold's score, -61, and a dummy's, -77"
    rope, words = choose_rope(cold, pd.DataFrame(), bounded=False)
    assert rope == 0
    assert "give a number" in words


@pytest.mark.parametrize(
    ("scores", "guess", "learned"),
    [
        ([0.97, 0.97, 0.97], 0.97, False),
        ([0.97, 0.97, 0.97], 0.9, True),
        ([0.98, 0.9, 0.94, 0.92], 0.93, False),
        ([0.98, 0.97, 0.99, 0.98], 0.93, True),
        ([0.9], 0.95, False),
    ],
)
def test_cold_is_compared_with_a_guess(scores: list[float], guess: float, learned: bool) -> None:
    told = worth_of_cold(cold_runs(scores), dummy_runs(guess, len(scores)), "accuracy", 0.95)
    assert (told is None) == learned
    if not learned:
        assert told is not None
        assert f"a guess that knows no columns {guess:.4g}" in told
        assert ("learned nothing" in told) == (round(sum(scores) / len(scores), 6) <= guess)


def test_few_test_sets_are_counted_and_groups_are_called_so() -> None:
    found = notes(cold_runs([0.9] * 4, test_set=[0, 0, 1, 1]), None, None, fixed=False, n_groups=None)
    assert found == ("The 4 replicates test on 2 different sets of rows: the intervals take that into account.",)
    found = notes(cold_runs([0.9] * 4, test_set=0), None, None, fixed=False, n_groups=5)
    assert "on 1 different set of the 5 groups" in found[0]
    assert notes(cold_runs([0.9] * 4, test_set=range(4)), None, None, fixed=False, n_groups=None) == ()


def test_a_fixed_stream_and_missing_scores_are_noted() -> None:
    missing, stream = notes(cold_runs([0.9, NAN]), None, None, fixed=True, n_groups=None)
    assert missing == "Cold has no score (NaN) in 1 of its 2 runs: these are left out for all arms."
    assert "for this stream of data only" in stream
