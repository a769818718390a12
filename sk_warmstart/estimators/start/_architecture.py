"""Shape, dtype and identity of the network that a net builds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from torch import nn

from ...modules import MLP
from ...state import Donor
from ...state.files._encoding import as_json
from ...training import uses_autocast
from .._protocol import WarmStartNet
from ..input._parts import RowParts, arrays_of, width_of
from ..input._table import DTYPES, Table
from ..input._targets import targets_of

_ACTIVATIONS = frozenset(nn.modules.activation.__all__) - {"MultiheadAttention"}

_BUILT = ("module", "optimizer", "optimizer__param_groups")


def architecture_of(net: WarmStartNet) -> dict[str, Any]:
    """Return the parameters that say what is built once: ``module``, all ``module__*``, and the optimiser."""
    return {name: value for name, value in vars(net).items() if name in _BUILT or name.startswith("module__")}


def check_same_architecture(net: WarmStartNet, built: Mapping[str, Any]) -> None:
    """Refuse to train a network further that is not the one that the parameters say."""
    now = architecture_of(net)
    changed = [
        name
        for name, value in now.items()
        # A file, or a net of an earlier version, does not tell of the optimiser.
        if (name in built or name.startswith("module")) and not _same(value, built.get(name))
    ]
    if net.dtype != "auto" and DTYPES[net.dtype] is not net._torch_dtype():
        changed.append("dtype")
    if changed:
        raise ValueError(
            f"{', '.join(changed)} changed since the network was built, and partial_fit goes on with that "
            "network and its optimizer. Call fit (with warm_start=True it starts from what was learned), or set "
            "it back"
        )
    known = {name for group in net.optimizer_.param_groups for name in group if name != "params"}
    for name in net.get_params_for("optimizer"):
        if name not in known and not name.startswith("param_groups"):
            raise ValueError(
                f"optimizer__{name} is no parameter of the optimizer {type(net.optimizer_).__name__}, which has "
                f"{', '.join(sorted(known))}"
            )


def head_to_draw(net: WarmStartNet, donor: Donor, shape: Mapping[str, int]) -> int | None:
    """Return how many outputs to draw anew for a donor of another task, which ``schema="strict"`` refuses."""
    classifies = _classifies(donor)
    other_task = classifies is not None and classifies != is_classifier(net)
    if net.schema == "adapt":
        return shape.get("n_outputs") if other_task else None
    if other_task:
        theirs, ours = ("labels", "numbers") if classifies else ("numbers", "labels")
        raise ValueError(
            f"the donor predicts {theirs}, and a {type(net).__name__} {ours}: its outputs mean something else. "
            "schema='adapt' keeps the layers before them and draws the outputs anew"
        )
    return None


def check_same_function(net: WarmStartNet, donor: Donor, network: nn.Module) -> None:
    """Refuse weights of a network with other activations, as far as the donor's description tells them."""
    description = donor.description
    layers, params = description.get("layers"), description.get("params")
    if not isinstance(layers, str) or not isinstance(params, Mapping):
        return
    given = {name: as_json(value) for name, value in net.get_params_for("module").items()}
    if isinstance(net.module, type) and given == params and description.get("class") == _name_of(net.module):
        return
    changed = [
        name
        for name, value in _with_defaults(net, net.get_params_for("module")).items()
        if as_json(value) != _with_defaults(net, params).get(name, as_json(value))
    ]
    were, are = _activations(layers), _activations(str(network))
    named = [name for name in changed if "activation" in name or "nonlinearity" in name]
    if were == are and not named:
        return
    what = (
        "; ".join(
            f"module__{name} was {_with_defaults(net, params)[name]!r} and is "
            f"{_with_defaults(net, net.get_params_for('module'))[name]!r}"
            for name in named or changed
        )
        or f"they were {', '.join(were) or 'none'} and are {', '.join(are) or 'none'}"
    )
    raise ValueError(
        f"the network has other activations than the donor's, with which its weights mean something else: {what}. "
        "Set them back, start cold (init_policy='cold'), or take the weights nonetheless with schema='adapt'"
    )


def take_module_params(net: WarmStartNet, donor: Donor) -> None:
    """Set the parameters of the module that the donor's had and the net's has not, where it is the same module.

    A file may say anything: of a module that is not this library's it gives numbers, and no text.
    """
    factory, description = net.module, donor.description
    params = description.get("params")
    if not isinstance(factory, type) or not isinstance(params, Mapping):
        return
    if description.get("class") != _name_of(factory):
        return
    accepted = _with_defaults(net, {})
    taken = {
        f"module__{name}": value
        for name, value in params.items()
        if name in accepted and f"module__{name}" not in vars(net) and _is_plain(value, factory is MLP)
    }
    if factory is MLP:
        _check_claimed(taken.get("module__hidden_layer_sizes"), donor)
    if taken:
        net.set_params(**taken)


