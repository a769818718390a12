"""Averages within replicates, and speed-ups with runs that never got there."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sk_warmstart.statistics import correlated_t, geometric_speedup, replicate_means

# -- averages --------------------------------------------------------------------------------------------


def test_it_is_the_groupby_in_the_order_of_sorted_labels() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"fold": rng.choice(["c", "a", "b"], size=60), "value": rng.normal(size=60)})
    got = replicate_means(frame["value"], frame["fold"])
    assert got == pytest.approx(frame.groupby("fold")["value"].mean().to_numpy())


def test_a_missing_value_is_not_dropped() -> None:
    got = replicate_means([1.0, math.nan, 2.0], [0, 0, 1])
    assert math.isnan(got[0])
    assert got[1] == 2


def test_phases_do_not_add_certainty() -> None:
    rng = np.random.default_rng(1)
    replicates = rng.normal(0.01, 0.02, size=5)
    pooled = np.repeat(replicates, 20)  # phases that say the same again
    means = replicate_means(pooled, np.repeat(np.arange(5), 20))
    assert means == pytest.approx(replicates)
    assert correlated_t(means).scale == pytest.approx(correlated_t(replicates).scale)
    assert correlated_t(pooled).scale < correlated_t(means).scale / 3


def test_each_value_needs_a_label() -> None:
    with pytest.raises(ValueError, match="replicate must have one label for each of the 2 values, got 1"):
        replicate_means([1.0, 2.0], [0])


# -- speed-up --------------------------------------------------------------------------------------------

COLD, WARM = [400.0, 500.0, 450.0, 800.0], [100.0, 250.0, 150.0, 900.0]


def test_it_is_the_t_interval_on_logarithms() -> None:
    got = geometric_speedup(COLD, WARM)
    logs = np.log(np.divide(COLD, WARM))
    assert got.speedup == pytest.approx(stats.gmean(COLD) / stats.gmean(WARM))
    assert (got.low, got.high) == pytest.approx(
        tuple(np.exp(stats.ttest_1samp(logs, 0).confidence_interval(0.95)))
    )
    assert got.median == pytest.approx(math.sqrt(2 * 3))
    assert (got.bound, got.n_replicates, got.reached_reference, got.reached_arm) == ("exact", 4, 1, 1)


def test_slower_is_as_far_from_one_as_faster() -> None:
    here, there = (
        geometric_speedup(COLD, WARM, test_to_train=0.2),
        geometric_speedup(WARM, COLD, test_to_train=0.2),
    )
    assert (there.speedup, there.low, there.high) == pytest.approx((1 / here.speedup, 1 / here.high, 1 / here.low))


def test_an_arm_that_did_not_get_there_makes_an_upper_bound() -> None:
    got = geometric_speedup(COLD, WARM, reached_arm=[True, True, True, False])
    exact = geometric_speedup(COLD, WARM)
    assert (got.bound, got.low, got.reached_arm) == ("at most", 0, 0.75)
    assert got.speedup == pytest.approx(exact.speedup)  # at 900 it was slower already
    assert got.high == pytest.approx(exact.high)
    assert got.median == pytest.approx(exact.median)


def test_a_reference_that_did_not_get_there_makes_a_lower_bound() -> None:
    reached = [False, True, True, True]
    got = geometric_speedup(COLD, WARM, reached_reference=reached)
    mirror = geometric_speedup(WARM, COLD, reached_arm=reached)
    assert (got.bound, got.high, mirror.bound, mirror.low) == ("at least", math.inf, "at most", 0)
    assert (got.speedup, got.low) == pytest.approx((1 / mirror.speedup, 1 / mirror.high))


def test_stopping_short_is_never_fast() -> None:
    got = geometric_speedup([300.0] * 4, [100.0] * 4, reached_arm=[False] * 4)
    assert got.speedup == 1
    assert got.bound == "at most"
    other = geometric_speedup([100.0] * 4, [300.0] * 4, reached_reference=[False] * 4)
    assert (other.speedup, other.bound) == (1, "at least")


def test_where_neither_got_there_nothing_is_known() -> None:
    got = geometric_speedup(COLD, WARM, [True, True, True, False], [True, True, True, False])
    assert (got.bound, got.low, got.high) == ("open", 0, math.inf)
    assert math.isfinite(got.speedup)
    assert math.isnan(got.median)  # between those of 2 and 3, and of 3 and 4


def test_a_bound_holds_whatever_the_censored_runs_would_have_taken() -> None:
    rng, budget = np.random.default_rng(0), 500.0
    done, late = rng.uniform(100, budget, 12), rng.lognormal(6, 0.5, 12)
    stopped, reached = np.minimum(late, budget), late <= budget
    assert 0 < reached.sum() < 12
    true, known = geometric_speedup(done, late), geometric_speedup(done, stopped, reached_arm=reached)
    assert known.bound == "at most"
    assert true.speedup < known.speedup
    true, known = geometric_speedup(late, done), geometric_speedup(stopped, done, reached_reference=reached)
    assert known.bound == "at least"
    assert true.speedup > known.speedup


def test_the_end_of_the_interval_that_holds_covers_the_true_speedup() -> None:
    rng, n, missed = np.random.default_rng(1), 400, 0
    for _ in range(n):
        cold, warm = np.exp(rng.normal(-1.0, 0.2, 8)), np.exp(rng.normal(-0.7, 0.5, 8))  # truly exp(-0.3)
        budget = np.maximum(1.0, cold)
        got = geometric_speedup(cold, np.minimum(warm, budget), reached_arm=warm <= budget)
        missed += not got.low <= math.exp(-0.3) <= got.high
    assert missed <= stats.binom.ppf(0.999, n, 0.05)


def test_phases_of_a_replicate_are_one() -> None:
    replicate = [0, 0, 1, 1]
    got = geometric_speedup(COLD, WARM, replicate=replicate)
    logs = np.log(np.divide(COLD, WARM)).reshape(2, 2).mean(axis=1)
    assert got.n_replicates == 2
    assert got.speedup == pytest.approx(np.exp(logs.mean()))
    assert math.isnan(got.low)
    assert math.isnan(got.high)
    censored = geometric_speedup(COLD, WARM, reached_arm=[False, True, True, True], replicate=replicate)
    assert (censored.bound, censored.low) == ("at most", 0)
    assert math.isnan(censored.high)


def test_most_runs_censored_leave_no_median() -> None:
    got = geometric_speedup(COLD, WARM, reached_arm=[False, False, False, True])
    assert math.isnan(got.median)


def test_an_enormous_interval_is_no_error() -> None:
    got = geometric_speedup([1e-200, 1e200, 1.0], [1.0, 1.0, 1e100], confidence=0.9999)
    assert (got.low, got.high) == (0, math.inf)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0]), "efforts must come in pairs"),
        (([], []), "efforts must come in pairs, and at least one"),
        (([1.0, 0.0], [1.0, 1.0]), "efforts must be above 0"),
        (([1.0, math.nan], [1.0, 1.0]), "efforts must be above 0"),
        (([1.0, 1.0], [1.0, 1.0], [True]), "one answer for each of the 2 runs"),
    ],
)
def test_what_has_no_speed_says_why(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        geometric_speedup(*arguments)
