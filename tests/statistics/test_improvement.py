"""The probability that one arm beats the other in a pair."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import probability_of_improvement


@given(st.integers(1, 29), st.integers(1, 29), st.sampled_from([0.8, 0.95]))
def test_mixed_pairs_have_wilsons_interval(wins: int, losses: int, confidence: float) -> None:
    d = [0.1] * wins + [-0.1] * losses
    got = probability_of_improvement(d, confidence=confidence)
    expected = stats.binomtest(wins, wins + losses).proportion_ci(confidence, method="wilson")
    assert (got.probability, got.low, got.high) == pytest.approx((wins / len(d), expected.low, expected.high))


@pytest.mark.parametrize("n", [1, 5, 30])
@pytest.mark.parametrize("sign", [1, -1])
def test_unanimous_pairs_have_the_exact_interval(n: int, sign: int) -> None:
    got = probability_of_improvement([0.1 * sign] * n)
    expected = stats.binomtest(n if sign > 0 else 0, n).proportion_ci(0.95, method="exact")
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert got.probability == (sign > 0)


def test_ties_count_half() -> None:
    got = probability_of_improvement([0.1, 0.0, 0.0, -0.1, 0.2])
    assert (got.probability, got.n_pairs, got.n_ties) == (0.6, 5, 2)
    ties = probability_of_improvement([0.0] * 4)
    assert ties.probability == 0.5
    assert ties.low < 0.5 < ties.high


def test_overlapping_pairs_count_as_fewer() -> None:
    d = [0.1] * 7 + [-0.1] * 3
    apart, overlapping = probability_of_improvement(d), probability_of_improvement(d, test_to_train=0.1)
    assert overlapping.probability == apart.probability
    # 1 / (1/10 + 0.1) = 5 pairs' worth
    z = stats.norm.ppf(0.975)
    for bound in (overlapping.low, overlapping.high):
        assert abs(0.7 - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / 5))
    unanimous = probability_of_improvement([0.1] * 10, test_to_train=0.1)
    assert (unanimous.low, unanimous.high) == pytest.approx((0.025 ** (1 / 5), 1))


def test_no_pairs_say_nothing() -> None:
    for d in ([], [0.1, math.nan]):
        got = probability_of_improvement(d)
        assert all(math.isnan(x) for x in (got.probability, got.low, got.high))
        assert got.n_pairs == len(d)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=20), st.floats(0, 1))
def test_the_other_sign_is_the_complement(d: list[float], ratio: float) -> None:
    here, there = (probability_of_improvement(x, ratio) for x in (d, [-v for v in d]))
    assert (there.probability, there.low, there.high) == pytest.approx(
        (1 - here.probability, 1 - here.high, 1 - here.low)
    )
    assert 0 <= here.low <= here.probability <= here.high <= 1
