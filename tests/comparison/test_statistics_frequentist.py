import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import corrected_t_test, correlated_t, holm, sign_flip_test

DIFFERENCES = [0.021, 0.034, -0.008, 0.017, 0.027, 0.004]
ALTERNATIVES = ["two-sided", "greater", "less"]
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)

# -- the corrected t-test --------------------------------------------------------------------------------


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_without_overlap_it_is_the_paired_t_test(alternative: str) -> None:
    expected = stats.ttest_1samp(DIFFERENCES, 0.0, alternative=alternative)
    result = corrected_t_test(DIFFERENCES, alternative=alternative)
    assert (result.statistic, result.p_value, result.df) == pytest.approx((expected.statistic, expected.pvalue, 5))
    interval = stats.ttest_1samp(DIFFERENCES, 0.0).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(tuple(interval))


@pytest.mark.parametrize("ratio", [1 / 9, 1 / 3])
def test_overlap_makes_the_variance_larger_as_published(ratio: float) -> None:
    plain, corrected = corrected_t_test(DIFFERENCES), corrected_t_test(DIFFERENCES, ratio)
    # J = 6 splits: the variance grows from 1/J to 1/J + n2/n1.
    assert corrected.statistic == pytest.approx(plain.statistic / math.sqrt(1 + 6 * ratio))
    assert corrected.p_value == pytest.approx(2 * stats.t.sf(corrected.statistic, 5))
    half = stats.t.ppf(0.95, 5) * np.std(DIFFERENCES, ddof=1) * math.sqrt(1 / 6 + ratio)
    narrower = corrected_t_test(DIFFERENCES, ratio, confidence=0.9)
    assert (narrower.high - narrower.low) / 2 == pytest.approx(half)


def test_one_sided_it_agrees_with_the_posterior() -> None:
    result = corrected_t_test(DIFFERENCES, 1 / 3, alternative="greater")
    assert result.p_value == pytest.approx(correlated_t(DIFFERENCES, 1 / 3).below(0.0))


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, 0.1], [0.0] * 4])
def test_what_has_no_spread_to_go_by_has_no_p_value(differences: list[float]) -> None:
    result = corrected_t_test(differences, 0.25)
    assert math.isnan(result.p_value)
    assert math.isnan(result.statistic)


def test_enough_equal_differences_are_certain() -> None:
    assert corrected_t_test([0.1] * 5).p_value == 0
    assert corrected_t_test([-0.1] * 5, alternative="greater").p_value == 1
    none = corrected_t_test([0.0] * 5)
    assert (none.statistic, none.p_value, none.low, none.high) == (0, 1, 0, 0)


# -- sign flips ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("n", [2, 4, 6])
def test_few_pairs_are_counted_exactly(alternative: str, n: int) -> None:
    sample = (np.array(DIFFERENCES[:n]),)
    expected = stats.permutation_test(
        sample, np.sum, permutation_type="samples", vectorized=False, n_resamples=np.inf, alternative=alternative
    )
    # scipy doubles the smaller tail; with signs both tails are alike, so that is the same.
    assert sign_flip_test(DIFFERENCES[:n], alternative) == pytest.approx(min(expected.pvalue, 1.0))


def test_many_pairs_are_drawn_and_the_sample_itself_counts() -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(0.3, 1.0, size=20)
    flips = 1 - 2 * ((np.arange(2**20, dtype=np.int32)[:, None] >> np.arange(20, dtype=np.int32)) & 1)
    exact = float(np.mean(np.abs(flips.astype(np.float32) @ d.astype(np.float32)) >= abs(d.sum()) - 1e-4))
    drawn = sign_flip_test(d, n_resamples=20_000, rng=1)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert sign_flip_test(d, rng=1) == sign_flip_test(d, rng=np.random.default_rng(1))
    assert sign_flip_test(np.ones(40), n_resamples=99) == 1 / 100


def test_drawing_in_pieces_leaves_none_out() -> None:
    # All sums are as extreme as none at all: every one of the flips must be counted.
    assert sign_flip_test(np.zeros(3000), n_resamples=3001) == 1


def test_no_difference_and_no_pairs() -> None:
    assert sign_flip_test([0.0, 0.0, 0.0]) == 1
    assert math.isnan(sign_flip_test([]))
    assert math.isnan(sign_flip_test([0.1, math.nan]))


def test_equal_sums_are_equal_in_spite_of_rounding() -> None:
    assert sign_flip_test([0.1, 0.2, 0.3]) == 2 / 8
    assert sign_flip_test([0.1, 0.2, -0.3], "greater") == 5 / 8  # three sums above 0, and two of 0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_the_other_sign_is_the_other_tail(d: list[float]) -> None:
    assert sign_flip_test(d, "greater") == sign_flip_test([-x for x in d], "less")


def test_what_cannot_be_tested_says_why() -> None:
    with pytest.raises(ValueError, match="alternative must be 'two-sided', 'greater' or 'less', got 'more'"):
        sign_flip_test(DIFFERENCES, "more")
    with pytest.raises(ValueError, match="alternative must be"):
        corrected_t_test(DIFFERENCES, alternative="more")
    with pytest.raises(ValueError, match="n_resamples must be at least 1, got 0"):
        sign_flip_test(DIFFERENCES, n_resamples=0)


# -- Holm ------------------------------------------------------------------------------------------------


def rejected_by_holm(p: list[float], alpha: float) -> set[int]:
    """The procedure as published: step down until one is too large."""
    out: set[int] = set()
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] > alpha / (len(p) - step):
            break
        out.add(int(i))
    return out


@given(p_values, st.sampled_from([0.01, 0.05, 0.2]))
def test_adjusted_p_values_reject_what_the_procedure_rejects(p: list[float], alpha: float) -> None:
    adjusted = holm(p)
    clear = np.abs(adjusted - alpha) > 1e-9
    if clear.all():
        assert set(np.flatnonzero(adjusted <= alpha).tolist()) == rejected_by_holm(p, alpha)


@given(p_values)
def test_adjusting_never_makes_smaller_nor_changes_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.asarray(p)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_a_worked_example() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_reference_has_no_p_value_and_does_not_count() -> None:
    adjusted = holm([math.nan, 0.01, 0.03])
    assert math.isnan(adjusted[0])
    assert adjusted[1:] == pytest.approx([0.02, 0.03])
    assert holm([]).shape == (0,)


def test_no_probability_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"p_values must be in \[0, 1\]"):
        holm([0.1, 1.2])
