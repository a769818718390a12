"""Small simulations: where there is no difference, how often is one found?"""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from sk_warmstart.statistics import (
    correlated_t,
    holm,
    paired_bootstrap,
    probability_of_improvement,
    rope_verdict,
)

N_REPLICATES = 10


def most_by_chance(n: int, rate: float) -> int:
    """The count that a rate exceeds once in a thousand experiments only."""
    return int(stats.binom.ppf(0.999, n, rate))


def correlated_differences(rng: np.random.Generator, n: int, ratio: float, scale: float = 0.01) -> np.ndarray:
    """Differences of equal arms in replicates with the correlation that the correction assumes.

    ``rho = n_test / (n_test + n_train) = ratio / (1 + ratio)`` of their variance is shared by all.
    """
    shared = rng.normal(0, math.sqrt(ratio), size=(n, 1))
    return scale * (shared + rng.normal(size=(n, N_REPLICATES)))


def resampled_differences(rng: np.random.Generator, n_experiments: int, n: int = 120) -> np.ndarray:
    """Two equal learners on real random splits: each puts a threshold on a feature of its own.

    Each experiment has one data set, as a user has, on which either of the two may happen to look better.
    """
    half = n // 4
    out = np.empty((n_experiments, N_REPLICATES))
    for i in range(n_experiments):
        y = rng.integers(2, size=n)
        X = y[:, None] + rng.normal(0, 1.0, size=(n, 2))
        for j in range(N_REPLICATES):
            order = rng.permutation(n)
            test, train = order[:half], order[half:]
            labels = y[train]
            threshold = (X[train][labels == 0].mean(axis=0) + X[train][labels == 1].mean(axis=0)) / 2
            accuracy = ((X[test] > threshold) == y[test][:, None]).mean(axis=0)
            out[i, j] = accuracy[0] - accuracy[1]
    return out


@pytest.fixture(scope="module")
def resampled() -> np.ndarray:
    return resampled_differences(np.random.default_rng(0), 400)


@pytest.mark.parametrize("ratio", [0.0, 1 / 9, 1 / 3, 1.0])
def test_equal_arms_are_rarely_called_different(ratio: float) -> None:
    n = 1000
    verdicts = [
        rope_verdict(correlated_t(d, ratio), 0.01, 0.95)
        for d in correlated_differences(np.random.default_rng(1), n, ratio)
    ]
    assert sum(v in ("beneficial", "detrimental") for v in verdicts) <= most_by_chance(n, 0.05)


@pytest.mark.parametrize("rope", [0.0, 0.01, 0.04])
def test_equal_learners_on_random_splits_are_rarely_called_different(resampled: np.ndarray, rope: float) -> None:
    n = len(resampled)
    verdicts = [rope_verdict(correlated_t(d, 1 / 3), rope, 0.95) for d in resampled]
    better, worse = verdicts.count("beneficial"), verdicts.count("detrimental")
    assert better + worse <= most_by_chance(n, 0.05)
    naive = [rope_verdict(correlated_t(d, 0.0), rope, 0.95) for d in resampled]
    assert len(naive) - naive.count("undecided") - naive.count("neutral") > 2 * (better + worse)


@pytest.mark.parametrize("ratio", [0.0, 1 / 3])
def test_the_corrected_t_test_has_its_size_and_its_interval_its_confidence(ratio: float) -> None:
    n = 1000
    results = [correlated_t(d, ratio) for d in correlated_differences(np.random.default_rng(2), n, ratio)]
    false = sum(result.p_value <= 0.05 for result in results)
    assert n - most_by_chance(n, 0.95) <= false <= most_by_chance(n, 0.05)
    intervals = [result.interval(0.95) for result in results]
    assert sum(not low <= 0 <= high for low, high in intervals) == false


def test_the_corrected_t_test_is_not_too_sure_of_random_splits(resampled: np.ndarray) -> None:
    n = len(resampled)
    assert sum(correlated_t(d, 1 / 3).p_value <= 0.05 for d in resampled) <= most_by_chance(n, 0.05)
    assert sum(correlated_t(d, 0.0).p_value <= 0.05 for d in resampled) > most_by_chance(n, 0.1)


