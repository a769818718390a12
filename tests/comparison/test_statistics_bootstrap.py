import math

import numpy as np
import pytest
from scipy import stats

from sk_warmstart.statistics import paired_bootstrap

SKEWED = np.random.default_rng(0).exponential(1.0, size=15) - 0.5


@pytest.mark.parametrize(("method", "scipys"), [("bca", "BCa"), ("percentile", "percentile")])
@pytest.mark.parametrize("statistic", [np.mean, np.median])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_it_is_scipys(method: str, scipys: str, statistic: object, confidence: float) -> None:
    expected = stats.bootstrap(
        (SKEWED,), statistic, method=scipys, confidence_level=confidence, random_state=np.random.default_rng(3)
    ).confidence_interval
    got = paired_bootstrap(SKEWED, confidence, statistic, method=method, rng=3)
    assert got == pytest.approx(tuple(expected), abs=0.05)


def test_skew_moves_the_corrected_interval_towards_the_tail() -> None:
    plain, corrected = (paired_bootstrap(SKEWED, method=method) for method in ("percentile", "bca"))
    assert stats.skew(SKEWED) > 0
    assert corrected[0] > plain[0]
    assert corrected[1] > plain[1]


def test_it_does_not_leave_the_range_of_the_data() -> None:
    low, high = paired_bootstrap([0.1, 0.2], 0.999)
    assert 0.1 <= low < high <= 0.2


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, 0.1], [0.0] * 4, [0.1, math.nan, 0.2]])
def test_too_little_gives_no_interval(differences: list[float]) -> None:
    assert all(math.isnan(bound) for bound in paired_bootstrap(differences))


def test_enough_equal_differences_are_a_point() -> None:
    assert paired_bootstrap([0.25] * 5) == (0.25, 0.25)


def test_where_the_correction_is_not_defined_there_are_percentiles() -> None:
    # Leaving out any one does not move the median: it has no acceleration.
    d = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0]
    assert paired_bootstrap(d, statistic=np.median) == paired_bootstrap(
        d, statistic=np.median, method="percentile"
    )


def test_few_draws_that_all_lie_on_one_side() -> None:
    low, high = paired_bootstrap(SKEWED, n_resamples=1)
    assert low == high


def test_the_seed_decides() -> None:
    assert paired_bootstrap(SKEWED, rng=1) == paired_bootstrap(SKEWED, rng=np.random.default_rng(1))
    assert paired_bootstrap(SKEWED, rng=1) != paired_bootstrap(SKEWED, rng=2)


def test_many_pairs_are_drawn_in_pieces() -> None:
    d = np.random.default_rng(1).normal(size=3000)
    low, high = paired_bootstrap(d, n_resamples=2000)
    half = 1.96 * d.std() / math.sqrt(3000)
    assert (low, high) == pytest.approx((d.mean() - half, d.mean() + half), abs=half / 5)


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(ValueError, match="method must be 'bca' or 'percentile', got 'basic'"):
        paired_bootstrap(SKEWED, method="basic")
    with pytest.raises(ValueError, match="n_resamples must be at least 1, got 0"):
        paired_bootstrap(SKEWED, n_resamples=0)
