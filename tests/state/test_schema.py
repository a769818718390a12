"""Names, labels and tensors follow each other."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.state import NetState, Schema
from sk_warmstart.state._alignment import Remap, align
from sk_warmstart.state._schema import Reindex, map_columns, map_labels, map_names, merge_labels


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def labels_of(values: st.SearchStrategy[Any], make: Any) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    lists = st.lists(values, min_size=1, max_size=6, unique=True)
    return st.tuples(lists, lists).map(lambda pair: (make(pair[0]), make(pair[1])))


short = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
days = st.dates(datetime.date(2020, 1, 1), datetime.date(2020, 1, 12))
# The new and the old labels of one kind; make() gives each the dtype that its own values need.
pairs = st.one_of(
    labels_of(st.integers(-5, 5), np.array),
    labels_of(st.integers(0, 9), lambda values: np.array(values, dtype=np.uint8)),
    labels_of(st.floats(-3, 3, width=16), np.array),
    labels_of(st.booleans(), np.array),
    labels_of(short, np.array),
    labels_of(short, _objects),
    labels_of(days, lambda values: np.array(values, dtype="datetime64[D]")),
    labels_of(days, _objects),
)


@given(pairs)
def test_labels_are_found_where_they_were(pair: tuple[np.ndarray, np.ndarray]) -> None:
    old, new = pair
    mapping = map_labels(old, new)
    places = {label: i for i, label in enumerate(old.tolist())}
    assert mapping.source.tolist() == [places.get(label, -1) for label in new.tolist()]
    assert mapping.n_old == len(old)
    assert {new.tolist()[i] for i in mapping.added} == set(new.tolist()) - set(old.tolist())
    assert {old.tolist()[i] for i in mapping.dropped} == set(old.tolist()) - set(new.tolist())


@given(pairs, st.booleans())
def test_merged_labels_hold_all_and_keep_their_order(pair: tuple[np.ndarray, np.ndarray], ordered: bool) -> None:
    old, new = pair
    old = np.sort(old) if ordered else old
    merged = merge_labels(old, np.concatenate([new, new]))
    assert set(merged.tolist()) == set(old.tolist()) | set(new.tolist())
    assert len(merged) == len(set(merged.tolist()))
    if set(new.tolist()) <= set(old.tolist()):
        assert merged is old
    if (old[:-1] <= old[1:]).all():
        assert (merged[:-1] <= merged[1:]).all()
    else:
        assert merged[: len(old)].tolist() == old.tolist()
    assert len(map_labels(old, merged).dropped) == 0


@given(st.lists(short, min_size=1, max_size=8, unique=True), st.randoms())
def test_a_permutation_and_the_way_back(old: list[str], random: Any) -> None:
    new = random.sample(old, len(old))
    there, back = map_names(old, new), map_names(new, old)
    assert there.is_identity == (old == new)
    tensor = torch.arange(len(old))
    assert torch.equal(Remap(0, back, False).apply(Remap(0, there, False).apply(tensor)), tensor)


some = st.lists(st.integers(0, 9), max_size=8, unique=True)


@given(some, some)
def test_the_way_back_of_any_mapping(old: list[int], new: list[int]) -> None:
    labels = np.array(old, dtype=int), np.array(new, dtype=int)
    mapping, back = map_labels(*labels), map_labels(*reversed(labels))
    assert mapping.source.tolist() == [old.index(label) if label in old else -1 for label in new]
    assert mapping.n_old == len(old)
    assert np.array_equal(back.added, mapping.dropped)
    assert np.array_equal(back.dropped, mapping.added)


def test_dtypes_widen() -> None:
    wide = merge_labels(np.array(["abc", "b"]), np.array(["a longer", "b"]))
    assert wide.tolist() == ["a longer", "abc", "b"]
    assert map_labels(np.array(["abc", "b"]), wide).source.tolist() == [-1, 0, 1]
    assert merge_labels(np.array([1, 2]), np.array([1.5, 2.0])).tolist() == [1.0, 1.5, 2.0]
    assert map_labels(np.array([1, 2]), np.array([2.0, 1.5])).source.tolist() == [1, -1]
    assert merge_labels(np.array([1, 2], dtype=np.int8), np.array([300])).tolist() == [1, 2, 300]
    assert merge_labels(np.array([False, True]), np.array([0, 1])).tolist() == [False, True]
    dates = merge_labels(np.array(["2020-01-02"], "M8[D]"), np.array(["2020-01-01T12"], "M8[h]"))
    assert dates.tolist() == np.array(["2020-01-01T12", "2020-01-02T00"], "M8[h]").tolist()


def test_strings_are_strings_in_an_object_array_too() -> None:
    text, objects = np.array(["a", "c"]), _objects(["b", "c"])
    assert merge_labels(text, objects).tolist() == ["a", "b", "c"]
    assert merge_labels(text, objects).dtype.kind == "U"
    assert merge_labels(objects, text).tolist() == ["a", "b", "c"]
    assert merge_labels(objects, text).dtype == object
    assert merge_labels(objects, np.array(["c"])) is objects
    assert map_labels(objects, text).source.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.array([1, 2]), np.array(["a"])),
        (np.array(["a"]), np.array([1.5])),
        (np.array(["a"]), _objects([1, 2])),
        (_objects(["a"]), _objects([1, 2])),
        (np.array(["a"]), np.array([b"a"])),
        (np.array([1]), np.array(["2020"], "M8[Y]")),
        (_objects([datetime.date(2020, 1, 1)]), np.array([1])),
    ],
)
def test_labels_of_another_kind_are_refused(old: np.ndarray, new: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"labels of another kind than before: they were .* and are"):
        merge_labels(old, new)


def test_messages_show_labels_as_they_are() -> None:
    with pytest.raises(ValueError, match=r"they were <U1 \('a'\) and are int64 \(1, 2, 3, 4, \.\.\.\)"):
        merge_labels(np.array(["a"]), np.arange(1, 7))


def test_names_that_cannot_be_mapped() -> None:
    with pytest.raises(ValueError, match=r"none of the 2 old names \('a', 'b'\) is among the 1 new ones \('c'\)"):
        map_names(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="the name 'a' occurs more than once"):
        map_names(["a", "a"], ["a"])
    with pytest.raises(ValueError, match="maps targets by name, but the name 'b'"):
        map_names(["a"], ["a", "b", "b"], "targets")


def test_columns_go_by_name_or_stay() -> None:
    named, reordered = Schema(2, ("a", "b")), Schema(3, ("b", "c", "a"))
    mapping = map_columns(named, reordered)
    assert mapping is not None
    assert mapping.source.tolist() == [1, -1, 0]
    same = map_columns(named, Schema(2))
    assert same is not None
    assert same.is_identity
    assert map_columns(Schema(), named) is None
    with pytest.raises(
        ValueError, match=r"were 2 columns and are 3, and now they have no names. Pass a DataFrame"
    ):
        map_columns(named, Schema(3))
    with pytest.raises(ValueError, match="in the donor they have no names"):
        map_columns(Schema(2), reordered)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.data(),
    st.booleans(),
    st.sampled_from([torch.float64, torch.float16, torch.int64]),
)
def test_remap_moves_any_axis(shape: list[int], data: Any, fresh: bool, dtype: torch.dtype) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    source = data.draw(st.lists(st.integers(-1, shape[axis] - 1), min_size=1, max_size=6))
    old = torch.randint(1, 9, shape).to(dtype)
    sizes = [len(source) if i == axis else n for i, n in enumerate(shape)]
    drawn = torch.randint(10, 19, sizes).float()
    before = old.clone()
    moved = Remap(axis, Reindex(np.array(source), shape[axis]), fresh).apply(old, drawn)
    assert moved.dtype == dtype
    assert moved.shape == drawn.shape
    for i, place in enumerate(source):
        filling = drawn.to(dtype).select(axis, i) if fresh else torch.zeros_like(old.select(axis, 0))
        assert torch.equal(moved.select(axis, i), old.select(axis, place) if place >= 0 else filling)
    moved += 1
    assert torch.equal(old, before)


def test_align_fills_columns_with_zeros_and_classes_from_the_draw() -> None:
    old, new = NetState.from_module(nn.Linear(2, 2)), NetState.from_module(nn.Linear(3, 3).double())
    columns, classes = map_names(["a", "b"], ["b", "c", "a"]), map_labels(np.array([0, 2]), np.array([0, 1, 2]))
    row = Remap(0, classes, True)
    aligned = align(old, new, {"weight": [Remap(1, columns, False), row], "bias": [row]})
    kept = aligned["weight"][[0, 2]]
    assert torch.equal(kept[:, [2, 0]], old["weight"].double())
    assert not kept[:, 1].any()
    assert torch.equal(aligned["weight"][1], new["weight"][1])
    assert torch.equal(aligned["bias"], torch.stack([old["bias"][0], new["bias"][1], old["bias"][1]]))


def test_align_can_take_what_does_not_fit_from_the_draw() -> None:
    old = NetState.from_module(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)))
    new = NetState.from_module(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)))
    aligned = align(old, new, missing="fresh")
    assert torch.equal(aligned["0.weight"], old["0.weight"])
    assert torch.equal(aligned["1.weight"], new["1.weight"])
    aligned["1.weight"].zero_()
    assert new["1.weight"].any()
    with pytest.raises(ValueError, match=r"1.weight was \(1, 3\) and is \(2, 3\); 1.bias was .*schema='adapt'"):
        align(old, new)
