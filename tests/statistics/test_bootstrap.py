"""The bootstrap interval of the mean of paired differences."""

import math

import numpy as np
import pytest
from scipy import stats

from sk_warmstart.statistics import paired_bootstrap

SKEWED = np.random.default_rng(0).exponential(1.0, size=15) - 0.5


TEN = [-0.006, -0.0165, 0.005, 0.0184, 0.0327, 0.0122, -0.0011, -0.0057, 0.025, 0.0427]
SIX = [0.021, 0.034, -0.008, 0.017, 0.027, 0.004]


@pytest.mark.parametrize(
    ("differences", "confidence", "interval"),
    [
        (SKEWED, 0.8, (0.458382256287711, 1.5684037149676315)),
        (SKEWED, 0.95, (0.2871940536561772, 2.0005822763088466)),
        (SIX, 0.8, (0.0075, 0.022833333333333334)),
        (SIX, 0.95, (0.003, 0.02566666666666667)),
        (TEN, 0.8, (0.0036700000000000005, 0.018318766291820318)),
        (TEN, 0.95, (0.00013015068871129762, 0.022272267505041566)),
    ],
)
def test_the_intervals_are_those_of_version_0_1(
    differences: object, confidence: float, interval: tuple[float, float]
) -> None:
    # Which wrote the published formula out, with the same draws.
    assert paired_bootstrap(differences, confidence) == pytest.approx(interval, rel=1e-12)


def test_skew_moves_the_interval_towards_the_tail() -> None:
    low, high = paired_bootstrap(SKEWED)
    drawn = np.random.default_rng(0).choice(SKEWED, size=(9999, len(SKEWED))).mean(axis=1)
    assert stats.skew(SKEWED) > 0
    assert low > np.quantile(drawn, 0.025)
    assert high > np.quantile(drawn, 0.975)


def test_it_does_not_leave_the_range_of_the_data() -> None:
    low, high = paired_bootstrap([0.1, 0.2], 0.999)
    assert 0.1 <= low < high <= 0.2


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, 0.1], [0.25] * 9, [0.1, math.nan, 0.2]])
def test_too_little_gives_no_interval(differences: list[float]) -> None:
    assert all(math.isnan(bound) for bound in paired_bootstrap(differences))


def test_where_the_correction_is_not_defined_there_are_percentiles() -> None:
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
    with pytest.raises(ValueError, match="n_resamples must be at least 1, got 0"):
        paired_bootstrap(SKEWED, n_resamples=0)
