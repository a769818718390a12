"""The posterior from scores of rows: its formula, its laws, and how often it is wrong about equal learners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sk_warmstart.statistics import (
    ClusteredPosterior,
    Posterior,
    clustered_t,
    correlated_t,
    phase_interaction,
    rope_verdict,
)

seeds = st.integers(0, 10_000)


def some_rows(seed: int, n_replicates: int = 5, n_rows: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weighted differences, and their weights: some rows test in each replicate."""
    rng = np.random.default_rng(seed)
    tests = rng.random((n_replicates, n_rows)) < 0.5
    tests[:, 0] = True
    weights = tests * rng.uniform(0.5, 1.5, tests.shape)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights * rng.integers(-1, 2, tests.shape), weights


def by_loops(d: np.ndarray, w: np.ndarray, clusters: np.ndarray, c: float) -> tuple[float, float]:
    """Mean and variance as published, sum by sum."""
    n_replicates, n_rows = d.shape
    mean = sum(d[r].sum() for r in range(n_replicates)) / n_replicates
    labels = sorted({clusters[j] for j in range(n_rows) if w[:, j].any()})
    u = {
        (r, g): sum(d[r, j] - mean * w[r, j] for j in range(n_rows) if clusters[j] == g) / n_replicates
        for r in range(n_replicates)
        for g in labels
    }
    by_row = sum(sum(u[r, g] for r in range(n_replicates)) ** 2 for g in labels) * len(labels) / (len(labels) - 1)
    by_replicate = sum(sum(u[r, g] for g in labels) ** 2 for r in range(n_replicates))
    by_replicate *= n_replicates / (n_replicates - 1)
    both = sum(value**2 for value in u.values())
    tests = sum(any(w[r, j] and clusters[j] == g for j in range(n_rows)) for r, g in u) / len(labels)
    return mean, max(
        (1 + 1 / (2 * tests)) * by_replicate, c * max(by_row - both, 0) + max(by_replicate - both, 0) + both
    )


@pytest.mark.parametrize("inflation", [1.0, 2.0])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_two_way_clustered_variance(seed: int, grouped: bool, inflation: float) -> None:
    d, w = some_rows(seed)
    clusters = np.arange(12) // 3 if grouped else np.arange(12)
    mean, variance = by_loops(d, w, clusters, inflation)
    got = clustered_t(d, w, clusters, inflation)
    assert (got.mean, got.scale**2) == pytest.approx((mean, variance))
    n_clusters = len(np.unique(clusters[w.any(axis=0)]))
    share = np.array([w[:, clusters == g].sum() for g in np.unique(clusters)])
    assert (got.n_clusters, got.df) == (n_clusters, pytest.approx(min(5, share.sum() ** 2 / (share**2).sum()) - 1))
    t = stats.t(got.df, mean, math.sqrt(variance))
    assert got.interval(0.9) == pytest.approx(t.interval(0.9))
    assert got.below(0.01) == pytest.approx(t.cdf(0.01))


@given(seeds)
def test_the_order_of_replicates_and_rows_changes_nothing(seed: int) -> None:
    d, w = some_rows(seed)
    rng = np.random.default_rng(seed)
    rows, replicates = rng.permutation(d.shape[1]), rng.permutation(len(d))
    here, there = clustered_t(d, w), clustered_t(d[replicates][:, rows], w[replicates][:, rows])
    assert (there.mean, there.scale, there.df) == pytest.approx((here.mean, here.scale, here.df), abs=1e-12)


@given(seeds, st.floats(0.01, 100))
def test_swapped_arms_mirror_and_other_units_scale(seed: int, unit: float) -> None:
    d, w = some_rows(seed)
    here, mirror, scaled = clustered_t(d, w), clustered_t(-d, w), clustered_t(unit * d, w)
    assert (mirror.mean, mirror.scale) == pytest.approx((-here.mean, here.scale))
    assert mirror.below(0.1) == pytest.approx(1 - here.below(-0.1))
    assert (scaled.mean, scaled.scale) == pytest.approx((unit * here.mean, unit * here.scale))
    assert mirror.p_value == pytest.approx(here.p_value)


@given(seeds)
def test_a_cluster_for_each_row_is_none_and_no_rows_make_it_surer_than_the_replicates(seed: int) -> None:
    d, w = some_rows(seed)
    here, labelled = clustered_t(d, w), clustered_t(d, w, [f"row {j}" for j in range(d.shape[1])], inflation=2.0)
    assert labelled.scale == pytest.approx(here.scale)
    assert here.scale >= d.sum(axis=1).std(ddof=1) / math.sqrt(len(d)) * (1 - 1e-9)


def test_a_deterministic_learner_on_fixed_rows_is_as_sure_as_its_rows() -> None:
    rng = np.random.default_rng(0)
    row = rng.choice([0.0, 1.0, -1.0], 200, p=[0.9, 0.06, 0.04])
    got = clustered_t(np.tile(row / 200, (8, 1)), inflation=1.0)
    plain = correlated_t(row)
    assert got.mean == pytest.approx(plain.mean)
    # Ten more replicates that say the same make nothing surer.
    assert got.scale == pytest.approx(plain.scale, rel=0.01)
    assert got.shared_variance > 0.8 * got.scale**2


# -- no spread -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_rows_that_all_agree_bound_what_can_differ(confidence: float) -> None:
    got = clustered_t(np.zeros((5, 5)))
    assert got.interval(confidence)[1] == pytest.approx(1 - (1 - confidence) ** (1 / 5))
    assert got.below(got.interval(confidence)[0]) == pytest.approx((1 - confidence) / 2)
    assert got.p_value == 1
    assert rope_verdict(got, 0.01, 0.95) == "undecided"


