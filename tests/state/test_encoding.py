"""Labels of every kind, through JSON and back."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sk_warmstart.state.files._encoding import as_json, decode_labels, encode_labels, is_json

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]


def round_trip(labels: np.ndarray) -> np.ndarray:
    stored = json.loads(json.dumps(encode_labels(labels), allow_nan=False))
    again = decode_labels(stored)
    assert again is not None
    assert again.dtype == labels.dtype
    assert again.shape == labels.shape
    return again


def assert_bits(labels: np.ndarray) -> None:
    assert round_trip(labels).tobytes() == labels.tobytes()


@given(st.sampled_from(INTEGERS), st.data())
def test_integers(dtype: np.dtype, data: Any) -> None:
    ends = np.iinfo(dtype)
    values = data.draw(st.lists(st.integers(int(ends.min), int(ends.max)), max_size=5))
    assert_bits(np.array([*values, ends.min, ends.max], dtype=dtype))
    assert_bits(np.array(values, dtype=dtype.newbyteorder(">")))


@given(st.lists(st.floats(allow_nan=False), max_size=5), st.sampled_from(["f2", "f4", "f8", ">f8"]))
def test_floats(values: list[float], dtype: str) -> None:
    with np.errstate(over="ignore"):
        assert_bits(np.array([*values, -0.0, np.inf, -np.inf, np.nan, 5e-324], dtype=dtype))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5), st.integers(0, 3))
def test_strings_and_bytes(values: list[str], wider: int) -> None:
    text = np.array(values)
    assert_bits(text.astype(f"U{max(1, text.dtype.itemsize // 4 + wider)}"))
    assert_bits(np.array([value.encode() for value in values]))
    again = round_trip(_objects([*values, "", "\0", values[0].encode()]))
    assert again.tolist() == [*values, "", "\0", values[0].encode()]


def test_booleans_and_nothing() -> None:
    assert_bits(np.array([False, True]))
    for dtype in ("i8", "U3", "O", "f4", "M8[s]"):
        assert_bits(np.array([], dtype=dtype))
    assert encode_labels(None) is None
    assert decode_labels(None) is None


@pytest.mark.parametrize("dtype", ["M8[Y]", "M8[D]", "M8[s]", "M8[ms]", "M8[ns]", "m8[D]", "m8[ns]", "m8"])
def test_dates_and_times(dtype: str) -> None:
    labels = np.array([0, 1, -(2**40), np.iinfo(np.int64).min], dtype=np.int64).view(dtype)  # the last is NaT
    assert_bits(labels)
    assert np.isnat(round_trip(labels)[-1])


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


moments = st.datetimes(timezones=st.one_of(st.none(), st.timezones()), allow_imaginary=False)
anything = st.one_of(
    st.text(),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.binary(max_size=4),
    st.dates(),
    moments,
)


@given(st.lists(anything, max_size=8))
def test_objects_keep_value_and_type(values: list[Any]) -> None:
    again = round_trip(_objects(values)).tolist()
    assert again == values
    assert list(map(type, again)) == list(map(type, values))


def test_kinds_that_are_subclasses_of_each_other() -> None:
    day = datetime.date(2020, 2, 29)
    noon = datetime.datetime(2020, 2, 29, 12, fold=1)
    stamp = pd.Timestamp("2020-02-29 12:00:00.123456789", tz="Europe/Berlin")
    again = round_trip(_objects([True, 1, 1.0, day, noon, stamp, pd.Timestamp(noon), None])).tolist()
    assert again == [True, 1, 1.0, day, noon, stamp, pd.Timestamp(noon), None]
    kinds = [bool, int, float, datetime.date, datetime.datetime, pd.Timestamp, pd.Timestamp, type(None)]
    assert list(map(type, again)) == kinds
    assert again[5].utcoffset() == stamp.utcoffset()


def test_nan_and_nat_objects() -> None:
    again = round_trip(_objects([float("nan"), pd.NaT, -0.0]))
    assert np.isnan(again[0])
    assert again[1] is pd.NaT
    assert str(again[2]) == "-0.0"


def test_scalars_of_numpy_become_those_of_python() -> None:
    values = [np.int64(3), np.float32(0.1), np.bool_(True), np.str_("a"), np.float64(0.1)]
    again = round_trip(_objects(values)).tolist()
    assert again == values
    assert list(map(type, again)) == [int, float, bool, str, float]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (np.array([1j]), "complex128"),
        (np.zeros(1, dtype="i4,i4"), "dtype"),
        (np.zeros(1, dtype="V3"), "dtype"),
        (_objects([(1, 2)]), "of type tuple"),
        (_objects([1j]), "of type complex"),
        (_objects([{}]), "of type dict"),
        (_objects([datetime.time(1)]), "of type time"),
        (_objects([pd.NA]), "of type NAType"),
    ],
)
def test_other_labels_are_named(labels: np.ndarray, named: str) -> None:
    with pytest.raises(TypeError, match=rf"{named}.* cannot be stored: use numbers, strings or dates"):
        encode_labels(labels)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="no floats wider than double precision here")
def test_wide_floats_would_be_rounded() -> None:
    for labels in (np.array([1], dtype=np.longdouble), _objects([np.longdouble(1)])):
        with pytest.raises(TypeError, match="cannot be stored"):
            encode_labels(labels)


@pytest.mark.parametrize("dtype", ["<U500000000", "S2000000000", "V8", "c16", "i4,i4"])
def test_a_file_cannot_ask_for_much_room(dtype: str) -> None:
    with pytest.raises(ValueError, match="labels cannot be of dtype"):
        decode_labels({"dtype": dtype, "values": ["a"]})


class Odd:
    def __repr__(self) -> str:
        return "Odd()"


def test_as_json_tells_what_it_cannot_hold() -> None:
    given = {
        "a": (1, np.float32(0.5), np.int8(3), np.bool_(True)),
        2: {"nan": float("nan"), "inf": [-np.inf]},
        "type": Odd,
        "odd": Odd(),
        "none": None,
        "wide": np.longdouble(1),
    }
    told = as_json(given)
    assert is_json(told)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["a"] == [1, 0.5, 3, True]
    assert told["2"] == {"nan": "nan", "inf": ["-inf"]}
    assert told["type"].endswith("test_encoding.Odd")
    assert told["odd"] == "Odd()"


@pytest.mark.parametrize(
    "value", [float("nan"), {1: 2}, {1, 2}, np.int64(1), Odd, [Odd()], {"a": {"b": np.inf}}, b""]
)
def test_is_json_is_strict(value: Any) -> None:
    assert not is_json(value)
    assert is_json(as_json(value))


def test_is_json_of_plain_values() -> None:
    assert is_json({"a": [1, 2.5, None, "x", True, (1, 2)], "b": {}})
