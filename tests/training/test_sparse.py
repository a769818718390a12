"""Sparse tables, and the batches cut from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from torch.utils.data import DataLoader

from sk_warmstart.training import Rows, SparseMatrix, TensorBatches


@st.composite
def tables(draw: st.DrawFn, min_rows: int = 0) -> np.ndarray:
    n, m = draw(st.integers(min_rows, 12)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    density = draw(st.sampled_from([0.0, 0.2, 1.0]))
    return rng.normal(size=(n, m)) * (rng.random((n, m)) < density)


def indexes(n: int) -> st.SearchStrategy[Any]:
    bound = st.none() | st.integers(-n - 2, n + 2)
    slices = st.builds(slice, bound, bound, st.none() | st.integers(1, 4))
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(lambda mask: np.array(mask, dtype=bool))
    positions = st.lists(st.integers(-n, n - 1) if n else st.nothing(), max_size=2 * n)
    arrays = masks | positions.map(lambda places: np.array(places, dtype=np.int64))
    one = st.integers(-n, n - 1) if n else st.nothing()
    return slices | arrays | arrays.map(torch.from_numpy) | one | one.map(np.int64) | one.map(torch.tensor)


@given(data=st.data(), X=tables())
def test_indexing_is_that_of_the_dense_tensor(data: st.DataObject, X: np.ndarray) -> None:
    ours, dense = SparseMatrix.from_scipy(sparse.csr_array(X), None, "cpu"), torch.from_numpy(X)
    assert (len(ours), ours.shape, ours.dtype, ours.device) == (len(X), dense.shape, dense.dtype, dense.device)
    assert torch.equal(ours.dense(), dense)
    for _ in range(5):
        index = data.draw(indexes(len(X)))
        assert torch.equal(ours[index], dense[index])
        if isinstance(index, slice) or np.ndim(index):
            part = ours.take(index)
            assert torch.equal(part.dense(), dense[index])
            again = data.draw(indexes(len(part)))
            assert torch.equal(part[again], dense[index][again])


@pytest.mark.parametrize("index", [5, -6, np.array([0, 5]), torch.tensor([-6]), np.ones(4, dtype=bool)], ids=str)
def test_what_is_outside_is_an_error(index: Any) -> None:
    with pytest.raises(IndexError):
        SparseMatrix.from_scipy(sparse.eye_array(5, format="csr"), None, "cpu")[index]


def test_a_batch_belongs_to_whoever_gets_it() -> None:
    X = SparseMatrix.from_scipy(sparse.eye_array(5, format="csr"), None, "cpu")
    X[:].fill_(7)
    X.dense().fill_(7)
    assert torch.equal(X.dense(), torch.eye(5, dtype=torch.float64))


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_formats(name: str, kind: Any) -> None:
    X = np.array([[0, 0, 3], [0, 0, 0], [1, 2, 0]], dtype=np.float64)
    ours = SparseMatrix.from_scipy(kind(X).asformat(name), torch.float32, "cpu")
    assert ours.dtype == torch.float32
    assert ours.dense().tolist() == X.tolist()


def test_odd_matrices() -> None:
    twice = sparse.csr_array((np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 3, 3])), shape=(2, 2))
    assert SparseMatrix.from_scipy(twice, None, "cpu").dense().tolist() == [[4, 3], [0, 0]]
    assert twice.nnz == 3  # the user's own is as it was
    long = sparse.csr_array(np.eye(2))
    long.data, long.indices = np.r_[long.data, 9.0], np.r_[long.indices, 0]
    assert SparseMatrix.from_scipy(long, None, "cpu").dense().tolist() == [[1, 0], [0, 1]]
    large = sparse.csr_array(np.eye(3))
    large.indices, large.indptr = large.indices.astype(np.int64), large.indptr.astype(np.int64)
    assert SparseMatrix.from_scipy(large, None, "cpu")[1:].tolist() == [[0, 1, 0], [0, 0, 1]]
    fixed = sparse.csr_array(np.eye(2))
    for array in (fixed.data, fixed.indices, fixed.indptr):
        array.flags.writeable = False  # as joblib hands them to its workers
    assert SparseMatrix.from_scipy(fixed, None, "cpu").dense().tolist() == [[1, 0], [0, 1]]


@given(
    X=tables(min_rows=1),
    batch_size=st.integers(1, 15),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    weighted=st.booleans(),
)
def test_batches_equal_dense_ones_and_those_of_a_dataloader(
    X: np.ndarray, batch_size: int, shuffle: bool, drop_last: bool, weighted: bool
) -> None:
    y, weight = torch.arange(len(X)), torch.rand(len(X)) if weighted else None
    dense = Rows(torch.from_numpy(X), y, weight)
    ours = Rows(SparseMatrix.from_scipy(sparse.csr_array(X), None, "cpu"), y, weight)
    seen = []
    for kind, rows in ((TensorBatches, dense), (TensorBatches, ours), (DataLoader, ours)):
        batches: Any = kind(
            rows, batch_size, shuffle, drop_last=drop_last, generator=torch.Generator().manual_seed(0)
        )
        seen.append([*batches, *batches])
    for other in seen[1:]:
        assert len(other) == len(seen[0])
        for a, b in zip(seen[0], other, strict=True):
            assert len(a) == len(b)
            assert all(torch.equal(x, z) for x, z in zip(a, b, strict=True))


def test_only_a_batch_is_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    dense = SparseMatrix.dense

    def spy(self: SparseMatrix) -> torch.Tensor:
        sizes.append(len(self))
        return dense(self)

    monkeypatch.setattr(SparseMatrix, "dense", spy)
    X = SparseMatrix.from_scipy(sparse.random_array((50, 8), density=0.2, random_state=0), None, "cpu")
    rows = Rows(X, torch.arange(50))
    for part in (rows, rows.take(torch.arange(50) % 2 == 0), rows.evenly(20), rows.take([3, 1])):
        assert isinstance(part.X, SparseMatrix)
        list(TensorBatches(part, 10, shuffle=True))
    assert 0 < max(sizes) <= 10