@pytest.mark.parametrize(("n_rows", "verdict"), [(298, "undecided"), (299, "neutral")])
def test_three_hundred_rows_that_agree_are_neutral(n_rows: int, verdict: str) -> None:
    assert rope_verdict(clustered_t(np.zeros((5, n_rows))), 0.01, 0.95) == verdict


def test_a_gain_of_rounding_is_none() -> None:
    got = clustered_t(np.full((5, 30), 5.6e-17))
    assert (got.mean, got.scale, got.p_value) == (0, 0, 1)
    big = clustered_t(1e6 * np.array([[1.0, -1.0], [-1.0, 1.0], [1.0 + 1e-13, -1.0]]))
    assert (big.mean, big.p_value) == (0, 1)


def test_a_reach_that_is_not_known_bounds_nothing() -> None:
    got = clustered_t(np.zeros((5, 400)), reach=math.nan)
    assert math.isnan(got.interval(0.95)[0])
    assert rope_verdict(got, 0.01, 0.95) == "undecided"


@pytest.mark.parametrize("shape", [(1, 9), (4, 1), (0, 5)])
def test_one_replicate_or_row_decides_nothing(shape: tuple[int, int]) -> None:
    got = clustered_t(np.full(shape, 0.1))
    assert math.isnan(got.scale)
    assert math.isnan(got.below(0.0))
    assert got.df == 0
    assert rope_verdict(got, 0.01, 0.95) == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0],), "shape \\(n_replicates, n_rows\\)"),
        ((np.ones((2, 2)), np.ones((2, 3))), "weights must have the shape"),
        ((np.ones((2, 2)), np.ones((2, 2))), "sum to 1 in each replicate"),
        ((np.ones((2, 2)), np.full((2, 2), math.nan)), "sum to 1 in each replicate"),
        ((np.ones((2, 2)), None, [0]), "one label for each of the 2 rows"),
    ],
)
def test_what_does_not_fit_says_so(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clustered_t(*arguments)


# -- phases ----------------------------------------------------------------------------------------------


def test_phases_that_cancel_are_told_apart() -> None:
    four = [Posterior(mean, 0.005, 9) for mean in (0.04, 0.04, -0.04, -0.04)]
    assert phase_interaction(four) < 0.001
    assert phase_interaction([Posterior(0.0, 0.01, 9)] * 4) == 1
    assert phase_interaction([Posterior(0.5, 0.01, 9)]) == 1


def test_two_phases_are_one_comparison() -> None:
    one = Posterior(0.02, 0.01, 9)
    assert phase_interaction([one, Posterior(-0.02, 0.01, 9)]) == pytest.approx(one.p_value)
    assert math.isnan(phase_interaction([Posterior(0.0, math.nan, 0), Posterior(0.1, math.nan, 0)]))


# -- equally good over all tables, and by chance not on this one --------------------------------------------


def learner(X: np.ndarray, y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return centres of two classes, with some seed noise."""
    return np.stack([X[y == k].mean(axis=0) for k in (0, 1)]) + noise


def right(centres: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (((X[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1) == y).astype(float)


def one_table(seed: int, noise: float, gain: float, kind: str) -> tuple[ClusteredPosterior, Posterior]:
    """Two learners on columns of their own, on one table: by rows and replicates, and by replicates alone."""
    rng = np.random.default_rng(seed)
    n, p, n_replicates = 200, 4, 10
    y = rng.integers(2, size=n)
    mu = 0.5 * rng.normal(size=(2, p))
    views = [mu[y] + rng.normal(size=(n, p)), (1 + gain) * mu[y] + rng.normal(size=(n, p))]
    d, w = np.zeros((n_replicates, n)), np.zeros((n_replicates, n))
    for r in range(n_replicates):
        order = rng.permutation(n) if kind == "folds" else np.arange(n)
        if kind == "folds":
            splits = [(np.setdiff1d(order, test), test) for test in np.array_split(order, 5)]
        else:
            splits = [(order[:end], order[end : end + n // 6]) for end in range(n // 6, n - n // 6, n // 6)]
        for train, test in splits:
            scores = [
                right(learner(v[train], y[train], noise * rng.normal(size=(2, p))), v[test], y[test])
                for v in views
            ]
            d[r, test] += (scores[1] - scores[0]) / len(test) / len(splits)
            w[r, test] += 1 / len(test) / len(splits)
    return clustered_t(d, w), correlated_t(d.sum(axis=1), 0.25 if kind == "folds" else 0.0)


@pytest.mark.parametrize("kind", ["folds", "time"])
@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_equal_learners_are_rarely_called_different_where_replicates_alone_would(kind: str, noise: float) -> None:
    n = 60
    both = [one_table(seed, noise, 0.0, kind) for seed in range(n)]
    wrong, alone = (
        sum(rope_verdict(found, 0.0, 0.95) != "undecided" for found in column)
        for column in zip(*both, strict=True)
    )
    assert wrong <= stats.binom.ppf(0.99, n, 0.05)
    if noise == 0.1:
        assert alone > n / 3  # the ratio of test to training rows is of no use here


def test_a_better_learner_is_found() -> None:
    found = [rope_verdict(one_table(seed, 0.1, 0.6, "folds")[0], 0.0, 0.95) for seed in range(30)]
    assert found.count("beneficial") > 12
    assert found.count("detrimental") == 0
