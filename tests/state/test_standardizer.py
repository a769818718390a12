"""Statistics of the inputs, and the first layer that follows them exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_warmstart.state._schema import Reindex
from sk_warmstart.state.rows import _standardizer
from sk_warmstart.state.rows._standardizer import Reparametrisation, Standardizer


def table(seed: int, n: int, width: int = 4) -> np.ndarray:
    """Columns of very different sizes; the last one is constant."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(n, width)) * 10.0 ** draws.integers(-3, 4, width) + draws.choice([0, 5, 1e6], width)
    X[:, -1] = draws.choice([0.0, 0.1, -1e9])
    return X


def assert_same(one: Standardizer, other: Standardizer) -> None:
    assert one.count == pytest.approx(other.count, rel=1e-12)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-6)  # the spread may be a millionth of the mean
    assert one.centred == other.centred


@given(st.integers(0, 2**32), st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_merging_is_measuring_all_rows(seed: int, sizes: list[int]) -> None:
    X = table(seed, sum(sizes) + 2)
    merged = Standardizer.from_rows(X[:2])
    for part in np.split(X[2:], np.cumsum(sizes)[:-1]):
        merged = merged.updated(part)
    assert_same(merged, Standardizer.from_rows(X))


@given(st.integers(0, 2**32), st.integers(2, 30))
def test_weights_repeat_rows(seed: int, n: int) -> None:
    X, times = table(seed, n), np.random.default_rng(seed).integers(0, 4, n)
    times[0] = 1
    for part, whole in ((X, np.repeat(X, times, axis=0)), (sparse.csr_matrix(X), np.repeat(X, times, axis=0))):
        like = whole if part is X else sparse.csr_matrix(whole)
        assert_same(Standardizer.from_rows(part, times.astype(float)), Standardizer.from_rows(like))


@given(st.integers(0, 2**32), st.integers(2, 40), st.booleans())
def test_equals_scikit_learn(seed: int, n: int, is_sparse: bool) -> None:
    X: Any = table(seed, n)
    if is_sparse:
        X[np.random.default_rng(seed).random(X.shape) < 0.5] = 0
        X = sparse.csr_matrix(X)
    theirs, ours = StandardScaler(with_mean=not is_sparse).fit(X), Standardizer.from_rows(X)
    np.testing.assert_allclose(ours.scale, theirs.scale_, rtol=1e-7)
    wanted, got = theirs.transform(X), ours.transform(X)
    if is_sparse:
        assert sparse.issparse(got)
        wanted, got = wanted.toarray(), got.toarray()
        assert not ours.shift.any()
    else:
        np.testing.assert_allclose(ours.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_long_constant_column_does_not_vary(make: Any, weighted: bool) -> None:
    X = make(np.full((100_000, 3), [0.1, 1e8 / 3, -7.3]))
    weight = np.random.default_rng(0).random(100_000) if weighted else None
    assert Standardizer.from_rows(X, weight).scale.tolist() == [1, 1, 1]


def test_small_integers_do_not_overflow() -> None:
    X = np.array([[0], [100], [100]], dtype=np.int8)
    expected = X.astype(float).std()
    for rows in (X, sparse.csr_matrix(X)):
        assert Standardizer.from_rows(rows).scale[0] == pytest.approx(expected)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    X, weight = make(table(3, 50)), np.random.default_rng(3).random(50)
    weight[7:10] = 0  # a chunk of no weight at all
    whole = [Standardizer.from_rows(X), Standardizer.from_rows(X, weight)]
    rows = whole[0].transform(X)
    for chunk in (1, 11, 12, 13, 199):
        monkeypatch.setattr(_standardizer, "_CHUNK", chunk)
        for one, other in zip(whole, (Standardizer.from_rows(X), Standardizer.from_rows(X, weight)), strict=True):
            assert_same(one, other)
        assert abs(whole[0].transform(X) - rows).max() == 0


def test_transform_keeps_to_its_dtype_and_input() -> None:
    X = table(1, 9)
    before, scaler = X.copy(), Standardizer.from_rows(X)
    assert scaler.transform(X, np.float32).dtype == np.float32
    assert np.array_equal(X, before)
    with pytest.raises(ValueError, match="learned means from dense rows"):
        scaler.transform(sparse.csr_matrix(X))


def test_nothing_seen_changes_nothing() -> None:
    for scaler in (Standardizer.from_rows(np.empty((0, 2))), Standardizer.identity(2)):
        assert scaler.transform(np.array([[1.0, -2.0]])).tolist() == [[1, -2]]
    assert Standardizer.identity(2).is_still(Standardizer.from_rows(np.empty((0, 2))))


def test_take_moves_columns_and_fills_new_ones() -> None:
    scaler = Standardizer.from_rows(table(5, 20))
    fresh = Standardizer.from_rows(table(6, 7, width=3))
    moved = scaler.take(Reindex(np.array([2, -1, 0]), 4), fresh)
    assert moved.count == 20
    np.testing.assert_allclose(moved.mean, [scaler.mean[2], fresh.mean[1], scaler.mean[0]])
    np.testing.assert_allclose(moved.scale, [scaler.scale[2], fresh.scale[1], scaler.scale[0]])
    assert scaler.take(Reindex(np.arange(4), 4), scaler).is_still(scaler)
    empty = Standardizer.identity(0).take(Reindex(np.array([-1, -1, -1]), 0), fresh)
    np.testing.assert_allclose(empty.scale, fresh.scale)


def test_still_is_relative_to_the_spread() -> None:
    scaler = Standardizer(10.0, np.array([0.0]), np.array([10.0]))
    assert scaler.is_still(Standardizer(10.0, np.array([1e-14]), np.array([10.0])))
    assert not scaler.is_still(Standardizer(10.0, np.array([1e-10]), np.array([10.0])))
    assert not scaler.is_still(Standardizer(10.0, np.array([0.0]), np.array([10.1])))


def statistics(seed: int, huge: bool, constant: bool) -> tuple[Standardizer, Standardizer]:
    """Old and new ones, about the same huge mean or about zero; a column may begin or cease to vary."""
    draws = np.random.default_rng(seed)
    both = []
    for _ in range(2):
        mean = (1e6 if huge else 0.0) + draws.normal(size=4) * 3
        m2 = 10 * 10.0 ** draws.uniform(-1, 1, 4)
        m2[draws.integers(4)] *= not constant
        both.append(Standardizer(10.0, mean, m2))
    return both[0], both[1]


moved = st.builds(statistics, st.integers(0, 2**32), st.booleans(), st.booleans())


@given(moved, st.integers(0, 2**32))
def test_the_layer_computes_the_same(change: tuple[Standardizer, Standardizer], seed: int) -> None:
    (old, new), _ = change, torch.manual_seed(seed)
    X = old.shift + old.scale * np.random.default_rng(seed).normal(size=(6, 4))
    layer = nn.Linear(4, 3).double().requires_grad_(False)
    weight, bias = Reparametrisation("weight", "bias", old, new).state(layer.weight, layer.bias)
    before = layer(torch.from_numpy(old.transform(X)))
    after = nn.functional.linear(torch.from_numpy(new.transform(X)), weight, bias)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


@given(moved, st.integers(0, 2**32))
def test_linear_moment_is_the_gradient_in_the_new_coordinates(
    moved: tuple[Standardizer, Standardizer], seed: int
) -> None:
    (old, new), _ = moved, torch.manual_seed(seed)
    X = old.shift + old.scale * np.random.default_rng(seed).normal(size=(9, 4))
    target = torch.randn(9, 3, dtype=torch.float64)
    layer = nn.Linear(4, 3).double().requires_grad_(False)
    change = Reparametrisation("weight", "bias", old, new)

    def gradients(rows: np.ndarray, weight: Any, bias: Any) -> Any:
        leaves = [weight.detach().requires_grad_(), bias.detach().requires_grad_()]
        loss = (nn.functional.linear(torch.from_numpy(rows), *leaves) - target).square().mean()
        return torch.autograd.grad(loss, leaves)

    weight, bias = gradients(old.transform(X), layer.weight, layer.bias)
    wanted, same = gradients(new.transform(X), *change.state(layer.weight, layer.bias))
    size = max(1.0, float(wanted.abs().max()))
    torch.testing.assert_close(change.linear_moment(weight, bias) / size, wanted / size, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(same, bias, rtol=1e-7, atol=1e-9)


def test_squared_moment_where_it_is_exact() -> None:
    old = Standardizer(1.0, np.zeros(2), np.array([1.0, 4.0]))
    new = Standardizer(1.0, np.zeros(2), np.array([9.0, 1.0]))
    change, gradient = Reparametrisation("w", None, old, new), torch.randn(3, 2, dtype=torch.float64)
    torch.testing.assert_close(change.squared_moment(gradient**2, None), change.linear_moment(gradient, None) ** 2)
    shifted = Reparametrisation("w", "b", old, Standardizer(1.0, np.array([2.0, 0.0]), old.m2))
    # A weight whose gradient is always zero takes that of the bias, squared.
    moment = shifted.squared_moment(torch.zeros(1, 2), torch.tensor([3.0]))
    assert moment.tolist() == [[12.0, 0.0]]
    assert (shifted.squared_moment(gradient**2, gradient[:, 0] ** 2) >= 0).all()


def test_a_moved_mean_needs_a_bias() -> None:
    old = Standardizer.identity(1)
    with pytest.raises(ValueError, match=r"the layer of w has no bias .* give the first layer a bias"):
        Reparametrisation("w", None, old, Standardizer(1.0, np.ones(1), np.ones(1)))


@pytest.mark.parametrize("size", [1e160, 1e200, 1e308])
def test_numbers_whose_squares_are_too_large_are_named(size: float) -> None:
    X = np.c_[np.arange(6.0), np.tile([size, -size], 3)]
    with pytest.raises(ValueError, match="column 1 of X holds numbers whose squares are too large"):
        Standardizer.from_rows(X)
