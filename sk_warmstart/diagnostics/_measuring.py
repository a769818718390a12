"""Loss and gradient of a network on rows, measured without a trace in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .._parameters import check_integer
from ..modules import GLOBAL_GENERATOR, call_with, each_part, first_output, n_rows, parts_of, some_rows

Loss = Callable[[Any, Tensor], Tensor]
# One tensor or array, or a dictionary or tuple of them.
Rows = Any


@contextmanager
def untouched(network: nn.Module, X: Any) -> Iterator[None]:
    """Evaluation mode; afterwards modes, buffers and torch's random numbers are as they were."""
    if any(is_lazy(tensor) for tensor in [*network.parameters(), *network.buffers()]):
        raise ValueError("network has lazy parameters: call it on some rows once, then measure it")
    modes = [(layer, layer.training) for layer in network.modules()]
    buffers = [
        (layer, name, buffer, buffer.detach().clone())
        for layer in network.modules()
        for name, buffer in layer._buffers.items()
        if buffer is not None
    ]
    devices = [part.device for part in islice(parts_of(X), 1) if part.device.type == "cuda"]
    with GLOBAL_GENERATOR, torch.random.fork_rng(devices=devices):
        try:
            network.eval()
            yield
        finally:
            for layer, training in modes:
                layer.training = training
            for layer, name, buffer, value in buffers:  # some modules count their calls
                layer._buffers[name] = buffer
                if not torch.equal(buffer, value):
                    with torch.no_grad():
                        buffer.copy_(value)


def as_rows(network: nn.Module, X: Rows) -> Any:
    """Rows as the network takes them; arrays get its dtype and device, tensors stay as they are."""
    if isinstance(X, Mapping | tuple):
        rows = each_part(lambda part: as_rows(network, part), X)
        if len({len(part) for part in parts_of(rows)}) != 1:
            raise ValueError(f"X must have parts of one length, got {[len(part) for part in parts_of(rows)]}")
        return rows
    rows = X if isinstance(X, Tensor) else _of_array(network, X, "X")
    if rows.ndim == 0 or not len(rows):
        raise ValueError(f"X must hold at least one row, got shape {tuple(rows.shape)}")
    if rows.is_floating_point() and not bool(rows.isfinite().all()):
        raise ValueError("X contains NaN or infinity: impute or drop these rows first")
    return rows.detach()


def as_rows_and_targets(network: nn.Module, X: Rows, y: Rows) -> tuple[Any, Tensor]:
    """Rows and their targets, one each."""
    rows = as_rows(network, X)
    targets = (y if isinstance(y, Tensor) else _of_array(network, y, "y")).detach()
    if targets.ndim == 0 or len(targets) != n_rows(rows):
        raise ValueError(f"y must have one entry per row of X ({n_rows(rows)}), got shape {tuple(targets.shape)}")
    if targets.is_floating_point() and not bool(targets.isfinite().all()):
        raise ValueError("y contains NaN or infinity: drop the rows without a target")
    return rows, targets


def own_tensors(network: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters, and copies of the buffers, each tied tensor once."""
    parameters = {name: tensor.detach() for name, tensor in network.named_parameters()}
    return parameters, {name: tensor.detach().clone() for name, tensor in network.named_buffers()}


def loss_parts(
    network: nn.Module, tensors: Mapping[str, Tensor], loss: Loss, X: Any, y: Tensor, batch_size: int | None
) -> Iterator[Tensor]:
    """Shares of the mean loss over all rows, a batch each, of the network with these tensors."""
    size = check_integer("batch_size", batch_size, optional=True) or len(y)
    for first in range(0, len(y), size):
        part = slice(first, first + size)
        output = call_with(network, tensors, some_rows(X, part))
        value = loss(first_output(output), y[part])
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError("loss must return the mean over the rows as one number: use reduction='mean'")
        yield value.reshape(()) * (len(y[part]) / len(y))


def mean_loss(
    network: nn.Module, tensors: Mapping[str, Tensor], loss: Loss, X: Any, y: Tensor, batch_size: int | None
) -> float:
    """Mean loss over all rows of the network with these tensors."""
    with torch.no_grad():
        return sum(float(part) for part in loss_parts(network, tensors, loss, X, y, batch_size))


def mean_gradient(
    network: nn.Module, loss: Loss, X: Any, y: Tensor, batch_size: int | None
) -> tuple[float, dict[str, Tensor]]:
    """Mean loss, and its gradient by the parameters that are trained, in their dtype."""
    parameters, buffers = own_tensors(network)
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    if not names:
        raise ValueError("network has no parameter with requires_grad, so there is no gradient to measure")
    # Leaves of our own: the network's .grad is not touched.
    leaves = {name: parameters[name].clone().requires_grad_() for name in names}
    gradient = {name: torch.zeros_like(leaf) for name, leaf in parameters.items() if name in leaves}
    total = 0.0
    with torch.enable_grad():
        for part in loss_parts(network, {**parameters, **leaves, **buffers}, loss, X, y, batch_size):
            found = torch.autograd.grad(part, list(leaves.values()), allow_unused=True)
            for name, new in zip(names, found, strict=True):
                if new is not None:
                    gradient[name] += new
            total += float(part.detach())
    return total, gradient


def norm(tensors: Mapping[str, Tensor]) -> float:
    """Euclidean norm of all entries together, summed in double precision."""
    return sum(float(tensor.double().square().sum()) for tensor in tensors.values()) ** 0.5


def _of_array(network: nn.Module, values: Rows, name: str) -> Tensor:
    """Return an array of numbers as a tensor on the network's device; decimals in its dtype."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}")
    like = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(()))
    # A copy: torch warns of arrays that it must not write to.
    if array.dtype.kind == "f":
        return torch.tensor(array, dtype=like.dtype, device=like.device)
    return torch.tensor(array, device=like.device)
