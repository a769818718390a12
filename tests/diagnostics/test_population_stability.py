"""The stability index, by hand and against its null distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse, stats

from sk_warmstart.diagnostics import population_stability
from sk_warmstart.state import FeatureSummary

TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(10, 40), st.integers(1, 3)),
    elements=st.integers(-5, 5).map(float),
)
UNIFORM = np.arange(100.0)[:, None]  # ten rows in each bin, edges at 10, 20, ..., 90


def in_bins(*counts: int) -> np.ndarray:
    """Rows of which so many lie in each of the ten bins."""
    return np.repeat(np.arange(10) * 10 + 5.0, counts)[:, None]


def test_by_hand() -> None:
    counts = (4, 6, 5, 5, 10, 2, 3, 5, 5, 5)
    found = population_stability(UNIFORM, in_bins(*counts))
    expected = sum((0.1 - c / 50) * math.log(0.1 / (c / 50)) for c in counts)
    assert found.value[0] == pytest.approx(expected, abs=1e-9)
    factor = 1 / 100 + 1 / 50
    assert found.expected[0] == pytest.approx(9 * factor)
    assert found.threshold[0] == pytest.approx(factor * stats.chi2(9).ppf(0.95))
    assert found.p_value[0] == pytest.approx(1 - stats.chi2(9).cdf(expected / factor), abs=1e-9)
    strict = population_stability(UNIFORM, in_bins(*counts), alpha=0.01)
    assert strict.threshold[0] == pytest.approx(factor * stats.chi2(9).ppf(0.99))


def test_an_empty_bin_counts_half_a_row() -> None:
    counts = (0, 10, 5, 5, 5, 5, 5, 5, 5, 5)
    expected = sum((0.1 - c / 50) * math.log(0.1 / (c / 50)) for c in (0.5, *counts[1:]))
    assert population_stability(UNIFORM, in_bins(*counts)).value[0] == pytest.approx(expected, abs=1e-9)


def test_bins_that_nobody_is_in_do_not_count() -> None:
    old, new = np.repeat([0.0, 1.0], [60, 40])[:, None], np.repeat([0.0, 1.0], [10, 30])[:, None]
    found = population_stability(old, new)
    expected = (0.6 - 0.25) * math.log(0.6 / 0.25) + (0.4 - 0.75) * math.log(0.4 / 0.75)
    assert found.value[0] == pytest.approx(expected, abs=1e-9)
    assert found.expected[0] == pytest.approx(1 / 100 + 1 / 40)  # two bins, one degree of freedom


def test_a_column_of_one_value() -> None:
    constant = np.ones((20, 1))
    found = population_stability(constant, constant)
    assert [float(field[0]) for field in found] == [0, 0, 0, 1]
    moved = population_stability(constant, constant - 2)
    assert moved.value[0] > moved.threshold[0]
    assert moved.p_value[0] < 1e-4


def test_summaries_and_rows_agree() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(300, 4)), rng.normal(loc=0.3, size=(80, 4))
    from_rows = population_stability(old, new)
    summary = FeatureSummary.from_rows(old)
    before = summary.edges.copy(), summary.bins.copy()
    grown = summary.updated(new)
    for found in (
        population_stability(summary, new),
        population_stability(torch.from_numpy(old), torch.from_numpy(new)),
        population_stability(sparse.csr_array(old), sparse.csr_matrix(new)),
    ):
        for field, expected in zip(found, from_rows, strict=True):
            np.testing.assert_array_equal(field, expected)
    assert (population_stability(summary, grown).value < from_rows.value).all()
    np.testing.assert_array_equal(summary.edges, before[0])
    np.testing.assert_array_equal(summary.bins, before[1])


def test_a_column_that_aligns_to_none_is_not_known() -> None:
    summary = FeatureSummary.from_rows(UNIFORM).take(np.array([0, -1]))
    found = population_stability(summary, np.hstack([UNIFORM, UNIFORM]))
    for field in found:
        assert np.isnan(field).tolist() == [False, True]
    assert found.value[0] == 0


def test_the_null_distribution_holds() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(400, 1500)), rng.normal(size=(250, 1500))
    found = population_stability(old, new)
    assert found.value.mean() == pytest.approx(found.expected[0], rel=0.05)
    assert np.mean(found.value > found.threshold) == pytest.approx(0.05, abs=0.02)
    assert np.mean(found.p_value < 0.5) == pytest.approx(0.5, abs=0.05)


@given(TABLES)
def test_identical_samples_are_stable(table: np.ndarray) -> None:
    found = population_stability(table, table)
    assert (found.value == 0).all()
    assert (found.p_value == 1).all()


@given(TABLES, st.data())
def test_the_index_is_never_negative_and_ignores_the_order_of_rows(table: np.ndarray, data: st.DataObject) -> None:
    new = data.draw(hnp.arrays(np.float64, (12, table.shape[1]), elements=st.integers(-6, 6).map(float)))
    found = population_stability(table, new)
    assert (found.value >= 0).all()
    again = population_stability(table[::-1], new[::-1])
    np.testing.assert_array_equal(found.value, again.value)
    assert ((found.p_value >= 0) & (found.p_value <= 1)).all()


def test_bad_input_is_named() -> None:
    for bad in (np.arange(20.0), np.full((20, 1), np.nan), np.ones((9, 1)), np.array([["a"]] * 20)):
        with pytest.raises(ValueError, match="reference"):
            population_stability(bad, UNIFORM)
        with pytest.raises(ValueError, match="new"):
            population_stability(UNIFORM, bad)
    with pytest.raises(ValueError, match="new has 2 columns, reference has 1"):
        population_stability(UNIFORM, np.ones((20, 2)))
    with pytest.raises(ValueError, match="other bins"):
        population_stability(UNIFORM, FeatureSummary.from_rows(2 * UNIFORM))
    with pytest.raises(ValueError, match="reference must have at least 10 rows"):
        population_stability(FeatureSummary.from_rows(UNIFORM[:5]), UNIFORM)
    for bad_sparse in (sparse.csr_array(UNIFORM[:5]), sparse.csr_array(UNIFORM * np.nan)):
        with pytest.raises(ValueError, match="new"):
            population_stability(UNIFORM, bad_sparse)
    for alpha in (0, 1, math.nan):
        with pytest.raises(ValueError, match="alpha"):
            population_stability(UNIFORM, UNIFORM, alpha=alpha)


@given(
    share=st.floats(0, 1),
    other=st.floats(0, 1),
    values=st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=2, unique=True),
)
def test_a_column_of_two_values_shows_every_change_of_their_shares(
    share: float, other: float, values: list[float]
) -> None:
    n = 400
    old, new = (np.where(np.arange(n) < round(p * n), values[0], values[1])[:, None] for p in (share, other))
    found = population_stability(old, new)
    p, q = (np.maximum([np.sum(rows == v) for v in values], 0.5) / n for rows in (old, new))
    used = [np.any(old == v) or np.any(new == v) for v in values]
    expected = sum((p - q)[used] * np.log(p / q)[used])
    assert found.value[0] == pytest.approx(expected, abs=1e-9)
    summed = population_stability(FeatureSummary.from_rows(old), new)
    assert summed.value[0] == found.value[0]


@given(before=st.floats(-1e6, 1e6, width=32), after=st.floats(-1e6, 1e6, width=32))
def test_a_constant_that_moves_is_seen(before: float, after: float) -> None:
    found = population_stability(np.full((50, 1), before), np.full((50, 1), after))
    tiny = float(np.finfo(np.float32).tiny)  # as good as zero
    if before == after or (before == 0 and 0 <= after < tiny):
        assert found.value[0] == 0
    else:
        assert found.p_value[0] < 1e-6
