"""Ranks of features."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sk_warmstart.diagnostics import effective_rank, srank

TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(1, 5)),
    elements=st.floats(-100, 100).map(lambda value: round(value, 3)),
)


def rotated(values: list[float]) -> np.ndarray:
    """A tall table with these singular values."""
    rng = np.random.default_rng(0)
    left = np.linalg.qr(rng.normal(size=(9, len(values))))[0]
    right = np.linalg.qr(rng.normal(size=(len(values), len(values))))[0]
    return left @ np.diag(values) @ right


def test_effective_rank_by_hand() -> None:
    # Shares 1/2, 1/4, 1/4: entropy 1.5 log 2.
    assert effective_rank(rotated([4.0, 2.0, 2.0])) == pytest.approx(2**1.5, abs=1e-6)
    assert effective_rank(torch.from_numpy(rotated([5.0, 0.0]))) == pytest.approx(1, abs=1e-6)
    shares = [0.7, 0.2, 0.1]
    expected = math.exp(-sum(p * math.log(p) for p in shares))
    assert effective_rank(rotated([7.0, 2.0, 1.0])) == pytest.approx(expected, abs=1e-6)


def test_srank_by_hand() -> None:
    table = rotated([50.0, 30.0, 15.0, 4.5, 0.5])  # sums to 100
    assert [srank(table, delta) for delta in (0.6, 0.3, 0.1, 0.01, 0.001)] == [1, 2, 3, 4, 5]
    assert srank(table, 0) == 5
    assert srank(rotated([3.0, 2.0, 0.0]), 0) == 2
    # Not the stable rank of numerical analysis, which is about 1.4 here.
    assert srank(table) == 4


def test_zero_features_have_rank_zero() -> None:
    assert effective_rank(np.zeros((4, 2))) == 0
    assert srank(np.zeros((4, 2))) == 0


@given(TABLES, st.floats(0.01, 100))
def test_ranks_ignore_scale_and_the_order_of_rows_and_stay_in_range(table: np.ndarray, factor: float) -> None:
    rank = effective_rank(table)
    assert effective_rank(factor * table[::-1]) == pytest.approx(rank, rel=1e-6)
    true = int(np.linalg.matrix_rank(table))
    assert rank <= true + 1e-9
    assert rank >= 1 - 1e-9 or not table.any()
    assert srank(table, 0.5) <= srank(table, 0.01) <= srank(table, 0) <= true


@pytest.mark.parametrize("measure", [effective_rank, srank])
def test_bad_features_are_named(measure: object) -> None:
    for bad in (np.ones(3), np.ones((2, 2, 2)), np.full((2, 2), np.nan), np.ones((0, 2)), [["a", "b"]]):
        with pytest.raises(ValueError, match="features"):
            measure(bad)  # type: ignore[operator]


@pytest.mark.parametrize("delta", [-0.1, 1, float("nan")])
def test_bad_delta_is_named(delta: float) -> None:
    with pytest.raises(ValueError, match="delta"):
        srank(np.eye(2), delta)
