"""Of many rows only the smallest ids are sorted, which changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from sk_warmstart.state import row_ids
from sk_warmstart.state.rows._row_sketch import RowSketch

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "ids",
    [
        rng.integers(0, 2**64, 5000, dtype=np.uint64),
        rng.integers(0, 2**64, 60, dtype=np.uint64)[rng.integers(0, 60, 5000)],  # few distinct ones
        np.arange(5000, dtype=np.uint64),  # all small
        np.uint64(2**64 - 1) - np.arange(5000, dtype=np.uint64),  # all large
    ],
)
@pytest.mark.parametrize("size", [1, 32, 100, 4000, 6000])
def test_a_sketch_is_that_of_all_sorted_ids(ids: np.ndarray, size: int) -> None:
    sketch, distinct = RowSketch(ids, size), np.unique(ids)
    np.testing.assert_array_equal(sketch.ids, distinct[:size])
    assert sketch.threshold == (2**64 - 1 if len(distinct) <= size else int(distinct[size]) - 1)


def test_ids_do_not_depend_on_the_chunk_that_a_row_is_in() -> None:
    X = rng.normal(size=(70_000, 2)).astype(np.float32)
    ids = row_ids(X)
    np.testing.assert_array_equal(ids[-100:], row_ids(X[-100:]))
    np.testing.assert_array_equal(ids[32_760:32_780], row_ids(X[32_760:32_780]))
