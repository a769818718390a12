"""The decision rule: what is decided is what the rule's numbers and sentences say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import DecisionRule, Posterior, Speedup, correlated_t, pairs_to_decide, rope_verdict

SHARES = st.floats(0.51, 0.999)


@given(mean=st.floats(-1, 1), scale=st.floats(1e-3, 1), df=st.integers(1, 50), confidence=SHARES)
def test_a_difference_is_found_where_the_whole_interval_lies_beyond_the_rope(
    mean: float, scale: float, df: int, confidence: float
) -> None:
    posterior, rope = Posterior(mean, scale, df), 0.1
    verdict = rope_verdict(posterior, rope, confidence)
    low, high = posterior.interval(confidence)
    if min(abs(low - rope), abs(high + rope)) > 1e-9:  # rounding decides at the very edge
        assert (verdict == "beneficial") == (low > rope)
        assert (verdict == "detrimental") == (high < -rope)


@given(confidence=SHARES)
def test_each_side_needs_half_of_what_the_confidence_leaves(confidence: float) -> None:
    rule = DecisionRule(0.01, confidence)
    assert 1 - rule.p_difference == pytest.approx((1 - confidence) / 2)
    assert rule.verdict(0.0, 1 - rule.p_difference, rule.p_difference) == "beneficial"
    assert rule.verdict(rule.p_difference, 1 - rule.p_difference, 0.0) == "detrimental"
    below = math.nextafter(rule.p_difference, 0)
    assert rule.verdict(below, 1 - below, 0.0) == "undecided"
    assert rule.verdict(0.0, rule.p_equivalence, 1 - rule.p_equivalence) == "neutral"


def test_without_probabilities_or_an_interval_nothing_is_decided() -> None:
    rule = DecisionRule(0.01, 0.95)
    assert rule.verdict(math.nan, math.nan, math.nan) == rule.cost(math.nan, math.nan) == "undecided"


@pytest.mark.parametrize(
    ("interval", "cost"),
    [
        ((1.01, 3.0), "cheaper"),
        ((0.3, 0.99), "costlier"),
        ((0.95, 1.05), "similar"),
        ((1.01, 1.09), "similar"),
        ((0.5, 2.0), "undecided"),
        ((0.0, 0.9), "costlier"),
        ((1.2, math.inf), "cheaper"),
    ],
)
def test_the_cost_is_judged_by_the_interval_of_the_speed_up(interval: tuple[float, float], cost: str) -> None:
    assert DecisionRule(0.01, 0.95).cost(*interval) == cost


def test_the_sentences_state_the_numbers_that_decide() -> None:
    rule = DecisionRule(0.02, 0.95)
    assert "at least 97.5%" in rule.sentence
    assert "its 95% interval" in rule.sentence
    assert "±0.02 with a probability of at least 95%" in rule.sentence
    assert "factor of 1.1" in rule.cost_sentence


# -- several arms ----------------------------------------------------------------------------------------


@given(mean=st.floats(-1, 1), scale=st.floats(1e-3, 1), df=st.integers(1, 50), confidence=SHARES)
def test_one_arm_is_judged_as_ever(mean: float, scale: float, df: int, confidence: float) -> None:
    posterior = Posterior(mean, scale, df)
    assert DecisionRule(0.1, confidence).judge({"warm": posterior})["warm"].verdict == rope_verdict(
        posterior, 0.1, confidence
    )


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(1e-3, 1)), min_size=2, max_size=6))
def test_company_takes_a_difference_away_and_never_adds_one(parts: list[tuple[float, float]]) -> None:
    rule = DecisionRule(0.1, 0.95)
    posteriors = {str(i): Posterior(mean, scale, 9) for i, (mean, scale) in enumerate(parts)}
    for arm, judged in rule.judge(posteriors).items():
        alone = rule.judge({arm: posteriors[arm]})[arm]
        assert judged.verdict in (alone.verdict, "undecided")
        assert judged.p_adjusted >= alone.p_adjusted
        if alone.verdict == "neutral":
            assert judged.verdict == "neutral"


def test_ten_equal_arms_are_rarely_called_different() -> None:
    rule, n = DecisionRule(0.0, 0.95), 300
    rng = np.random.default_rng(0)
    judged, alone = 0, 0
    for _ in range(n):
        arms = {str(i): correlated_t(d) for i, d in enumerate(rng.normal(0, 0.02, (10, 10)))}
        judged += any(each.verdict != "undecided" for each in rule.judge(arms).values())
        alone += any(rope_verdict(posterior, 0.0, 0.95) != "undecided" for posterior in arms.values())
    assert judged <= stats.binom.ppf(0.999, n, 0.05)
    assert alone > n / 4


def test_arms_without_replicates_stand_aside() -> None:
    judged = DecisionRule(0.01, 0.95).judge({"a": Posterior(0.1, math.nan, 0), "b": Posterior(0.05, 0.01, 9)})
    assert math.isnan(judged["a"].p_adjusted)
    assert [each.verdict for each in judged.values()] == ["undecided", "beneficial"]
    assert DecisionRule(0.01, 0.95).judge({}) == {}


def test_costs_are_adjusted_too() -> None:
    rule = DecisionRule(0.01, 0.95)
    fast, same = Speedup(2.0, 1.1, 3.6, 0.03, 2.0, 10), Speedup(1.0, 0.97, 1.03, 1.0, 1.0, 10)
    assert rule.judge_cost({"fast": fast}) == {"fast": "cheaper"}
    assert rule.judge_cost({"slow": Speedup(0.5, 0.3, 0.9, 0.03, 0.5, 10)}) == {"slow": "costlier"}
    assert rule.judge_cost({"fast": fast, "same": same}) == {"fast": "undecided", "same": "similar"}


# -- how many pairs --------------------------------------------------------------------------------------

DIFFERENCES = [0.06, -0.02, 0.05, -0.01, 0.045]


def test_pairs_that_decide_already_are_enough() -> None:
    assert pairs_to_decide([0.05, 0.06, 0.05, 0.06], 0.01, 0.95) == (4, 1.0)


def test_the_draws_are_the_same_again() -> None:
    assert pairs_to_decide(DIFFERENCES, 0.01, 0.95) == pairs_to_decide(DIFFERENCES, 0.01, 0.95)


def test_less_certainty_needs_fewer_pairs() -> None:
    first = pairs_to_decide(DIFFERENCES, 0.01, 0.95)
    assert first is not None
    for other in (pairs_to_decide(DIFFERENCES, 0.01, 0.8), pairs_to_decide(DIFFERENCES, 0.01, 0.95, least=0.5)):
        assert other is not None
        assert other.n < first.n


def test_what_the_rows_leave_open_no_number_of_pairs_decides() -> None:
    assert pairs_to_decide(DIFFERENCES, 0.01, 0.95, shared_variance=0.1) is None
    needed = pairs_to_decide(DIFFERENCES, 0.01, 0.95)
    assert needed is not None
    assert pairs_to_decide(DIFFERENCES, 0.01, 0.95, most=needed.n // 2) is None


def test_the_number_decides_as_often_as_it_says() -> None:
    rng, decided = np.random.default_rng(0), []
    while len(decided) < 60:
        sigma = 0.02 * math.exp(rng.normal(0, 0.5))
        mean = rng.normal(0, 0.04)
        first = mean + sigma * rng.normal(size=6)
        needed = pairs_to_decide(first, 0.01, 0.95)
        if needed is not None and needed.n > len(first):
            all_of_them = np.concatenate([first, mean + sigma * rng.normal(size=needed.n - len(first))])
            decided.append(rope_verdict(correlated_t(all_of_them), 0.01, 0.95) != "undecided")
    assert stats.binom.ppf(0.001, 60, 0.8) <= sum(decided) <= stats.binom.ppf(0.999, 60, 0.8)
