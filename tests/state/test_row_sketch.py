"""The memory of rows: bounded, exact to merge, honest about what it does not know."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.state.rows._row_sketch import RowSketch, leaked_share

# Few different ids, so that sets overlap, beside any id at all and both ends.
some_ids = st.lists(st.one_of(st.integers(0, 30), st.integers(0, 2**64 - 1), st.just(2**64 - 1)), max_size=40).map(
    lambda ids: np.array(ids, dtype=np.uint64)
)
sizes = st.integers(1, 50)


def random_ids(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, size=n, dtype=np.uint64)


@given(some_ids, some_ids, sizes, sizes)
def test_union_is_the_sketch_of_the_union(a: np.ndarray, b: np.ndarray, size: int, other: int) -> None:
    both = np.concatenate([a, b])
    assert RowSketch(a, size) | RowSketch(b, size) == RowSketch(both, size)
    assert RowSketch(a, size).union(RowSketch(b, other)) == RowSketch(both, min(size, other))


@given(some_ids, some_ids, some_ids, sizes)
def test_union_does_not_depend_on_order(a: np.ndarray, b: np.ndarray, c: np.ndarray, size: int) -> None:
    x, y, z = (RowSketch(ids, size) for ids in (a, b, c))
    assert (x | y) | z == x | (y | z) == (z | y) | x
    assert x | x == x
    assert hash(x | y) == hash(y | x)


@given(some_ids, some_ids, sizes)
def test_answers_are_right_up_to_the_threshold(seen: np.ndarray, asked: np.ndarray, size: int) -> None:
    sketch = RowSketch(seen, size)
    asked = np.concatenate([asked, seen])
    known, answerable = sketch.lookup(asked)
    assert np.array_equal(answerable, [int(i) <= sketch.threshold for i in asked])
    assert np.array_equal(known, answerable & np.isin(asked, seen, kind="sort"))  # NumPy 2.0: a table overflows
    assert len(sketch) <= size
    assert sketch.is_exact == (len(np.unique(seen)) <= size)


@given(some_ids, sizes)
def test_storage_keeps_everything(ids: np.ndarray, size: int) -> None:
    sketch = RowSketch(ids, size)
    for again in (
        RowSketch.from_array(sketch.to_array(), size),
        pickle.loads(pickle.dumps(sketch)),
        copy.deepcopy(sketch),
    ):
        assert again == sketch
        assert again.threshold == sketch.threshold
        assert not again.ids.flags.writeable


def test_exact_sketch_counts_exactly() -> None:
    sketch = RowSketch(np.repeat(random_ids(100), 3), size=100)
    assert (sketch.n_rows, len(sketch), sketch.threshold, sketch.is_exact) == (100, 100, 2**64 - 1, True)
    assert repr(sketch) == "RowSketch(100 rows)"
    assert RowSketch().n_rows == 0
    assert RowSketch().false_positive_rate == 0.0


def test_the_estimate_of_the_number_of_rows_is_unbiased() -> None:
    n, size = 5000, 64
    estimates = [RowSketch(random_ids(n, seed), size).n_rows for seed in range(400)]
    assert abs(np.mean(estimates) - n) < 4 * n * size**-0.5 / len(estimates) ** 0.5
    assert np.std(estimates) == pytest.approx(n * size**-0.5, rel=0.2)


def test_false_positive_rate_is_the_density_of_the_ids() -> None:
    full = RowSketch(np.arange(0, 2000, 2, dtype=np.uint64), size=500)
    assert full.threshold == 999  # 1000 is the first that was dropped
    assert full.false_positive_rate == 0.5
    assert RowSketch(random_ids(1000)).false_positive_rate == pytest.approx(1000 / 2**64)


def judged(ids: Any, ancestors: RowSketch, own: RowSketch) -> tuple[float, int]:
    return leaked_share(ancestors.lookup(ids), own.lookup(ids))


def test_leaked_share_is_estimated_on_answerable_rows() -> None:
    ids = random_ids(20_000)
    ancestors, own = ids[:10_000], ids[5_000:15_000]
    assert judged(ids, RowSketch(ancestors), RowSketch(own)) == (0.25, 20_000)
    share, n_judged = judged(ids, RowSketch(ancestors, 1000), RowSketch(own, 800))
    assert 1200 < n_judged < 2000
    assert abs(share - 0.25) < 5 * (0.25 * 0.75 / n_judged) ** 0.5
    assert judged(ids[15_000:], RowSketch(ancestors), RowSketch(own)) == (0.0, 5_000)
    assert judged(ids[:0], RowSketch(ancestors), RowSketch(own)) == (0.0, 0)
    assert judged(np.array([2**64 - 1], dtype=np.uint64), RowSketch(ancestors, 10), RowSketch()) == (0.0, 0)


def test_input_is_not_changed_and_not_aliased() -> None:
    ids = random_ids(10)
    before = ids.copy()
    sketch = RowSketch(ids)
    ids[:] = 0
    assert np.array_equal(sketch.ids, np.sort(before))
    with pytest.raises(ValueError, match="read-only"):
        sketch.ids[0] = 1


def test_faults_are_named() -> None:
    with pytest.raises(TypeError, match="hash them with row_ids"):
        RowSketch([0.5])
    with pytest.raises(TypeError, match="hash them with row_ids"):
        RowSketch([-1])
    with pytest.raises(ValueError, match="one-dimensional"):
        RowSketch([[1]])
    with pytest.raises(ValueError, match="size must be at least 1"):
        RowSketch(size=0)
    with pytest.raises(TypeError):
        RowSketch() | {1}  # type: ignore[operator]
    top = 2**64 - 1
    for content, size in (([], 4), ([top, 2, 1], 4), ([top, 1, 1], 4), ([5, 6], 1), ([5, 1], 4), ([top, 1, 2], 1)):
        with pytest.raises(ValueError, match="not a row sketch"):
            RowSketch.from_array(np.array(content, dtype=np.uint64), size)
    with pytest.raises(ValueError, match="not a row sketch"):
        RowSketch.from_array(np.array([1.0]), 4)
