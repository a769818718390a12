"""Row identity: what may change about a table without a row becoming another row."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sk_warmstart.state import row_ids, sample_ids, validation_mask

tables = npst.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 6)),
    elements=st.floats(-1e6, 1e6, allow_nan=False, width=32),
)


@given(tables, st.randoms(use_true_random=False))
def test_order_of_named_columns_and_new_zero_columns_do_not_matter(X: np.ndarray, random: object) -> None:
    names = [f"c{i}" for i in range(X.shape[1])]
    order = list(range(X.shape[1]))
    random.shuffle(order)  # type: ignore[attr-defined]
    wider = np.c_[X[:, order], np.zeros(len(X))]
    wider_names = [*(names[i] for i in order), "new"]
    assert np.array_equal(row_ids(X, names), row_ids(wider, wider_names))


@given(tables)
def test_dtype_and_neighbours_do_not_matter(X: np.ndarray) -> None:
    ids = row_ids(X)
    assert np.array_equal(ids, row_ids(X.astype(np.float32)))
    assert np.array_equal(ids[::-1], row_ids(X[::-1]))
    assert np.array_equal(ids, row_ids(X + 0.0 * -1))
    assert np.array_equal(row_ids(X / 3), row_ids((X / 3).astype(np.float32)))
    assert np.array_equal(row_ids(X * 1e300), row_ids(X * 1e300))


def test_different_rows_have_different_ids() -> None:
    X = np.random.default_rng(0).integers(0, 50, size=(5000, 4)).astype(float)
    n_rows = len(np.unique(X, axis=0))
    assert len(np.unique(row_ids(X))) == n_rows
    swapped = X[:, [1, 0, 2, 3]]
    assert (row_ids(X) == row_ids(swapped)).sum() == (X[:, 0] == X[:, 1]).sum()


def test_chunks_do_not_matter(monkeypatch: object) -> None:
    from sk_warmstart.state import _identity

    X = np.random.default_rng(0).normal(size=(100, 3))
    whole = row_ids(X)
    monkeypatch.setattr(_identity, "_CHUNK", 7)  # type: ignore[attr-defined]
    assert np.array_equal(whole, row_ids(X))


def test_ids_are_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from sk_warmstart.state import row_ids, sample_ids;"
        "print(row_ids(np.array([[1.5, 2.0]]), ['a', 'b'])[0], sample_ids(['x'])[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ids = row_ids(np.array([[1.5, 2.0]]), ["a", "b"])[0], sample_ids(["x"])[0]
    assert run.stdout.split() == [str(i) for i in ids]


def test_the_share_that_validates_is_the_fraction() -> None:
    n = 100_000
    for fraction in (0.05, 0.1, 0.5):
        share = validation_mask(sample_ids(np.arange(n)), fraction).mean()
        assert abs(share - fraction) < 5 * (fraction * (1 - fraction) / n) ** 0.5


@given(st.lists(st.integers(0, 10**9), min_size=1, unique=True), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_a_larger_fraction_only_adds_rows(ids: list[int], a: float, b: float) -> None:
    small, large = sorted((a, b))
    hashed = sample_ids(ids)
    assert not (validation_mask(hashed, small) & ~validation_mask(hashed, large)).any()
