"""Averages within replicates, efforts until a target, and speed-ups."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import correlated_t, effort_to_target, geometric_speedup, replicate_means

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
    assert got.p_value == pytest.approx(stats.ttest_1samp(logs, 0).pvalue)
    assert got.n_replicates == 4


def test_slower_is_as_far_from_one_as_faster() -> None:
    here, there = geometric_speedup(COLD, WARM), geometric_speedup(WARM, COLD)
    assert (there.speedup, there.low, there.high) == pytest.approx((1 / here.speedup, 1 / here.high, 1 / here.low))
    assert there.p_value == pytest.approx(here.p_value)


@given(st.floats(0.01, 100))
def test_the_unit_of_the_effort_is_of_no_account(unit: float) -> None:
    here, there = (geometric_speedup(np.multiply(k, COLD), np.multiply(k, WARM)) for k in (1, unit))
    assert (there.speedup, there.low, there.high) == pytest.approx((here.speedup, here.low, here.high))


def test_phases_of_a_replicate_are_one() -> None:
    got = geometric_speedup(COLD, WARM, replicate=[0, 0, 1, 1])
    logs = np.log(np.divide(COLD, WARM)).reshape(2, 2).mean(axis=1)
    assert got.n_replicates == 2
    assert got.speedup == pytest.approx(np.exp(logs.mean()))
    assert math.isnan(got.low)
    assert math.isnan(got.p_value)


def test_pooled_is_the_ratio_of_what_a_replicate_spent() -> None:
    got = geometric_speedup(COLD, WARM, replicate=[0, 0, 1, 1], pooled=True)
    assert got.speedup == pytest.approx(math.sqrt((900 / 350) * (1250 / 1050)))


def test_equal_efforts_are_no_speed_up() -> None:
    got = geometric_speedup(COLD, COLD)
    assert (got.speedup, got.low, got.high, got.p_value) == (1, 1, 1, 1)


@pytest.mark.parametrize(("n", "sure"), [(2, False), (5, False), (6, True)])
def test_equal_ratios_are_as_sure_as_their_signs(n: int, sure: bool) -> None:
    got = geometric_speedup([500.0] * n, [100.0] * n)
    assert got.speedup == pytest.approx(5)
    assert got.p_value == 2 ** (1 - n)
    assert math.isfinite(got.low) == math.isfinite(got.high) == sure


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
    ],
)
def test_what_has_no_speed_says_why(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        geometric_speedup(*arguments)


# -- the effort until a target ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "effort"), [(0.1, 100), (0.7, 100), (0.75, 200), (0.9, 200), (0.1 + 0.8, 200), (0.95, math.nan)]
)
def test_the_first_score_that_reaches_the_target_counts(target: float, effort: float) -> None:
    got = effort_to_target([0, 100, 200, 300], [0.2, 0.7, 0.9, 0.8], target, least=100)
    assert got == pytest.approx(effort, nan_ok=True)


def test_scores_that_are_no_numbers_reach_nothing() -> None:
    assert math.isnan(effort_to_target([1, 2], [math.nan, math.nan], 0.0))
    assert math.isnan(effort_to_target([], [], 0.0))
    with pytest.raises(ValueError, match="one effort for each score"):
        effort_to_target([1], [0.1, 0.2], 0.1)


def test_equal_arms_with_the_lower_of_both_ends_as_target_are_rarely_told_apart() -> None:
    rng, n, found, logs = np.random.default_rng(0), 100, 0, []
    epochs = np.arange(1, 41)
    for _ in range(n):
        rates = np.exp(rng.normal(1.5, 0.3, (2, 40)))
        curves = 0.9 - 0.6 * np.exp(-epochs / rates[..., None]) + rng.normal(0, 0.03, (2, 40, 40))
        ends = curves.max(axis=2)  # with early stopping the best is returned
        efforts = [
            [effort_to_target(epochs, curve, min(pair) - 0.01) for curve, pair in zip(arm, ends.T, strict=True)]
            for arm in curves
        ]
        got = geometric_speedup(*efforts, replicate=np.repeat(np.arange(10), 4))
        found += not got.low <= 1 <= got.high
        logs.append(math.log(got.speedup))
    assert found <= stats.binom.ppf(0.999, n, 0.05)
    assert abs(np.mean(logs)) < 0.05
