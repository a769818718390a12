"""The posterior of a mean difference, the verdict by it, and how many pairs would decide."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import Posterior, correlated_t, pairs_to_decide, rope_verdict

DIFFERENCES = [0.021, 0.034, 0.008, 0.017, 0.027]
some_differences = st.lists(st.floats(-1, 1, allow_nan=False), min_size=2, max_size=12)
ratios = st.floats(0, 1)


def spreads(differences: list[float]) -> bool:
    """Whether the differences are far enough from equal that rounding plays no part."""
    return float(np.std(differences)) > 1e-6


# -- the posterior ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.0, 1 / 9, 1 / 3])
def test_correlated_t_is_the_published_formula(ratio: float) -> None:
    n = len(DIFFERENCES)
    mean = sum(DIFFERENCES) / n
    variance = sum((d - mean) ** 2 for d in DIFFERENCES) / (n - 1)
    scale = math.sqrt((1 / n + ratio) * variance)
    t = stats.t(df=n - 1, loc=mean, scale=scale)

    posterior = correlated_t(DIFFERENCES, ratio)
    assert (posterior.mean, posterior.scale, posterior.df) == pytest.approx((mean, scale, n - 1))
    for bound in (-0.01, 0.0, 0.01, 0.03):
        assert posterior.below(bound) == pytest.approx(t.cdf(bound))
    assert posterior.interval(0.9) == pytest.approx(t.interval(0.9))


def test_without_overlap_it_is_the_paired_t_test() -> None:
    one_sided = stats.ttest_1samp(DIFFERENCES, 0.0, alternative="greater").pvalue
    assert correlated_t(DIFFERENCES).below(0.0) == pytest.approx(one_sided)


@pytest.mark.parametrize("differences", [[], [0.5]])
def test_fewer_than_two_replicates_decide_nothing(differences: list[float]) -> None:
    posterior = correlated_t(differences, 0.25)
    assert math.isnan(posterior.below(0.0))
    assert all(math.isnan(bound) for bound in posterior.interval(0.95))
    assert rope_verdict(posterior, 0.01, 0.95) == "undecided"
    assert pairs_to_decide(differences, 0.01, 0.95) is None


@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize("value", [0.05, -0.05, 0.0])
def test_equal_differences_alone_decide_nothing(n: int, value: float) -> None:
    posterior = correlated_t([value] * n, 0.25)
    assert math.isnan(posterior.scale)
    assert rope_verdict(posterior, 0.01, 0.95) == "undecided"
    assert pairs_to_decide([value] * n, 0.01, 0.95) is None


def test_rounding_is_no_spread_and_no_mean() -> None:
    assert 0.1 + 0.2 != 0.3
    assert math.isnan(correlated_t([0.1 + 0.2, *[0.3] * 4]).scale)
    assert correlated_t([0.3 + 1e-9, *[0.3] * 4]).scale > 0
    rounded = correlated_t([5.6e-17] * 5)
    assert (rounded.mean, rounded.p_value) == (0, 1)


# -- the p-value of the corrected t-test -------------------------------------------------------------------


def test_without_overlap_the_p_value_is_that_of_the_paired_t_test() -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0.0)
    posterior = correlated_t(DIFFERENCES)
    assert (posterior.p_value, posterior.df) == pytest.approx((expected.pvalue, 4))
    assert posterior.interval(0.95) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("ratio", [1 / 9, 1 / 3])
def test_overlap_makes_the_variance_larger_as_published(ratio: float) -> None:
    # J = 5 splits: the variance grows from 1/J to 1/J + n2/n1.
    statistic = stats.ttest_1samp(DIFFERENCES, 0.0).statistic / math.sqrt(1 + 5 * ratio)
    assert correlated_t(DIFFERENCES, ratio).p_value == pytest.approx(2 * stats.t.sf(statistic, 4))


@given(some_differences, ratios)
def test_the_p_value_is_twice_the_smaller_tail_and_the_same_for_the_other_sign(
    differences: list[float], ratio: float
) -> None:
    assume(spreads(differences))
    posterior = correlated_t(differences, ratio)
    below = posterior.below(0.0)
    assert posterior.p_value == pytest.approx(2 * min(below, 1 - below), abs=1e-12)
    assert correlated_t([-d for d in differences], ratio).p_value == pytest.approx(posterior.p_value)


@given(some_differences, ratios, st.floats(0.55, 0.99))
def test_the_p_value_and_the_interval_agree(differences: list[float], ratio: float, confidence: float) -> None:
    assume(spreads(differences))
    posterior = correlated_t(differences, ratio)
    low, high = posterior.interval(confidence)
    assume(abs(posterior.p_value - (1 - confidence)) > 1e-9)
    assert (low <= 0 <= high) == (posterior.p_value > 1 - confidence)


@pytest.mark.parametrize("differences", [[], [0.1], [0.1] * 2, [0.1] * 9, [0.1, math.nan]])
def test_what_has_no_spread_to_go_by_has_no_p_value(differences: list[float]) -> None:
    assert math.isnan(correlated_t(differences, 0.25).p_value)


def test_a_tiny_p_value_does_not_round_to_none() -> None:
    assert 0 < Posterior(1.0, 0.001, 9).p_value < 1e-20


# -- the verdict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "scale", "verdict"),
    [
        (0.05, 0.005, "beneficial"),
        (-0.05, 0.005, "detrimental"),
        (0.001, 0.002, "neutral"),
        (0.012, 0.01, "undecided"),
        (0.0, 0.05, "undecided"),
    ],
)
def test_four_outcomes(mean: float, scale: float, verdict: str) -> None:
    assert rope_verdict(Posterior(mean, scale, 9), 0.01, 0.95) == verdict


def test_a_verdict_needs_exactly_the_confidence() -> None:
    posterior = Posterior(0.05, 0.02, 9)
    content = 1 - 2 * posterior.below(0.01)  # of the central interval that ends at the ROPE
    assert rope_verdict(posterior, 0.01, content - 1e-9) == "beneficial"
    assert rope_verdict(posterior, 0.01, content + 1e-9) == "undecided"
    assert posterior.interval(content)[0] == pytest.approx(0.01)
    same = Posterior(0.0, 0.005, 9)
    content = 1 - 2 * same.below(-0.01)
    assert rope_verdict(same, 0.01, content - 1e-9) == "neutral"
    assert rope_verdict(same, 0.01, content + 1e-9) == "undecided"


@given(some_differences, ratios, st.floats(0.001, 0.5))
def test_the_other_sign_is_the_other_verdict(differences: list[float], ratio: float, rope: float) -> None:
    assume(spreads(differences))
    here, there = correlated_t(differences, ratio), correlated_t([-d for d in differences], ratio)
    assert there.below(-rope) == pytest.approx(1 - here.below(rope), abs=1e-9)
    assert there.interval(0.9) == pytest.approx(tuple(-bound for bound in here.interval(0.9)[::-1]))
    other = {"beneficial": "detrimental", "detrimental": "beneficial"}
    verdict = rope_verdict(here, rope, 0.9)
    assert rope_verdict(there, rope, 0.9) == other.get(verdict, verdict)


@given(some_differences, ratios, st.floats(0.01, 1))
def test_more_overlap_is_less_sure(differences: list[float], ratio: float, more: float) -> None:
    assume(spreads(differences))
    low, high = correlated_t(differences, ratio).interval(0.95)
    wider_low, wider_high = correlated_t(differences, ratio + more).interval(0.95)
    assert wider_low < low <= high < wider_high
