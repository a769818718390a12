"""Conditions under which a network, a loss and targets have a closed form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...modules import MLP
from ..rows._batches import TensorBatches
from ..rows._parts import Parts
from ..updates._flat_update import KINDS, MOMENTS

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "logistic",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.LeakyReLU: "leaky_relu",
    nn.Identity: "identity",
}


def why_no_closed_form(module: nn.Module, criterion: Any, batches: TensorBatches) -> str | None:
    """Say why a network's gradient on these batches has no closed form; None if it has one."""
    if type(module) is not MLP:
        return "the module is not this library's MLP"
    shape, loss, rows = shape_of(module), loss_name(criterion), batches.dataset
    if isinstance(rows.X, Parts):
        return "the rows have several parts"
    if shape is None:
        return "the MLP has layers without a closed form (a norm, an exchanged layer or activation)"
    if loss is None:
        return "the criterion is not CrossEntropyLoss or MSELoss with default options"
    sizes, _, dropout = shape
    first = next(module.parameters())
    if dropout and first.device.type != "cpu":
        return "an accelerator draws the masks of dropout in another way"
    if rows.X.dtype != first.dtype or rows.device != first.device or tuple(rows.X.shape[1:]) != (sizes[0],):
        return "dtype, device or shape of X are not those of the module"
    if not are_targets(rows.y, loss, sizes[-1], first.dtype):
        return "the targets are not codes of classes, or numbers, of the module's outputs"
    return None


def has_uniform_state(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether the optimiser remembers as much of each parameter, and has taken as many steps with it."""
    states = [optimizer.state.get(parameter) for parameter in optimizer.param_groups[0]["params"]]
    if not any(states):
        return True
    if not all(states) or len({float(state.get("step", 0)) for state in states if state}) != 1:
        return False
    names = MOMENTS[KINDS[type(optimizer)]]
    return all(isinstance(state.get(name), Tensor) for state in states if state for name in names)


def shape_of(module: Any) -> tuple[list[int], str, float] | None:
    """Return sizes, activation and dropout of an MLP; None if a layer was exchanged or has no closed form."""
    hidden = list(module.hidden)
    block = 3 if any(type(layer) is nn.Dropout for layer in hidden) else 2
    linear = [*hidden[::block], module.output]
    activations = {_name_of(layer) for layer in hidden[1::block]} or {"identity"}
    dropouts: set[Any] = {getattr(layer, "p", 0.0) for layer in hidden[2::3]} if block == 3 else {0.0}
    if len(hidden) % block or any(type(layer) is not nn.Linear or layer.bias is None for layer in linear):
        return None
    if block == 3 and any(type(layer) is not nn.Dropout for layer in hidden[2::3]):
        return None
    if len(activations) > 1 or len(dropouts) > 1 or None in activations:
        return None
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    return sizes, str(activations.pop()), float(dropouts.pop())


def loss_name(criterion: Any) -> str | None:
    """Return the name that ``ClosedFormNet`` has for a criterion; None if it has none."""
    if getattr(criterion, "reduction", None) != "mean":
        return None
    if type(criterion) is nn.MSELoss:
        return "squared_error"
    default = type(criterion) is nn.CrossEntropyLoss and criterion.weight is None and criterion.ignore_index < 0
    return "cross_entropy" if default and not criterion.label_smoothing else None


def are_targets(y: Tensor | None, loss: str, n_outputs: int, dtype: torch.dtype) -> bool:
    """Tell whether targets are such as the closed form of this loss takes."""
    if y is None:
        return False
    if loss == "squared_error":
        return y.dtype == dtype and y.numel() == len(y) * n_outputs
    return y.dtype == torch.int64 and y.ndim == 1 and bool(((y >= 0) & (y < n_outputs)).all())


def _name_of(layer: nn.Module) -> str | None:
    """The closed form's name of an activation with torch's default arguments."""
    arguments = (getattr(layer, "approximate", "none"), getattr(layer, "negative_slope", 0.01))
    return _ACTIVATIONS.get(type(layer)) if arguments == ("none", 0.01) else None
