"""Parts of the rows in a checkpoint: kept exactly, and checked strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.state import Checkpoint, CheckpointError, Donor, NetState, PartSchema, Schema
from sk_warmstart.state.files._container import pack, unpack, write_file
from sk_warmstart.state.files._description import describe

STATE = NetState.from_module(nn.Linear(2, 1))
PARTS = (
    PartSchema("input_ids", "integer", (16,)),
    PartSchema("image", "bytes", (3, 8, 8)),
    PartSchema("table", "float", (2,), ("a", "b")),
)

kinds = st.sampled_from(["float", "integer", "bool", "bytes"])
shapes = st.lists(st.integers(0, 9), max_size=3).map(tuple)
names = st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True)


@given(names, st.data(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_parts_come_back(found: list[str], data: Any, named: bool) -> None:
    parts = tuple(PartSchema(name, data.draw(kinds), data.draw(shapes)) for name in found)
    donor = Donor(STATE, Schema(parts=parts, named=named))
    named_parts = tuple(replace(p, columns=tuple("abcdefghi"[: p.shape[0]])) for p in parts if len(p.shape) == 1)
    if named_parts and all(p.shape[0] for p in named_parts):
        with_names = Donor(STATE, Schema(parts=named_parts, named=named))
        assert Checkpoint.from_donor(with_names).donor().schema.parts == named_parts
        assert with_names.id != Donor(STATE, Schema(parts=tuple(replace(p, columns=None) for p in named_parts))).id
    kept = Checkpoint.from_donor(donor).donor()
    assert (kept.schema.parts, kept.schema.named) == (parts, named)
    assert kept.id == donor.id != Donor(STATE, Schema()).id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": []}, "no list"),
        ({"parts": "text"}, "no list"),
        ({"parts": [["a", "float"]]}, "is another"),
        ({"parts": [["a", "complex", [2]]]}, "no name, or no kind"),
        ({"parts": [[3, "float", [2]]]}, "no name, or no kind"),
        ({"parts": [["a", "float", [-1]]]}, "no shape"),
        ({"parts": [["a", "float", [2**40, 2**40]]]}, "no shape"),
        ({"parts": [["a", "float", [2]], ["a", "bool", [2]]]}, "two parts of a row have one name"),
        ({"parts": [["a", "float", [2], ["x"]]]}, "not as many names as columns in a part"),
        ({"parts": [["a", "float", [2], [1, 2]]]}, "not as many names as columns in a part"),
        ({"named": 1}, "'named' is not true or false"),
        ({"n_features": 4}, "several parts, and columns"),
    ],
)
def test_unsuited_parts_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    meta, tensors = describe(Donor(STATE, Schema(parts=PARTS)), True)
    meta["schema"].update(change)
    write_file(tmp_path / "file", pack(tensors, meta))
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.load(tmp_path / "file")


def test_an_older_format_has_no_parts(tmp_path: Path) -> None:
    checkpoint = Checkpoint.from_donor(Donor(STATE, Schema(parts=PARTS)))
    assert unpack(checkpoint._raw)[0]["version"] == 3
    path = Path(__file__).parents[1] / "data" / "checkpoint_v2.safetensors"
    assert Checkpoint.load(path).donor().schema.parts is None
