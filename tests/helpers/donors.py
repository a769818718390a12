"""Equality of all that a donor holds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sk_warmstart.state import Donor, NetState
from sk_warmstart.state.files._encoding import as_json


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        same_kind = isinstance(other, Tensor) and one.dtype == other.dtype and one.shape == other.shape
        return same_kind and torch.equal(one.flatten().view(torch.uint8), other.flatten().view(torch.uint8))
    return type(one) is type(other) and one == other


def assert_same_state(one: NetState | None, other: NetState | None) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert list(one) == list(other)
        assert list(one.unique()) == list(other.unique())
        assert all(equal(one[name], other[name]) for name in one)
        assert [one.is_parameter(name) for name in one] == [other.is_parameter(name) for name in one]


def assert_same(one: Donor, other: Donor) -> None:
    assert one.id == other.id
    assert_same_state(one.state, other.state)
    assert_same_state(one.origin, other.origin)
    a, b = one.schema, other.schema
    assert (a.n_features, a.columns, a.targets, a.framed) == (b.n_features, b.columns, b.targets, b.framed)
    assert (a.classes is None) == (b.classes is None)
    if a.classes is not None and b.classes is not None:
        assert a.classes.dtype == b.classes.dtype
        assert a.classes.tolist() == b.classes.tolist()
    assert (one.optimizer is None) == (other.optimizer is None)
    if one.optimizer is not None and other.optimizer is not None:
        assert one.optimizer.kind == other.optimizer.kind
        assert one.optimizer.groups == other.optimizer.groups
        assert list(one.optimizer.moments) == list(other.optimizer.moments)
        for name, entry in one.optimizer.moments.items():
            same = other.optimizer.moments[name]
            assert list(entry) == list(same)
            assert all(equal(value, same[key]) for key, value in entry.items())
    assert (one.scaler is None) == (other.scaler is None)
    if one.scaler is not None and other.scaler is not None:
        assert (one.scaler.count, one.scaler.centred) == (other.scaler.count, other.scaler.centred)
        assert one.scaler.mean.tobytes() == other.scaler.mean.tobytes()
        assert one.scaler.m2.tobytes() == other.scaler.m2.tobytes()
    assert as_json(vars(one.lineage)) == as_json(vars(other.lineage))
    assert (one.memory.own, one.memory.ancestors) == (other.memory.own, other.memory.ancestors)
    assert one.memory.columns == other.memory.columns
    assert one.features == other.features
    assert one.streams.keys() == other.streams.keys()
    assert all(equal(stream, other.streams[name]) for name, stream in one.streams.items())
    assert as_json(one.schedule) == as_json(other.schedule)
    assert as_json(one.description) == as_json(other.description)
