"""Rows in several tensors, and in fewer bytes than a network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sk_warmstart.training import Narrow, Parts, Rows, SparseMatrix, TensorBatches, row_size, rows_at_once

source = np.random.default_rng(0)
TABLE = source.normal(size=(10, 3)) * (source.random((10, 3)) > 0.5)
BYTES = source.integers(0, 256, size=(10, 2, 2), dtype=np.uint8)


def parts(named: bool) -> Parts:
    return Parts(
        {
            "dense": torch.from_numpy(TABLE),
            "sparse": SparseMatrix.from_scipy(sparse.csr_array(TABLE), torch.float64, "cpu"),
            "bytes": Narrow(torch.from_numpy(BYTES), torch.float32),
        },
        named,
    )


INDICES = st.one_of(
    st.slices(10).filter(lambda s: s.step is None or s.step > 0),
    st.lists(st.integers(0, 9), min_size=1).map(torch.tensor),
    st.lists(st.booleans(), min_size=10, max_size=10).map(torch.tensor),
)


@given(INDICES, INDICES, st.booleans(), st.sampled_from([None, torch.device("cpu")]))
@settings(max_examples=60, deadline=None)
def test_rows_are_those_of_each_part(first: Any, then: Any, named: bool, travels_to: Any) -> None:
    """Taking rows twice, and making a batch of them, is indexing each array twice."""
    rows = Rows(parts(named), torch.arange(10), travels_to=travels_to).take(first)
    expected = [array[first] for array in (torch.from_numpy(TABLE), torch.from_numpy(BYTES))]
    assert len(rows) == len(expected[0])
    if isinstance(then, torch.Tensor):
        if then.dtype == torch.bool:
            then = then[: len(rows)]
            if len(then) < len(rows):
                return
        elif not len(rows) or int(then.max()) >= len(rows):
            return
    X, y, _ = rows.batch(then)
    assert isinstance(X, dict if named else tuple)
    dense, made_dense, images = X.values() if named else X
    table, images_expected = (array[then] for array in expected)
    assert torch.equal(dense, table)
    assert torch.equal(made_dense, table)
    assert images.dtype == torch.float32
    assert torch.equal(images, images_expected.float())
    assert torch.equal(y, torch.arange(10)[first][then])


def test_a_batch_is_a_copy_and_a_row_is_a_row() -> None:
    whole = parts(True)
    rows = Rows(whole, torch.arange(10))
    rows.batch(slice(0, 4))[0]["dense"].zero_()
    assert torch.equal(whole.parts["dense"], torch.from_numpy(TABLE))  # type: ignore[arg-type]
    X, y = rows[3]
    assert {name: part.shape for name, part in X.items()} == {"dense": (3,), "sparse": (3,), "bytes": (2, 2)}
    assert int(y) == 3


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_come_in_the_order_of_one_tensor(shuffle: bool) -> None:
    def batches(X: Any) -> list[Any]:
        generator = torch.Generator().manual_seed(0)
        return list(TensorBatches(Rows(X, torch.arange(10)), 4, shuffle, generator=generator))

    for (X, y), (alone, same) in zip(batches(parts(False)), batches(torch.from_numpy(TABLE)), strict=True):
        assert torch.equal(X[0], alone)
        assert torch.equal(y, same)


def test_memory_and_rows_at_once() -> None:
    images = Narrow(torch.from_numpy(BYTES), torch.float32)
    assert images.nbytes == BYTES.nbytes
    assert row_size(parts(True)) == 3 + 3 + 4
    assert rows_at_once(images) == rows_at_once(torch.zeros(5, 4)) == 4096
    assert rows_at_once(torch.zeros(5, 4, dtype=torch.int64)) == rows_at_once(parts(True)) == 256
