"""The decision rule: what is decided is what the rule's numbers and sentences say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.statistics import DecisionRule, Posterior, pairs_to_decide, rope_verdict

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


def test_the_pairs_that_would_decide_go_by_the_same_rule() -> None:
    differences = [0.06, -0.03, 0.05, -0.02, 0.045]
    needed = pairs_to_decide(differences, 0.0, 0.01, 0.95)
    assert needed is not None
    looser = pairs_to_decide(differences, 0.0, 0.01, 0.9)
    assert looser is not None
    assert looser < needed
