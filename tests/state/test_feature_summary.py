"""The description of columns: bins that count, however the rows arrive."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from sk_warmstart.state import FeatureSummary
from sk_warmstart.state.rows import _feature_summary

values = st.one_of(st.sampled_from([0.0, -0.0, 1.0]), st.floats(-1e4, 1e4, width=32))


def tables(n_columns: int) -> st.SearchStrategy[np.ndarray]:
    return npst.arrays(np.float64, st.tuples(st.integers(1, 60), st.just(n_columns)), elements=values)


@given(tables(3), tables(3))
def test_rows_in_two_parts_are_all_counted(a: np.ndarray, b: np.ndarray) -> None:
    first = FeatureSummary.from_rows(a)
    both = first.updated(b)
    assert np.array_equal(both.edges, first.edges)
    assert (both.bins.sum(axis=1) == len(a) + len(b)).all()
    occurs = np.isin(first.edges, a)
    before = np.hstack([np.full((len(occurs), 1), np.nan), first.edges[:, :-1]]).astype(np.float32)
    above = np.maximum(
        np.nextafter(before, np.float32(np.inf)), np.where(before == 0, np.finfo("f4").tiny, -np.inf)
    )
    assert (occurs | (first.edges == above)).all()


@given(tables(4), tables(4))
def test_bins_count_edges_not_above_the_value(a: np.ndarray, b: np.ndarray) -> None:
    summary = FeatureSummary.from_rows(a).updated(b)
    for j, column in enumerate(np.concatenate([a, b]).T):
        bins = np.searchsorted(summary.edges[j], column, side="right")
        assert np.array_equal(summary.bins[j], np.bincount(bins, minlength=10))


@given(tables(3), tables(3), st.booleans())
def test_sparse_rows_count_as_dense_ones(a: np.ndarray, b: np.ndarray, array: bool) -> None:
    kind = sparse.csr_array if array else sparse.csc_matrix
    assert FeatureSummary.from_rows(kind(a)).updated(kind(b)) == FeatureSummary.from_rows(a).updated(b)


def test_sparse_duplicates_and_stored_zeros_are_what_they_stand_for() -> None:
    odd = sparse.csr_array(
        (np.array([1.0, 2.0, 0.0, 5.0]), np.array([1, 1, 0, 0]), np.array([0, 3, 4])), shape=(2, 3)
    )
    assert FeatureSummary.from_rows(odd) == FeatureSummary.from_rows(np.array([[0.0, 3.0, 0.0], [5.0, 0.0, 0.0]]))
    assert odd.nnz == 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "float16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders(dtype: str, order: str) -> None:
    X = np.random.default_rng(0).integers(0, 2, size=(500, 7))
    assert FeatureSummary.from_rows(np.asarray(X, dtype=dtype, order=order)) == FeatureSummary.from_rows(
        X.astype(float)
    )


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).normal(size=(100, 7))
    whole = FeatureSummary.from_rows(X)
    monkeypatch.setattr(_feature_summary, "_BLOCK", 200)
    assert FeatureSummary.from_rows(X) == FeatureSummary.from_rows(sparse.csr_array(X)) == whole


def test_many_rows_are_sampled_evenly() -> None:
    X = np.random.default_rng(0).normal(size=(25_000, 2))
    summary = FeatureSummary.from_rows(X)
    sample = X[::3]
    assert summary.bins.sum(axis=1).tolist() == [len(sample)] * 2
    np.testing.assert_allclose(summary.bins / len(sample), 0.1, atol=1e-3)
    np.testing.assert_allclose(summary.edges, np.quantile(sample, np.arange(1, 10) / 10, axis=0).T, atol=0.01)
    assert FeatureSummary.from_rows(sparse.csr_array(X)).bins.tolist() == summary.bins.tolist()


def test_single_precision_lies_in_the_bins_of_double() -> None:
    X = np.random.default_rng(0).integers(0, 11, size=(1000, 3)) / 10
    double = FeatureSummary.from_rows(X)
    assert np.array_equal(double.updated(X.astype(np.float32)).bins, 2 * double.bins)


def test_missing_and_infinite_values_stay_in_their_column() -> None:
    X = np.random.default_rng(0).normal(size=(100, 3))
    clean = FeatureSummary.from_rows(X)
    X[3, 0], X[4, 1] = np.nan, np.inf
    summary = FeatureSummary.from_rows(X)
    assert np.array_equal(summary.edges[2], clean.edges[2])
    assert np.isfinite(summary.edges).all()
    assert (summary.updated(X).bins.sum(axis=1) == 200).all()


def test_columns_move_by_index() -> None:
    X = np.random.default_rng(0).integers(0, 5, size=(50, 3)).astype(float)
    taken = FeatureSummary.from_rows(X).take(np.array([2, -1, 0]))
    direct = FeatureSummary.from_rows(X[:, [2, 0]])
    assert taken.take(np.array([0, 2])) == direct
    assert np.isnan(taken.edges[1]).all()
    later = taken.updated(X)
    assert later.bins[1].sum() == taken.bins[1].sum() == 0
    assert later.take(np.array([0, 2])) == direct.updated(X[:, [0, 2]])
    with pytest.raises(ValueError, match="columns must lie in"):
        taken.take(np.array([3]))


def test_it_is_a_value() -> None:
    summary = FeatureSummary.from_rows(np.random.default_rng(0).normal(size=(50, 3))).take(np.array([0, -1, 2]))
    assert pickle.loads(pickle.dumps(summary)) == summary == FeatureSummary(summary.edges, summary.bins)
    assert summary != summary.take(np.array([0, 0, 2]))
    assert summary != "text"
    assert repr(summary) == "FeatureSummary(3 columns)"
    with pytest.raises(ValueError, match="edges has shape"):
        FeatureSummary(summary.edges[:, :3], summary.bins)
    with pytest.raises(ValueError, match="bins has shape"):
        FeatureSummary(summary.edges, summary.bins[:2])


def test_images_are_flattened_and_no_rows_add_nothing() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2, 3))
    summary = FeatureSummary.from_rows(X)
    assert summary == FeatureSummary.from_rows(X.reshape(20, 6))
    assert summary.updated(X[:0]) is summary
    with pytest.raises(ValueError, match="at least one row"):
        FeatureSummary.from_rows(X[:0])
    with pytest.raises(ValueError, match="has 6 columns, the rows have 3"):
        summary.updated(X[:, 0])


@pytest.mark.parametrize("X", [np.array([["a"]]), np.array([[1, None]], dtype=object), np.array([[1j]])])
def test_only_numbers_are_described(X: np.ndarray) -> None:
    with pytest.raises(TypeError, match="made of numbers"):
        FeatureSummary.from_rows(X)
