"""Drift of data frames as they are: numbers, dates and words, with missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from sk_warmstart.diagnostics import classifier_two_sample, mmd, population_stability

WORDS = np.array(["Rome", "Oslo", "Lima", "Bonn"])


def table(n: int, seed: int = 0, moves: str = "") -> pd.DataFrame:
    """Columns of every kind, of which one may be spread otherwise."""
    r = np.random.default_rng(seed)
    share = {name: 0.6 if name == moves else 0.1 for name in ("city", "gone", "flag")}
    amount = r.normal(2.0 if moves == "amount" else 0.0, 1, n)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 90, n) + 60 * (moves == "day"), "D")
    return pd.DataFrame(
        {
            "amount": np.where(r.random(n) < 0.2, np.nan, amount),
            "city": np.where(r.random(n) < share["city"], "Rome", WORDS[r.integers(1, 4, n)]),
            "gone": np.where(r.random(n) < share["gone"], None, WORDS[r.integers(0, 4, n)]),
            "flag": r.random(n) < share["flag"],
            "day": day,
        }
    )


@pytest.mark.parametrize("moves", ["", "amount", "city", "gone", "flag", "day"])
def test_the_column_that_moves_is_named_and_no_other(moves: str) -> None:
    found = population_stability(table(600), table(400, seed=1, moves=moves), alpha=0.001)
    report = pd.DataFrame(found._asdict())
    assert list(report.index) == ["amount", "city", "gone", "flag", "day"]
    assert report.query("value > threshold").index.tolist() == ([moves] if moves else [])
    assert classifier_two_sample(table(600), table(400, seed=1, moves=moves)).p_value < 0.01 or not moves


def test_words_by_hand() -> None:
    old, new = pd.DataFrame({"c": list("aaab") * 5}), pd.DataFrame({"c": ["a"] * 10 + ["z"] * 9 + [None]})
    p, q = np.array([15, 5, 0.5, 0.5]) / 20, np.array([10, 0.5, 9, 1]) / 20
    assert population_stability(old, new).value["c"] == pytest.approx(((p - q) * np.log(p / q)).sum())


@given(values=st.lists(st.integers(-5, 5), min_size=20, max_size=60), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_frames_of_numbers_are_what_arrays_are(values: list[int], seed: int) -> None:
    old = np.array(values, dtype=float)[:, None] * [1.0, -2.0]
    new = np.random.default_rng(seed).permutation(old)[: len(old) // 2]
    by_array = population_stability(old, new)
    by_name = population_stability(pd.DataFrame(old, columns=["a", "b"]), pd.DataFrame(new, columns=["a", "b"]))
    for one, other in zip(by_array, by_name, strict=True):
        np.testing.assert_allclose(one, other.to_numpy())
    mixed = pd.DataFrame(new, columns=["a", "b"])[["b", "a"]]
    again = population_stability(pd.DataFrame(old, columns=["a", "b"]), mixed)
    assert again.value.equals(by_name.value)  # columns go by name


def test_the_test_by_a_classifier_is_calibrated_on_words_and_missing_values() -> None:
    found = [classifier_two_sample(table(60, 2 * i), table(60, 2 * i + 1), rng=i).p_value for i in range(40)]
    assert 0.3 < np.mean(found) < 0.7
    assert np.mean(np.array(found) < 0.05) < 0.2


def test_missing_values_alone_are_told_apart() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    gone = np.where(np.random.default_rng(1).random(rows.shape) < 0.3, np.nan, rows)
    assert classifier_two_sample(rows, gone).p_value < 0.001
    with pytest.raises(ValueError, match="b contains NaN or infinity"):
        classifier_two_sample(rows, gone, classifier=LogisticRegression())
    with pytest.raises(ValueError, match="b contains NaN or infinity"):
        mmd(rows, gone)


def test_a_column_without_a_value() -> None:
    empty = pd.DataFrame({"a": [None] * 20, "b": 1.0})
    assert population_stability(empty, empty).value.tolist() == [0, 0]
    assert population_stability(empty, empty.assign(a=3.0)).value["a"] > 1
    assert population_stability(empty.assign(a=3.0), empty).value["a"] > 1


def test_tables_that_cannot_be_compared_are_named() -> None:
    old = table(20)
    with pytest.raises(ValueError, match=r"must have the same columns, they differ in \['city'\]"):
        population_stability(old, old.drop(columns="city"))
    with pytest.raises(ValueError, match=r"must have the same columns, they differ in \['odd'\]"):
        classifier_two_sample(old, old.assign(odd=1))
    with pytest.raises(ValueError, match="column 'amount' holds words in new and numbers or dates elsewhere"):
        population_stability(old, old.assign(amount="much"))
    with pytest.raises(ValueError, match="b contains infinity in column 'amount'"):
        classifier_two_sample(old, old.assign(amount=np.inf))
    with pytest.raises(ValueError, match="new must have at least 10 rows, got 9"):
        population_stability(old, old[:9])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_go_by_name_in_every_measure_and_frame(make: type) -> None:
    r = np.random.default_rng(0)
    old, new = ({"a": r.normal(size=60), "b": r.normal(9, size=60)} for _ in range(2))
    turned = make({name: new[name] for name in "ba"})
    for measure in (population_stability, classifier_two_sample, mmd):
        expected = measure(np.stack([*old.values()], axis=1), np.stack([*new.values()], axis=1))
        for one, other in zip(measure(make(old), turned), expected, strict=True):
            np.testing.assert_allclose(one, other)
        with pytest.raises(ValueError, match="must have the same columns, they differ in"):
            measure(make(old), make({"a": new["a"], "c": new["b"]}))


def test_words_and_gaps_of_polars_are_those_of_pandas() -> None:
    old, new = table(300), table(200, seed=1, moves="city")
    theirs = [
        pl.DataFrame({name: [None if pd.isna(cell) else cell for cell in part[name]] for name in part})
        for part in (old, new)
    ]
    pd.testing.assert_series_equal(population_stability(*theirs).value, population_stability(old, new).value)
