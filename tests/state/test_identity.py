"""Row identity: what may change about a table without a row becoming another row."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from sk_warmstart.state import row_ids, sample_ids
from sk_warmstart.state.rows import _identity
from sk_warmstart.state.rows._identity import validation_mask

tables = npst.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 6)),
    elements=st.floats(-1e6, 1e6, allow_nan=False, width=32),
)

ROW_GOLDEN = ["0xb77f9a3c9a3372a4", "0xe220a8397b1dcdaf", "0xa938eb418149f66c"]
NAME_GOLDEN = ["0x28708bfc3250f289", "0xe220a8397b1dcdaf", "0x50fb71dc360fee27"]
SAMPLE_GOLDEN = [
    "0x63033b0ca389c35a",
    "0xe4d971771b652c20",
    "0x14a512435d3b6784",
    "0xa0998dee9f08548b",
    "0xe99a32c955e1f8f4",
    "0xdabb3b8f6558f7ec",
    "0xa2b79c503ee1e79e",
    "0x64e8fd4680081159",
]
MASK_GOLDEN = [False, False, False, True, False, True, True, True, False, True]


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


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).integers(-1, 2, size=(100, 3)) * 1.5
    whole, thin = row_ids(X), row_ids(sparse.csr_array(X))
    assert np.array_equal(whole, row_ids(np.asfortranarray(X)))
    for chunk in (1, 7, 9, 300):
        monkeypatch.setattr(_identity, "_CHUNK", chunk)
        assert np.array_equal(whole, row_ids(X))
        assert np.array_equal(thin, row_ids(sparse.csr_array(X)))


@given(tables, st.sampled_from(["csr_array", "csc_array", "coo_array", "csr_matrix", "dok_array"]), st.booleans())
def test_sparse_rows_have_the_ids_of_dense_ones(X: np.ndarray, kind: str, single: bool) -> None:
    X = np.where(np.abs(X) % 3 < 1, 0, X)
    X = X.astype(np.float32) if single else X
    names = [f"c{i}" for i in range(X.shape[1])]
    assert np.array_equal(row_ids(getattr(sparse, kind)(X)), row_ids(X))
    assert np.array_equal(row_ids(getattr(sparse, kind)(X), names), row_ids(X, names))


def test_stored_zeros_duplicates_and_disorder_of_a_sparse_matrix_do_not_matter() -> None:
    data, indices = np.array([2.0, 1.0, 0.0, 4.0, -0.0, 3.0]), np.array([3, 0, 1, 0, 2, 3])
    odd = sparse.csr_array((data, indices, np.array([0, 3, 3, 6, 6])), shape=(4, 5))
    twice = sparse.csr_array((np.array([1.0, 2.0, 1.0]), np.array([3, 0, 3]), np.array([0, 3])), shape=(1, 4))
    before = odd.indices.copy()
    assert np.array_equal(row_ids(odd), row_ids(odd.toarray()))
    assert np.array_equal(row_ids(twice), row_ids(twice.toarray()))
    assert np.array_equal(odd.indices, before)
    assert twice.nnz == 3
    assert len(row_ids(sparse.csr_array((3, 2)))) == 3


@given(tables, st.data())
def test_a_changed_cell_changes_the_id_of_its_row_alone(X: np.ndarray, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(X) - 1))
    j = data.draw(st.integers(0, X.shape[1] - 1))
    new = X.copy()
    new[i, j] = data.draw(st.floats(-1e6, 1e6, width=32).filter(lambda v: v != X[i, j]))
    assert (row_ids(X) != row_ids(new)).tolist() == [k == i for k in range(len(X))]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "uint16", "bool", "object"])
def test_equal_numbers_of_any_type_are_equal(dtype: str) -> None:
    X = np.random.default_rng(0).integers(0, 2, size=(50, 4))
    assert np.array_equal(row_ids(X.astype(dtype)), row_ids(X.astype(np.float32)))


def test_numbers_count_in_single_precision() -> None:
    X = np.array([[2**24], [2**24 + 1], [2**24 + 2]])
    ids = row_ids(X)
    assert np.array_equal(ids, row_ids(X.astype(np.float64)))
    assert np.array_equal(ids, row_ids(X.astype(np.float32)))
    assert ids[0] == ids[1] != ids[2]


def test_missing_values_are_one_value() -> None:
    X = np.array([[np.nan, 1], [-np.nan, 1], [np.inf, 1], [1, np.nan]])
    X[1, 0] = np.array([0xFFF8_0000_0000_1234], dtype=np.uint64).view(np.float64)[0]
    ids = row_ids(X)
    assert ids[0] == ids[1]
    assert len(set(ids.tolist())) == 3
    assert np.array_equal(ids, row_ids(X.astype(np.float32)))
    assert np.array_equal(ids, row_ids(sparse.csr_array(X)))


def structured(kind: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if kind == "grid":
        return np.stack(np.meshgrid(*[np.arange(12.0)] * 5), axis=-1).reshape(-1, 5)
    if kind == "powers of two":
        return np.stack(np.meshgrid(*[2.0 ** np.arange(-29, 30)] * 3), axis=-1).reshape(-1, 3)
    if kind == "one-hot":
        codes = np.stack(np.meshgrid(*[np.arange(22)] * 4), axis=-1).reshape(-1, 4)
        return np.eye(22, dtype=np.float32)[codes].reshape(len(codes), -1)
    if kind == "single cells":
        rows = np.repeat(rng.normal(size=(1, 20)), 200_000, axis=0)
        rows[np.arange(200_000), np.arange(200_000) % 20] = np.arange(200_000) // 20
        return rows
    return np.arange(200_000.0)[:, None] / 8  # counter


@pytest.mark.parametrize("kind", ["grid", "powers of two", "one-hot", "single cells", "counter"])
def test_ids_of_structured_rows_are_unique_and_uniform(kind: str) -> None:
    ids = row_ids(structured(kind))
    n = len(ids)
    assert n >= 200_000
    assert len(np.unique(ids)) == n
    assert abs(ids.astype(np.float64).mean() / 2.0**64 - 0.5) < 4.5 / (12 * n) ** 0.5
    for shift in (60, 0):  # the highest bits and the lowest
        counts = np.bincount(((ids >> np.uint64(shift)) & np.uint64(15)).astype(int), minlength=16)
        assert ((counts - n / 16) ** 2).sum() / (n / 16) < 45  # chi-square of 15: beyond once in ten thousand
    smallest = np.sort(ids)[1000]
    assert abs(1000 * 2.0**64 / float(smallest) / n - 1) < 4.5 / 1000**0.5


def test_shapes_and_faults() -> None:
    images = np.random.default_rng(0).normal(size=(4, 2, 3))
    assert np.array_equal(row_ids(images), row_ids(images.reshape(4, 6)))
    assert np.array_equal(row_ids(images[:, 0, 0]), row_ids(images[:, 0, :1]))
    assert row_ids(images[:0]).shape == (0,)
    assert len(set(row_ids(np.zeros((3, 0))).tolist())) == 1
    with pytest.raises(ValueError, match="2 names for 6 columns"):
        row_ids(images, ["a", "b"])
    with pytest.raises(ValueError, match="must hold rows"):
        row_ids(np.array(1.0))
    with pytest.raises(TypeError, match="encode it first"):
        row_ids(np.array([["a"]]))


def test_ids_never_change() -> None:
    """Stored checkpoints hold these ids: another hash would make every row a new one."""
    X = np.array([[1.0, -2.5, 0.0], [0.0, 0.0, 0.0], [0.1, 1e30, np.nan]])
    assert [hex(i) for i in row_ids(X)] == ROW_GOLDEN
    assert [hex(i) for i in row_ids(X, ["a", "b", "c"])] == NAME_GOLDEN
    given_ids = [5, -1, 2**64 - 1, "5", "größe", 2.5, (1, "a"), np.datetime64("2020-01-02T03:04:05.006")]
    assert [hex(i) for i in sample_ids(given_ids)] == SAMPLE_GOLDEN
    assert validation_mask(sample_ids(range(10)), 0.5).tolist() == MASK_GOLDEN


five = int(sample_ids([5])[0])


@pytest.mark.parametrize(
    "ids",
    [
        [np.int32(5)],
        (5,),
        np.array([5], dtype=np.uint8),
        np.array([5], dtype=object),
        np.array([5.0], dtype=np.float32),
        [5, "a"],
        [5, 2**70],
        [5, Decimal(7)],
        [np.uint64(5), np.uint64(2**63)],
        pd.Index([5]),
        pd.Series([5], index=["row"]),
        pd.Series([5], dtype="Int64"),
        pd.Categorical([5, 6]),
        pd.Series([5, 6], dtype="category"),
    ],
    ids=repr,
)
def test_equal_identities_are_equal_whatever_holds_them(ids: Any) -> None:
    assert int(sample_ids(ids)[0]) == five


@pytest.mark.parametrize(
    "ids",
    [
        np.array(["ab"]),
        np.array(["ab"], dtype=object),
        [b"ab"],
        np.array([b"ab"]),
        ["ab", 5],
        pd.Series(["ab"]),
        pd.Series(["ab"], dtype="string"),
        pd.Categorical(["ab", "c"]),
        pd.Index(["ab"]),
    ],
    ids=repr,
)
def test_equal_texts_are_equal_whatever_holds_them(ids: Any) -> None:
    assert int(sample_ids(ids)[0]) == int(sample_ids(["ab"])[0])


def test_dates_are_equal_in_any_unit() -> None:
    day = sample_ids(np.array(["1600-01-02", "2020-01-02"], dtype="datetime64[D]"))
    for unit in ("s", "ms", "us"):
        assert np.array_equal(day, sample_ids(np.array(["1600-01-02", "2020-01-02"], dtype=f"datetime64[{unit}]")))
    assert sample_ids(pd.to_datetime(["2020-01-02"]).as_unit("ns"))[0] == day[1]
    assert sample_ids([np.datetime64("2020-01-02")])[0] == day[1]
    moments = np.datetime64("1969-12-31T23:59:59", "ns") + np.arange(1000)
    assert len(np.unique(sample_ids(moments))) == 1000
    berlin = pd.to_datetime(["2020-01-02 01:00"]).tz_localize("Europe/Berlin")
    assert sample_ids(berlin)[0] == sample_ids(berlin.tz_convert("UTC"))[0]


def test_large_numbers_keep_their_identity() -> None:
    ids = [2**63 - 1, 2**63, 2**64 - 1, 2**64, -1, -(2**63), 2**53, 2**53 + 1]
    hashed = sample_ids(ids)
    assert len(np.unique(hashed)) == len(ids)
    assert np.array_equal(hashed[:3], sample_ids(np.array(ids[:3], dtype=np.uint64)))
    assert np.array_equal(hashed[4:], sample_ids(np.array(ids[4:], dtype=np.int64)))
    assert len(np.unique(sample_ids(np.array([0.1, 0.2, 1e300, -0.1, np.inf])))) == 5


@pytest.mark.parametrize(
    "ids",
    [
        [1, None],
        ["a", None],
        [1, float("nan")],
        np.array([1, np.nan]),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", None]),
        pd.Series(["a", None], dtype="string"),
        pd.Categorical(["a", None]),
        pd.Categorical([1, None]),
        [1, pd.NaT],
    ],
    ids=repr,
)
def test_a_missing_identity_is_an_error(ids: Any) -> None:
    with pytest.raises(ValueError, match="1 missing values, the first at position 1"):
        sample_ids(ids)


@pytest.mark.parametrize("ids", [5, "abc", [[1, 2]], np.zeros((2, 1)), pd.DataFrame({"id": [1]})], ids=repr)
def test_identities_are_one_per_row(ids: Any) -> None:
    with pytest.raises(ValueError, match="one entry per row"):
        sample_ids(ids)


def test_no_identities_are_no_ids() -> None:
    for empty in ([], np.array([]), np.array([], dtype=object), pd.Series([], dtype=str)):
        assert sample_ids(empty).shape == (0,)
        assert sample_ids(empty).dtype == np.uint64


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


@given(st.lists(st.integers(-5, 5), min_size=4, max_size=4), st.integers(0, 3), st.sampled_from(["a", "b"]))
def test_ids_of_parts_see_every_part_and_no_order(values: list[int], row: int, changed: str) -> None:
    parts = {"a": np.array(values)[:, None] * [1.0, 2.0], "b": np.arange(8).reshape(4, 2)}
    ids = row_ids(parts)
    assert np.array_equal(ids, row_ids(dict(reversed(parts.items()))))
    other = {name: part.copy() for name, part in parts.items()}
    other[changed][row, 0] += 1
    assert np.flatnonzero(row_ids(other) != ids).tolist() == [row]
    swapped = {"a": parts["b"], "b": parts["a"]}
    assert not (row_ids(swapped) == ids).any()


def test_one_part_has_the_ids_of_the_array() -> None:
    X = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(row_ids({"any": X}), row_ids(X))
    assert np.array_equal(row_ids((X,)), row_ids(X))
