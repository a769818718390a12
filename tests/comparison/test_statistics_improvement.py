"""P(A > B), and how many pairs tests of it need."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import noether_pairs, probability_of_improvement

# -- probability of improvement --------------------------------------------------------------------------


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


# -- sample size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probability", "power", "pairs"), [(0.75, 0.95, 29), (0.75, 0.8, 17), (0.8, 0.95, 21), (0.9, 0.95, 12)]
)
def test_published_numbers_for_benchmarks(probability: float, power: float, pairs: int) -> None:
    assert noether_pairs(probability, power=power, test="mann-whitney") == pairs


@pytest.mark.parametrize("probability", [0.65, 0.75])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_the_sign_test_has_that_power(probability: float, power: float) -> None:
    n = noether_pairs(probability, power=power)
    # Exact power of the test that has a size of exactly 0.05: at the edge it rejects now and then.
    edge = stats.binom.isf(0.05, n, 0.5)
    share = (0.05 - stats.binom.sf(edge, n, 0.5)) / stats.binom.pmf(edge, n, 0.5)
    got = stats.binom.sf(edge, n, probability) + share * stats.binom.pmf(edge, n, probability)
    assert got == pytest.approx(power, abs=0.05)


def test_signed_ranks_and_rank_sums_have_that_power() -> None:
    rng, n_tests = np.random.default_rng(0), 2000
    n = noether_pairs(stats.norm.cdf(0.5 * math.sqrt(2)), power=0.8, test="wilcoxon")
    d = rng.normal(0.5, 1.0, size=(n_tests, n))
    p = stats.wilcoxon(d, axis=1, alternative="greater", method="approx").pvalue  # "asymptotic" since SciPy 1.15
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=0.06)
    n = noether_pairs(stats.norm.cdf(0.8 / math.sqrt(2)), power=0.8, test="mann-whitney")
    a, b = rng.normal(0.8, 1.0, size=(n_tests, n)), rng.normal(0.0, 1.0, size=(n_tests, n))
    p = stats.mannwhitneyu(a, b, axis=1, alternative="greater", method="asymptotic").pvalue
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=0.06)


def test_both_directions_and_symmetry() -> None:
    assert noether_pairs(0.25) == noether_pairs(0.75) == 44
    assert noether_pairs(two_sided=True) == noether_pairs(alpha=0.025) > 44


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": "t"}, "test must be one of 'sign', 'wilcoxon', 'mann-whitney', got 't'"),
        ({"probability": 0.5}, r"probability must be in \(0, 1\) and not 0.5, got 0.5"),
        ({"probability": 1.0}, "probability must be in"),
        ({"alpha": 0.0}, r"alpha must be in \(0, 0.5\) and power in \(0.5, 1\), got 0.0 and 0.95"),
        ({"power": 1.0}, "power in"),
    ],
)
def test_what_has_no_size_says_why(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        noether_pairs(**arguments)