def _check_claimed(sizes: Any, donor: Donor) -> None:
    """Refuse widths of layers that are not those of the donor's tensors, before a network is made of them."""
    claimed = sizes if isinstance(sizes, list | tuple) else [] if sizes is None else [sizes]
    held = {len(tensor) for tensor in donor.state.values() if tensor.ndim}
    wrong = [size for size in claimed if type(size) is int and size not in held]
    if wrong or len(claimed) > len(donor.state):
        shown = wrong[0] if wrong else f"{len(claimed)} layers"
        raise ValueError(
            f"the donor is said to have hidden_layer_sizes with {shown}, and none of its tensors has: set "
            "module__hidden_layer_sizes to those of the network that was saved"
        )


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_plain(value: Any, text: bool) -> bool:
    if isinstance(value, list):
        return all(_is_plain(each, text) for each in value)
    return value is None or isinstance(value, (bool, int, float, str) if text else (bool, int, float))


def _classifies(donor: Donor) -> bool | None:
    classifies = donor.description.get("classifies")
    if isinstance(classifies, bool):
        return classifies
    return True if donor.schema.classes is not None else None


def _with_defaults(net: WarmStartNet, params: Mapping[str, Any]) -> dict[str, Any]:
    factory = type(net.module) if isinstance(net.module, nn.Module) else net.module
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return dict(params)
    defaults = {p.name: as_json(p.default) for p in parameters if p.default is not p.empty}
    return {**defaults, **params}


def _activations(layers: str) -> list[str]:
    """The kinds of activations in a module's ``repr``, in order."""
    return [kind for kind in re.findall(r"\): (\w+)\(", layers) if kind in _ACTIVATIONS]


def choose_dtype(net: WarmStartNet, donor: Donor | None, table: Table) -> str | None:
    """Return the network's dtype: the parameter; else the donor's, so that a start predicts as before; else X's.

    None leaves the module's own.
    """
    if net.dtype != "auto":
        return str(net.dtype)
    if donor is not None and not uses_autocast(net):
        return dtype_of(donor)
    if torch.device(net.device or "cpu").type != "cpu" or uses_autocast(net):
        return "float32"
    floats = {array.dtype for array in arrays_of(table.X) if array.dtype.kind == "f"} if table.is_array else set()
    return "float64" if floats == {np.dtype(np.float64)} else "float32"


def dtype_of(donor: Donor) -> str | None:
    """Return the dtype of a donor's tensors; None for one that is no parameter's value."""
    floats = [tensor.dtype for tensor in donor.state.values() if tensor.is_floating_point()]
    return next((name for name, dtype in DTYPES.items() if dtype in floats), None)


def shape_from(net: WarmStartNet, table: Table) -> dict[str, int]:
    """Return ``n_features`` and ``n_outputs``, as far as the validated data tell them."""
    shape = {"n_outputs": targets_of(net).n_outputs(net, table.target if table.first is None else table.first)}
    if table.is_array:
        shape["n_features"] = width_of(table.X) if isinstance(table.X, RowParts) else net.n_features_in_
    return {name: int(size) for name, size in shape.items() if size is not None}


def donated_shape(donor: Donor) -> dict[str, int]:
    """Return ``n_features`` and ``n_outputs`` of a donor's network; of an older file as far as it tells them."""
    kept = donor.description.get("shape")
    if kept is not None:
        return {name: int(size) for name, size in kept.items()}
    schema, state = donor.schema, donor.state
    labels = schema.classes if schema.classes is not None else schema.targets
    widths = [state[name].shape[0] for name in state if state.is_parameter(name) and state[name].ndim]
    sizes = {"n_features": schema.n_features, "n_outputs": widths[-1] if labels is None else len(labels)}
    return {name: int(size) for name, size in sizes.items() if size is not None}


def donated_target_ndim(donor: Donor, shape: Mapping[str, int]) -> int:
    """Return how many dimensions the donor's targets had; an older file tells it only where they had names."""
    kept = donor.description.get("target_ndim")
    if kept is not None:
        return int(kept)
    return 1 if donor.schema.targets is None and shape.get("n_outputs") == 1 else 2


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False
