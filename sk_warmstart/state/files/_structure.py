"""Strict check of a checkpoint's description and tensors: what passes can be used."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np
import torch

from .._optimizer_state import EXACT_MOMENTS, needed_moments
from .._schema import PART_KINDS
from ..rows._row_sketch import RowSketch
from ._container import CheckpointError, Entry
from ._encoding import decode_labels

ID = re.compile(r"[0-9a-f]{16}\Z")
_MOST = 2**62  # of a count
_STATES = {"order": "streams/order", "forward": "streams/forward", "augment": "streams/augment"}
_LARGEST_RATE = 1e9

Read = Callable[[str], torch.Tensor]


def check_structure(meta: Mapping[str, Any], entries: Mapping[str, Entry], read: Read) -> None:
    """Raise a CheckpointError that names what is not as we write it; ``read`` returns a tensor by its name."""
    try:
        _Check(meta, entries, read).all()
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise _wrong(f"its description is not complete ({type(error).__name__}: {error})") from None


def is_id(value: object) -> TypeGuard[str]:
    """Tell whether a value is an id: 16 hexadecimal digits."""
    return isinstance(value, str) and ID.match(value) is not None


def _wrong(what: str) -> CheckpointError:
    return CheckpointError(f"it is no checkpoint that sk_warmstart wrote: {what}")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _wrong(what)


class _Check:
    """The checks of one file, part by part."""

    def __init__(self, meta: Mapping[str, Any], entries: Mapping[str, Entry], read: Read):
        self.meta, self.entries, self.read = meta, entries, read
        self.left = set(entries)

    def all(self) -> None:
        meta = self.meta
        _require(is_id(meta["id"]), f"its id {str(meta['id'])[:40]!r} is not 16 hexadecimal digits")
        _require(isinstance(meta["created"], str), "'created' is no time")
        datetime.datetime.fromisoformat(meta["created"])
        _require(_is_texts(meta["versions"]), "'versions' are no texts")
        _require(isinstance(meta["dtype"], str), "'dtype' is no text")
        self._lineage(meta["lineage"])
        self._schema(meta["schema"])
        self._module(meta["module"])
        self._state()
        self._optimizer(meta["optimizer"])
        self._scaler(meta["scaler"])
        self._memory(meta["memory"])
        self._features()
        self._streams()
        self._schedule(meta["schedule"])
        _require(not self.left, f"the tensor {next(iter(sorted(self.left)), '')[:80]!r} belongs to nothing")

    def _lineage(self, line: Mapping[str, Any]) -> None:
        names = {"generation", "parent", "policy", "params", "rows", "rows_seen", "epochs", "seed", "scores"}
        later = {"scoring", "scored_on"}  # not in older files
        _require(names <= set(line) <= names | later, "its lineage has other entries")
        texts = (line.get(name) for name in later)
        _require(all(text is None or isinstance(text, str) for text in texts), "its score has no name")
        for name in ("generation", "rows", "rows_seen", "epochs"):
            _require(_is_count(line[name]), f"{name!r} of its lineage is no count")
        _require(line["parent"] is None or is_id(line["parent"]), "the parent of its lineage is no id")
        _require(isinstance(line["policy"], str), "the policy of its lineage is no text")
        _require(_is_map(line["params"]), "the parameters of its policy are no mapping")
        _require(line["seed"] is None or _is_count(line["seed"]), "the seed of its lineage is no count")
        scores = line["scores"]
        # A score that is NaN is kept as its text.
        fine = _is_map(scores) and all(_is_number(v) or v in (None, "nan", "inf", "-inf") for v in scores.values())
        _require(fine, "the scores of its lineage are no numbers")

    def _module(self, module: Mapping[str, Any]) -> None:
        _require(_is_map(module), "'module' is no mapping")
        for name in ("class", "layers"):
            _require(isinstance(module.get(name, ""), str), f"{name!r} of the module is no text")
        _require(_is_map(module.get("params", {})), "the parameters of the module are no mapping")
        shape, width = module.get("shape", {}), self._width()
        fine = _is_map(shape) and set(shape) <= {"n_features", "n_outputs", "n_components"}
        fine = fine and all(_is_count(n, 1) for n in shape.values()) and shape.get("n_features", width) == width
        _require(fine, "the shape of the module is another")
        _require(module.get("target_ndim") in (None, 1, 2), "the targets have no number of dimensions")
        classifies = module.get("classifies")  # null where nothing is predicted
        _require(classifies is None or type(classifies) is bool, "'classifies' is not true or false")

    def _width(self) -> int | None:
        """The number of columns; also of the only part of a row, if it is a table."""
        schema = self.meta["schema"]
        parts = schema.get("parts")
        only = parts[0][2] if parts and len(parts) == 1 else []
        return only[0] if len(only) == 1 else schema["n_features"]

    def _state(self) -> None:
        tensors = self.meta["tensors"]
        names, parameters = tensors["names"], tensors["parameters"]
        _require(_is_texts(names), "the names of its tensors are no texts")
        _require(
            isinstance(parameters, list) and len(set(parameters)) == len(parameters), "'parameters' is no list"
        )
        _require(set(parameters) <= set(names), "a parameter is no tensor")
        firsts = list(dict.fromkeys(names.values()))
        _require(all(names.get(first) == first for first in firsts), "a tensor is tied to one that is not there")
        kind = type(self.meta["has_origin"])
        _require(kind is bool, "'has_origin' is not true or false")
        self.shapes: dict[str, tuple[int, ...]] = {}
        for first in firsts:
            dtype, shape = self._take(f"state/{first}")
            self.shapes[first] = shape
            if self.meta["has_origin"]:
                alike = self._take(f"origin/{first}") == (dtype, shape)
                _require(alike, f"the tensor {first!r} and its origin differ in shape or kind")
        self.names = names

    def _schema(self, schema: Mapping[str, Any]) -> None:
        names = {"n_features", "columns", "targets", "framed", "classes"}
        if self.meta["version"] >= 3:
            names |= {"parts", "named"}
            self._parts(schema)
        _require(set(schema) == names, "its schema is another")
        n_features, columns = schema["n_features"], schema["columns"]
        _require(n_features is None or _is_count(n_features, 1), "the number of columns is no count")
        for name in ("columns", "targets"):
            _require(schema[name] is None or _is_list_of_texts(schema[name]), f"{name!r} are no texts")
        _require(columns is None or len(columns) == n_features, "there are not as many names as columns")
        _require(type(schema["framed"]) is bool, "'framed' is not true or false")
        if schema["classes"] is not None:
            labels = decode_labels(schema["classes"])
            _require(labels is not None and labels.ndim == 1, "its labels are no list")
            values = [] if labels is None else labels.tolist()
            _require(len({repr(value) for value in values}) == len(values), "a label occurs twice")

    @staticmethod
    def _parts(schema: Mapping[str, Any]) -> None:
        parts = schema["parts"]
        _require(type(schema["named"]) is bool, "'named' is not true or false")
        if parts is None:
            return
        _require(isinstance(parts, list) and len(parts) >= 1, "the parts of a row are no list")
        for part in parts:
            _require(isinstance(part, list) and len(part) in (3, 4), "a part of a row is another")
            name, kind, shape, *columns = part
            _require(isinstance(name, str) and kind in PART_KINDS, "a part of a row has no name, or no kind")
            fine = isinstance(shape, list) and len(shape) < 64 and all(_is_count(n) for n in shape)
            _require(fine and math.prod(shape) <= _MOST, "a part of a row has no shape")
            for each in columns:
                fine = _is_list_of_texts(each) and shape == [len(each)]
                _require(fine, "there are not as many names as columns in a part of a row")
        _require(len({name for name, *_ in parts}) == len(parts), "two parts of a row have one name")
        fine = schema["n_features"] is None and schema["columns"] is None
        _require(fine, "rows have several parts, and columns")

    def _optimizer(self, optimizer: Mapping[str, Any] | None) -> None:
        if optimizer is None:
            return
        _require(set(optimizer) == {"kind", "moments", "groups"}, "the optimiser has other entries")
        _require(isinstance(optimizer["kind"], str), "the kind of the optimiser is no text")
        for name in ("moments", "groups"):
            _require(isinstance(optimizer[name], list), f"the {name} of the optimiser are no list")
        for group in optimizer["groups"]:
            _require(_is_map(group), "a group of the optimiser is no mapping")
            for key, value in group.items():
                _check_rate(key, value)
        needed = needed_moments(optimizer["kind"], optimizer["groups"])
        met: set[str] = set()
        for i, (name, entry) in enumerate(optimizer["moments"]):
            _require(
                name in self.names and name not in met, f"the moments of {str(name)[:80]!r} have no parameter"
            )
            met.add(name)
            shape = self.shapes[self.names[name]]
            lacking = sorted(needed - set(entry))
            _require(not lacking, f"the moments of {name[:80]!r} lack {lacking[:1]}")
            for key, (kind, value) in entry.items():
                self._moment(optimizer["kind"], name, key, kind, value, f"moments/{i}/{key}", shape)

    def _moment(
        self, optimizer: str, name: str, key: str, kind: str, value: Any, tensor: str, shape: tuple[int, ...]
    ) -> None:
        what = f"the optimiser's {key!r} of {name!r}"
        _require(kind in ("tensor", "json"), f"{what} is neither tensor nor number")
        if kind == "json":
            _require(key != "step" or _is_number(value), f"{what} is no number")
            return
        _require(value is None, f"{what} is a tensor and a value")
        dtype, its_shape = self._take(tensor)
        floats = dtype in ("F64", "F32", "F16", "BF16")
        if key == "step":
            step = self.read(tensor)
            fine = its_shape == () and (floats or dtype == "I64") and 0 <= float(step) < _MOST
            _require(fine, f"{what} is no count of steps")
        elif optimizer in EXACT_MOMENTS:
            _require(floats and its_shape == shape, f"{what} has the shape {its_shape}, the parameter {shape}")

    def _scaler(self, scaler: Mapping[str, Any] | None) -> None:
        if scaler is None:
            return
        _require(set(scaler) == {"count", "centred"}, "the standardisation has other entries")
        _require(_is_number(scaler["count"]) and scaler["count"] >= 0, "the weight of the rows is no number")
        _require(type(scaler["centred"]) is bool, "'centred' is not true or false")
        width = self.meta["schema"]["n_features"]
        for name in ("mean", "m2"):
            dtype, shape = self._take(f"scaler/{name}")
            array = self.read(f"scaler/{name}")
            fine = dtype == "F64" and shape == (width,) and bool(torch.isfinite(array).all())
            _require(
                fine and (name == "mean" or bool((array >= 0).all())), f"the {name} of its columns is unusable"
            )

    def _memory(self, memory: Mapping[str, Any]) -> None:
        columns = memory["columns"]
        _require(columns is None or _is_list_of_texts(columns), "the columns that identify a row are no texts")
        keys = memory.get("keys")
        if keys is None:  # as before rows had a key
            _require(set(memory) == {"own", "ancestors", "columns"}, "the memory of rows has other entries")
            parts = [("memory/", memory)]
        else:
            _require(set(memory) == {"keys", "sizes", "columns", "kept"}, "the memory of rows has other entries")
            _require(type(memory["kept"]) is bool, "'kept' is not true or false")
            fine = all(key is None or (isinstance(key, str) and re.match(r"[0-9a-f]{32}\Z", key)) for key in keys)
            _require(fine and len(set(keys)) == len(keys) >= 1, "the keys of the memory are no keys")
            _require(len(memory["sizes"]) == len(keys), "the memory of rows has no sizes")
            parts = [(f"memory/{i}/", sizes) for i, sizes in enumerate(memory["sizes"])]
        for prefix, sizes in parts:
            for which in ("own", "ancestors"):
                _require(_is_count(sizes[which], 1), "the size of the memory of rows is no count")
                dtype, _ = self._take(prefix + which)
                _require(dtype == "I64", "the memory of rows holds no ids")
                RowSketch.from_array(self.read(prefix + which).numpy().view(np.uint64), sizes[which])

    def _features(self) -> None:
        _require(type(self.meta["has_features"]) is bool, "'has_features' is not true or false")
        if not self.meta["has_features"]:
            return
        (_, edges), (_, bins) = self._take("features/edges"), self._take("features/bins")
        fine = len(edges) == len(bins) == 2 and edges[0] == bins[0] and (edges[1], bins[1]) == (9, 10)
        _require(fine, "the summary of its columns has another shape")
        counts = self.read("features/bins")
        _require(
            counts.dtype == torch.float64 and bool((counts >= 0).all()), "the summary of its columns has no counts"
        )
        _require(self.read("features/edges").dtype == torch.float64, "the summary of its columns has no deciles")
        if self.meta["version"] < 2:
            self.left -= {name for name in self.left if name.startswith("features/")}

    def _streams(self) -> None:
        for name in [name for name in self.left if name.startswith("streams/")]:
            dtype, shape = self._take(name)
            stream = name.removeprefix("streams/")
            _require(dtype == "U8" and len(shape) == 1, f"the state of the random numbers {stream!r} is unusable")
            if stream in _STATES:
                try:
                    torch.Generator().set_state(self.read(name))
                except RuntimeError:
                    raise _wrong(f"the state of the random numbers {stream!r} is unusable") from None
            else:
                number = stream.removeprefix("cuda")
                fine = stream.startswith("cuda") and number.isascii() and number.isdigit() and shape == (16,)
                _require(fine, f"the random numbers {stream[:40]!r} are none")

    def _schedule(self, schedule: Mapping[str, Any]) -> None:
        _require(
            _is_map(schedule) and all(_is_map(state) for state in schedule.values()), "a schedule is no mapping"
        )

    def _take(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Return kind and shape of a tensor that has to be there, and is accounted for by that."""
        _require(name in self.entries, f"the tensor {name[:80]!r} is missing")
        self.left.discard(name)
        dtype, shape, *_ = self.entries[name]
        return dtype, shape


def _check_rate(key: str, value: Any) -> None:
    """Refuse numbers of a group that no optimiser would take."""
    if key in ("lr", "initial_lr", "max_lr", "min_lr", "eps", "weight_decay"):
        _require(_is_number(value) and 0 <= value <= _LARGEST_RATE, f"the optimiser's {key!r} is no rate")
    elif key in ("momentum", "base_momentum", "max_momentum", "alpha", "dampening"):
        _require(_is_number(value) and 0 <= value <= 1, f"the optimiser's {key!r} is no share")
    elif key == "betas":
        fine = isinstance(value, list) and all(_is_number(each) and 0 <= each < 1 for each in value)
        _require(fine and len(value) >= 1, "the optimiser's 'betas' are no shares")


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _is_texts(value: Any) -> bool:
    return _is_map(value) and all(isinstance(each, str) for each in value.values())


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_count(value: Any, least: int = 0) -> bool:
    return type(value) is int and least <= value <= _MOST


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
