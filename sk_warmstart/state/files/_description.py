"""Description and tensors of a donor, as a file holds them."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import sklearn
import torch
from torch import Tensor

from .._donor import Donor
from .._schema import PartSchema
from ._encoding import as_json, encode_labels, is_json


def describe(donor: Donor, keeps_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the JSON and the tensors of a file; a TypeError says what cannot be stored without pickle."""
    state, schema, optimizer, memory = donor.state, donor.schema, donor.optimizer, donor.memory
    first_names = {id(tensor): name for name, tensor in reversed(list(state.items()))}
    tensors = {f"state/{name}": tensor for name, tensor in state.unique().items()}
    if donor.origin is not None:
        tensors.update({f"origin/{name}": donor.origin[name] for name in state.unique()})
    moments: list[tuple[str, dict[str, Any]]] = []
    storable = optimizer is not None and all(
        isinstance(value, Tensor) or is_json(value) for e in optimizer.moments.values() for value in e.values()
    )
    if optimizer is not None and storable:
        for i, (name, entry) in enumerate(optimizer.moments.items()):
            tensors.update({f"moments/{i}/{key}": v for key, v in entry.items() if isinstance(v, Tensor)})
            entries = {k: ("tensor", None) if isinstance(v, Tensor) else ("json", v) for k, v in entry.items()}
            moments.append((name, entries))
    scaler = donor.scaler
    if scaler is not None:
        tensors.update({"scaler/mean": torch.tensor(scaler.mean), "scaler/m2": torch.tensor(scaler.m2)})
    parts = list(memory.parts)
    for i, part in enumerate(parts):
        for which in ("own", "ancestors"):
            ids = getattr(part, which).to_array()
            tensors[f"memory/{i}/{which}"] = torch.from_numpy(ids.view(np.int64).copy())
    if donor.features is not None:
        tensors.update({f"features/{n}": torch.tensor(getattr(donor.features, n)) for n in ("edges", "bins")})
    tensors.update({f"streams/{name}": tensor for name, tensor in donor.streams.items()})
    floats = [tensor.dtype for tensor in state.values() if tensor.is_floating_point()]
    meta = {
        "id": donor.id,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "versions": _versions(),
        "dtype": str(floats[0]).removeprefix("torch.") if floats else "none",
        "module": as_json(donor.description),
        "lineage": as_json(asdict(donor.lineage)),
        "schema": {
            "n_features": schema.n_features,
            "columns": schema.columns,
            "targets": schema.targets,
            "framed": schema.framed,
            "classes": encode_labels(schema.classes),
            "parts": None if schema.parts is None else list(map(_part, schema.parts)),
            "named": schema.named,
        },
        "tensors": {
            "names": {name: first_names[id(tensor)] for name, tensor in state.items()},
            "parameters": [name for name in state if state.is_parameter(name)],
        },
        "has_origin": donor.origin is not None,
        "has_features": donor.features is not None,
        "optimizer": None
        if optimizer is None or not storable
        else {
            "kind": optimizer.kind,
            "moments": moments,
            "groups": [_numbers(group) for group in optimizer.groups],
        },
        "scaler": None if scaler is None else {"count": scaler.count, "centred": scaler.centred},
        "memory": {
            "keys": [None if part.key is None else part.key.hex() for part in parts],
            "sizes": [{"own": part.own.size, "ancestors": part.ancestors.size} for part in parts],
            "columns": memory.columns,
            "kept": keeps_rows,
        },
        "schedule": donor.schedule,
    }
    return meta, tensors


def _part(part: PartSchema) -> list[Any]:
    named = [] if part.columns is None else [list(part.columns)]
    return [part.name, part.kind, list(part.shape), *named]


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {
        key: value.item() if isinstance(value, Tensor) and not value.ndim else value
        for key, value in group.items()
    }
    return {key: value for key, value in numbers.items() if is_json(value)}


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
