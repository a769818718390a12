"""First and last weight layer of a network: the one that reads the columns, the one that writes the outputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .._compat._torch import NormWithStatistics
from ._call import call_with, each_part
from ._generator import GLOBAL_GENERATOR
from ._outputs import first_output
from ._own_loss import learns_alone
from ._structure import own_tensors, tensor_name
from ._tracing import Call, hooked

_PER_COLUMN = (NormWithStatistics, nn.LayerNorm)


@dataclass(frozen=True)
class End:
    """One end of a network: the name of its linear layer, and where its tensors have an entry for each column.

    ``axes`` has, for each tensor with an entry for each column (or output), the axis of these entries; ``plain``
    says whether the layer reads the columns (or writes the outputs) themselves, with nothing in between.
    """

    layer: str
    axes: dict[str, int]
    plain: bool


def find_input(network: nn.Module, probe: Tensor) -> End:
    """Find the linear layer that reads the input columns, or the one that the attribute ``input_layer`` names.

    It is verified: with the columns of the layer and of the rows put into another order alike, the network
    computes the same. Entries of a normalisation before the layer belong to the columns too. Of a module that
    learns alone the embeddings are looked at: its loss knows the columns too.
    """
    calls, _ = _trace(network, probe)
    width = probe.shape[-1]
    named = _named(network, "input_layer")
    axes: dict[str, int] = {}
    for call in calls:
        if isinstance(call.layer, nn.Linear) and call.layer.in_features == width and named in (None, call.name):
            axes[tensor_name(call.name, "weight")] = 1
            break
        if isinstance(call.layer, _PER_COLUMN) and call.given.shape[-1] == width:
            axes.update(_per_entry(call, width))
    else:
        raise ValueError(_unknown("input_layer", "reads the columns", network, named))
    if not _commutes(network, probe, axes, of_inputs=True):
        raise ValueError(_unknown("input_layer", "alone reads the columns", network, named))
    return End(call.name, axes, plain=len(axes) == 1 and call.given.data_ptr() == probe.data_ptr())


def find_output(network: nn.Module, probe: Any, n_outputs: int) -> End:
    """Find the linear layer with a unit for each output, or the one that the attribute ``output_layer`` names.

    It is verified: with its units put into another order, the outputs are in that order.
    """
    calls, output = _trace(network, probe)
    named = _named(network, "output_layer")
    for call in reversed(calls):
        linear = isinstance(call.layer, nn.Linear) and call.layer.out_features == n_outputs
        if linear and named in (None, call.name):
            break
    else:
        raise ValueError(_unknown("output_layer", f"writes {n_outputs} outputs", network, named))
    axes = {tensor_name(call.name, name): 0 for name, _ in call.layer.named_parameters(recurse=False)}
    if output.shape[-1] != n_outputs or not _commutes(network, probe, axes, of_inputs=False):
        raise ValueError(_unknown("output_layer", "alone writes the outputs", network, named))
    return End(call.name, axes, plain=call.result.data_ptr() == output.data_ptr())


def _trace(network: nn.Module, probe: Any) -> tuple[list[Call], Tensor]:
    """Return the calls of the layers that hold tensors, in order, and the output."""
    calls: list[Call] = []
    layers = {name for name, layer in network.named_modules() if next(own_tensors(layer), None) is not None}
    # Buffers of its own: some modules count their calls.
    copies = {name: t.clone() for name, t in network.named_buffers() if not is_lazy(t)}
    with hooked(network, layers, after=calls.append), _evaluating(network):
        return calls, _output(network, copies, probe)


def _commutes(network: nn.Module, probe: Any, axes: dict[str, int], of_inputs: bool) -> bool:
    """Whether the network with permuted entries computes the same from permuted rows, or permuted outputs."""
    draws = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {
        # Weights that start at zero would make everything commute.
        name: (t.detach() + 0.1 * torch.randn(t.shape, generator=draws, dtype=torch.float64).to(t))
        if isinstance(t, nn.Parameter) and t.is_floating_point()
        else t.detach().clone()
        for name, t in [*network.named_parameters(), *network.named_buffers()]
    }
    rows = each_part(lambda part: _drawn_like(part, draws), probe)
    size = tensors[next(iter(axes))].shape[next(iter(axes.values()))]
    order = torch.randperm(size, generator=draws).to(tensors[next(iter(axes))].device)
    if size > 1 and bool((order == torch.arange(size, device=order.device)).all()):
        order = order.roll(1)
    permuted = {**tensors, **{name: tensors[name].index_select(axis, order) for name, axis in axes.items()}}
    with _evaluating(network):
        before = _output(network, tensors, rows)
    with _evaluating(network):
        after = _output(network, permuted, rows[..., order] if of_inputs else rows)
    expected = before if of_inputs else before[..., order]
    tolerance = {torch.float64: 1e-8, torch.float32: 1e-3}.get(before.dtype, 5e-2)
    spread = float(expected.double().abs().max()) + 1e-30
    return bool((after.double() - expected.double()).abs().max() <= tolerance * spread)


def _output(network: nn.Module, tensors: dict[str, Tensor], rows: Any) -> Tensor:
    if not learns_alone(network):
        return first_output(call_with(network, tensors, rows))
    inside = {f"network.{name}": tensor for name, tensor in tensors.items()}
    return call_with(_Embedding(network), inside, rows)


class _Embedding(nn.Module):
    """A module whose output is the embeddings of another."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, *rows: Any, **parts: Any) -> Tensor:
        return self.network.embed(*rows, **parts)  # type: ignore[operator]


def _drawn_like(rows: Tensor, draws: torch.Generator) -> Tensor:
    """Draw other rows; whole numbers, which may be looked up, stay."""
    if not rows.is_floating_point():
        return rows
    return torch.randn(rows.shape, generator=draws, dtype=torch.float64).to(rows)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        # A network that draws in evaluation too draws the same numbers each time, and uses up none.
        with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
    finally:
        for layer, training in modes:
            layer.training = training


def _per_entry(call: Call, width: int) -> dict[str, int]:
    return {tensor_name(call.name, name): 0 for name, t in own_tensors(call.layer) if t.shape == (width,)}


def _named(network: nn.Module, attribute: str) -> str | None:
    """The user's word; an attribute that is the layer itself is none."""
    named = getattr(network, attribute, None)
    return named if isinstance(named, str) else None


def _unknown(attribute: str, role: str, network: nn.Module, named: str | None) -> str:
    kind = type(network).__name__
    linear = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if named is not None:
        return f"{kind}.{attribute} = {named!r} is not the linear layer that {role}; it has {linear}"
    return (
        f"the layer of {kind} that {role} was not found, so its entries cannot follow the names: set "
        f"{attribute} on {kind} to the name of that linear layer (it has {linear}), or start cold"
    )
