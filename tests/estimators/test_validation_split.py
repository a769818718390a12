"""Rows that validate: never those that trained before, and some on both sides whatever the table."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_warmstart import WarmStartClassifier
from sk_warmstart.estimators.input._identity import recognise
from sk_warmstart.state import LeakageWarning
from sk_warmstart.state.rows._row_memory import RowMemory

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 20))
Y = ((X[:, 0] > 0) ^ (RNG.random(600) < 0.3)).astype(int)


def net(**params: Any) -> WarmStartClassifier:
    given: dict[str, Any] = {"max_epochs": 20, "lr": 0.01, "random_state": 0, "warm_start": True}
    return WarmStartClassifier(**(given | params))


def test_early_stopping_switched_on_over_trained_rows_is_told() -> None:
    learned = net().fit(X, Y)
    with pytest.warns(LeakageWarning, match="100% of the 66 rows that validate trained the network before"):
        learned.set_params(early_stopping=True, max_epochs=1).fit(X, Y)


def test_after_partial_fit_is_told() -> None:
    learned = net().partial_fit(X, Y, classes=[0, 1])
    with pytest.warns(LeakageWarning, match="trained the network before"):
        learned.set_params(early_stopping=True, max_epochs=1).fit(X, Y)


def test_new_rows_validate_alone_where_there_are_enough() -> None:
    learned = net().fit(X[:300], Y[:300])
    learned.set_params(early_stopping=True, max_epochs=1).fit(X, Y)
    trained, validated = learned.learned_.memory.own, recognise(X, None, None, fraction=0.1).valid
    assert validated is not None
    assert len(trained) >= 600 - validated.sum()


def test_a_raised_fraction_takes_no_row_that_trained() -> None:
    learned = net(early_stopping=True).fit(X, Y)
    before = learned.set_params(max_epochs=0).fit(X, Y).start_.score
    assert learned.set_params(validation_fraction=0.5).fit(X, Y).start_.score == before


@pytest.mark.parametrize("n_rows", [1_000, 20_000])
def test_few_distinct_rows_are_split(n_rows: int) -> None:
    answers = RNG.integers(0, 2, size=(n_rows, 3)).astype(float)
    rows = recognise(answers, None, None, fraction=0.1)
    assert rows.valid is not None
    assert 0 < rows.valid.sum() < n_rows
    net(early_stopping=True, max_epochs=1).fit(answers, (answers[:, 0] > 0).astype(int))


@settings(max_examples=examples(200))
@given(
    st.integers(3, 60),
    st.integers(1, 5),
    st.integers(0, 2**31),
    st.floats(0.01, 0.99),
    st.booleans(),
)
def test_both_sides_have_rows_and_equal_rows_are_on_one(
    n_rows: int, n_values: int, seed: int, fraction: float, knows: bool
) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, n_values + 1, size=(n_rows, 2)).astype(float)
    memory = RowMemory()
    if knows:
        memory.add(recognise(table[: n_rows // 2], None, None).ids[0])
        memory = memory.child(None)
    if len(np.unique(table, axis=0)) < 2:
        with pytest.raises(ValueError, match="pass sample_id"):
            recognise(table, None, None, fraction=fraction, memory=memory)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = recognise(table, None, None, fraction=fraction, memory=memory)
    assert rows.valid is not None
    assert 0 < rows.valid.sum() < n_rows
    sides = {(tuple(row), bool(side)) for row, side in zip(table.tolist(), rows.valid, strict=True)}
    assert len(sides) == len(np.unique(table, axis=0))
    trained = memory.before(rows.ids[0])[0]
    if (trained & rows.valid).any():
        assert any(issubclass(each.category, LeakageWarning) for each in caught)


@pytest.mark.parametrize("n_rows", [10, 20, 30, 50])
def test_small_tables_are_never_refused(n_rows: int) -> None:
    for seed in range(200):
        table = np.random.default_rng(seed).normal(size=(n_rows, 3))
        assert recognise(table, None, None, fraction=0.1).n_train < n_rows


def test_a_share_far_off_is_told() -> None:
    told = []
    for default in range(40):
        table = np.random.default_rng(0).normal(size=(300, 4))
        table[:180] = default
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            valid = recognise(table, None, None, fraction=0.1).valid
        assert valid is not None
        told.append((valid.mean() > 0.2, any("Pass sample_id" in str(each.message) for each in caught)))
    assert any(far for far, _ in told)
    assert all(warned for far, warned in told if far)


def test_equal_rows_alone_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="pass sample_id to tell them apart"):
        net(early_stopping=True).fit(np.zeros((50, 2)), np.arange(50) % 2)
    assert net(early_stopping=True, max_epochs=1).fit(np.zeros((50, 2)), np.arange(50) % 2, sample_id=range(50))
