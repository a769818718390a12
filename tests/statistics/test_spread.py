"""Whether paired samples spread equally."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import pitman_morgan

seeds = st.integers(0, 10_000)


def pairs(seed: int, n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    return common + rng.normal(size=n), common + 2 * rng.normal(size=n)


@given(seeds)
def test_the_p_value_is_that_of_the_correlation_of_sums_and_differences(seed: int) -> None:
    x, y = pairs(seed)
    assert pitman_morgan(x, y).p_value == pytest.approx(stats.pearsonr(x + y, x - y).pvalue)


@given(seeds)
def test_the_ends_of_the_interval_are_the_ratios_at_the_edge_of_the_test(seed: int) -> None:
    x, y = pairs(seed)
    got = pitman_morgan(x, y, confidence=0.9)
    for end in (got.low, got.high):
        assert stats.pearsonr(x + end * y, x - end * y).pvalue == pytest.approx(0.1)


@given(seeds, st.floats(0.1, 10))
def test_swapping_mirrors_and_units_cancel(seed: int, unit: float) -> None:
    x, y = pairs(seed)
    here, there, scaled = pitman_morgan(x, y), pitman_morgan(y, x), pitman_morgan(unit * x, unit * y)
    assert (there.ratio, there.low, there.high) == pytest.approx((1 / here.ratio, 1 / here.high, 1 / here.low))
    assert (scaled.ratio, scaled.p_value) == pytest.approx((here.ratio, here.p_value))


@pytest.mark.parametrize("n", [3, 5, 10])
def test_equal_spreads_are_flagged_as_often_as_they_may(n: int) -> None:
    rng, times = np.random.default_rng(n), 1000
    shared = rng.normal(size=(times, n))
    samples = shared + rng.normal(size=(2, times, n))
    flagged = sum(pitman_morgan(x, y).p_value <= 0.05 for x, y in zip(*samples, strict=True))
    assert stats.binom.ppf(0.001, times, 0.05) <= flagged <= stats.binom.ppf(0.999, times, 0.05)


def test_without_spread_there_is_nothing_to_test() -> None:
    assert math.isnan(pitman_morgan([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]).ratio)
    none = pitman_morgan([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert none.ratio == 0
    assert math.isnan(none.p_value)
    assert pitman_morgan([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]).ratio == math.inf
    assert math.isnan(pitman_morgan([1.0, 2.0], [1.0, 3.0]).p_value)
    assert math.isnan(pitman_morgan([1.0, math.nan, 2.0], [1.0, 2.0, 3.0]).ratio)


def test_the_same_sample_spreads_equally() -> None:
    got = pitman_morgan([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])
    assert (got.ratio, got.p_value) == pytest.approx((1, 1))


def test_samples_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="samples of as many values"):
        pitman_morgan([1.0, 2.0], [1.0])