def test_the_bootstrap_holds_the_mean_of_skewed_differences() -> None:
    n = 300
    rng = np.random.default_rng(4)
    missed = 0
    for row in rng.exponential(1.0, size=(n, 30)) - 1.0:
        low, high = paired_bootstrap(row, n_resamples=999, rng=rng)
        missed += not low <= 0 <= high
    assert missed <= most_by_chance(n, 0.1)  # 5 percent in the limit, and some more with 30 pairs


@pytest.mark.parametrize("p", [0.5, 0.75, 0.95])
def test_the_interval_of_the_probability_of_improvement_holds_it(p: float) -> None:
    n_pairs = 15
    # All that can happen, by its probability: no simulation is needed.
    wins = np.arange(n_pairs + 1)
    held = [
        (b := probability_of_improvement([1.0] * w + [-1.0] * (n_pairs - w))).low <= p <= b.high
        for w in wins.tolist()
    ]
    assert stats.binom.pmf(wins, n_pairs, p)[np.array(held)].sum() >= 0.93


@pytest.mark.parametrize("ratio", [1 / 9, 1 / 3])
def test_overlap_does_not_make_improvement_too_sure(ratio: float) -> None:
    n = 1000
    d = correlated_differences(np.random.default_rng(5), n, ratio)
    sure = [not (b := probability_of_improvement(row, ratio)).low <= 0.5 <= b.high for row in d]
    assert sum(sure) <= most_by_chance(n, 0.08)
    naive = [not (b := probability_of_improvement(row)).low <= 0.5 <= b.high for row in d]
    assert sum(naive) > 1.5 * sum(sure)


def test_many_equal_arms_are_rarely_called_different_after_holm() -> None:
    n, arms = 500, 5
    rng = np.random.default_rng(6)
    p = np.array([[correlated_t(d).p_value for d in rng.normal(size=(arms, 6))] for _ in range(n)])
    assert sum((holm(row) <= 0.05).any() for row in p) <= most_by_chance(n, 0.05)
    assert ((p <= 0.05).any(axis=1)).sum() > most_by_chance(n, 0.1)


# -- cold against cold ------------------------------------------------------------------------------------


def a_a_comparison(rng: np.random.Generator, ratio: float, correlated: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two arms that are the same in truth: one split effect for both, noise of their own.

    There are 10 replicates of 2 phases. With ``correlated`` the differences of the replicates have as much in
    common as the correction assumes.
    """
    split, noise = rng.normal(0, 0.05, size=(10, 1)), 0.01
    cold, other = (0.8 + split + rng.normal(0, noise, size=(10, 2)) for _ in range(2))
    if correlated:
        # Means over two phases of a difference of two noises have the variance noise^2.
        other = other + rng.normal(0, noise * math.sqrt(ratio))
    return cold, other


def a_a_counts(ratio: float, rope: float, correlated: bool, n: int, assumed: float | None = None) -> Counter[str]:
    rng = np.random.default_rng(20240501)
    verdicts: Counter[str] = Counter()
    for _ in range(n):
        cold, other = a_a_comparison(rng, ratio, correlated)
        posterior = correlated_t((other - cold).mean(axis=1), ratio if assumed is None else assumed)
        verdicts[rope_verdict(posterior, rope, 0.95)] += 1
    return verdicts


@pytest.mark.parametrize("rope", [0.0, 0.01])
@pytest.mark.parametrize("correlated", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize("ratio", [0.0, 1 / 3], ids=["fixed splits", "new splits"])
def test_cold_against_cold_is_rarely_called_a_difference(rope: float, correlated: bool, ratio: float) -> None:
    n = 1000
    counts = a_a_counts(ratio, rope, correlated, n)
    better, worse = counts["beneficial"], counts["detrimental"]
    # The confidence is that of each of the two mistakes.
    assert max(better, worse) <= most_by_chance(n, 0.05)
    if rope > 0 or (ratio > 0 and not correlated):
        assert better + worse <= most_by_chance(n, 0.05)
    if rope == 0:
        assert counts["neutral"] == 0
    elif ratio == 0:
        assert counts["neutral"] > n / 2  # not silent: what is the same is mostly called so


def test_without_the_correction_for_overlap_there_would_be_far_too_many_mistakes() -> None:
    n = 400
    counts = a_a_counts(1 / 3, 0.0, correlated=True, n=n, assumed=0.0)
    assert min(counts["beneficial"], counts["detrimental"]) > most_by_chance(n, 0.05)
