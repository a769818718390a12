"""Hidden units of a network: the tensors that compute them, and the layers that read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ._call import call, call_with, each_part
from ._outputs import first_output
from ._structure import LINEAR_MAPS, NORM_LAYERS, LinearMap, own_tensors, tensor_name
from ._tracing import Call, hooked


@dataclass(frozen=True)
class HiddenLayer:
    """A layer whose units are read by nothing but known other layers.

    ``readers`` are the layers that read the units; ``per_unit`` names the tensors of normalisation layers in
    between that have an entry for each unit.
    """

    name: str
    layer: LinearMap
    readers: dict[str, LinearMap]
    per_unit: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of units."""
        return n_outputs(self.layer)

    def incoming(self, units: Tensor) -> dict[str, Tensor]:
        """Return masks of what computes some units: weights, bias, entries of normalisation layers."""
        masks = {tensor_name(self.name, "weight"): _reading_mask(self.layer, units)}
        if self.layer.bias is not None:
            masks[tensor_name(self.name, "bias")] = units
        return masks | dict.fromkeys(self.per_unit, units)

    def outgoing(self, units: Tensor) -> dict[str, Tensor]:
        """Return masks of the weights by which some units are read."""
        return {tensor_name(name, "weight"): _read_mask(layer, units) for name, layer in self.readers.items()}

    def activity(self, reader: str, given: Tensor) -> Tensor:
        """Return the sum over rows and places of the absolute activations of each unit, in double precision."""
        if isinstance(self.readers[reader], nn.Linear):
            # Flattened channels: all places of the first one, then all of the second.
            values = given.reshape(-1, self.width, given.shape[-1] // self.width).movedim(1, 0)
        else:
            values = given.movedim(1, 0)
        return values.reshape(self.width, -1).abs().cpu().double().sum(-1)


def hidden_layers(network: nn.Module, X: Any) -> list[HiddenLayer]:
    """Find the layers whose units may be replaced one by one, in the order of their calls.

    The network is a copy in evaluation mode with freshly drawn weights, which are changed here; X is a few rows.

    A layer qualifies if the next linear or convolutional layer called (and others that are given the same)
    reads its units and nothing else does. That is not guessed from shapes: with the weights that read some
    units at zero, the outputs must not depend on what computes these units. So a layer on whose units a skip
    connection builds, or which layer or group normalisation mixes, does not qualify; nor does one that is
    called several times, or that shares its weight. And the units must depend on their incoming weights only.
    """
    _shake(network)
    calls = _trace(network, X)
    counts = Counter(name for name, _ in calls)
    modules = dict(network.named_modules())
    shared = Counter(id(p) for _, p in network.named_parameters(remove_duplicate=False))
    maps = [i for i, (name, _) in enumerate(calls) if isinstance(modules[name], LINEAR_MAPS)]
    found = []
    for i, j in pairwise(maps):
        name, (_, units) = calls[i][0], calls[j]
        layer = modules[name]
        later = [calls[k] for k in maps if k >= j]
        readers = {other: modules[other] for other, given in later if _same(given, units)}
        between = tuple(
            tensor
            for other, _ in calls[i + 1 : j]
            if isinstance(modules[other], NORM_LAYERS)
            for tensor in _per_unit(other, modules[other], n_outputs(layer))
        )
        hidden = HiddenLayer(name, layer, readers, between)
        once = all(counts[part] == 1 for part in (name, *readers))
        unshared = all(shared[id(part.weight)] == 1 for part in (layer, *readers.values()))
        if once and unshared and _fits(hidden) and _is_separable(network, hidden, X):
            found.append(hidden)
    return found


def n_outputs(layer: nn.Module) -> int:
    """Return the number of units, or channels, of a linear or convolutional layer."""
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels  # type: ignore[return-value]


def _reading_mask(layer: LinearMap, units: Tensor) -> Tensor:
    """Mask of the weights that compute some of the layer's outputs."""
    shape = layer.weight.shape
    if isinstance(layer, nn.Linear) or not layer.transposed:
        return units.reshape(-1, *[1] * (len(shape) - 1)).expand(shape)
    return _grouped(units, layer.groups, shape)


def _read_mask(layer: LinearMap, units: Tensor) -> Tensor:
    """Mask of the weights by which the layer reads some of its inputs."""
    shape = layer.weight.shape
    if isinstance(layer, nn.Linear):
        return units.repeat_interleave(layer.in_features // len(units)).expand(shape)
    if layer.transposed:
        return units.reshape(-1, *[1] * (len(shape) - 1)).expand(shape)
    return _grouped(units, layer.groups, shape)


def _grouped(units: Tensor, groups: int, shape: torch.Size) -> Tensor:
    """The second axis of the weight counts channels inside a group, the first one goes through the groups."""
    in_group = units.reshape(groups, 1, shape[1], 1)
    return in_group.expand(groups, shape[0] // groups, shape[1], shape[2:].numel()).reshape(shape)


def _fits(hidden: HiddenLayer) -> bool:
    def fits(reader: LinearMap) -> bool:
        if isinstance(reader, nn.Linear):
            return reader.in_features % hidden.width == 0
        return reader.in_channels == hidden.width

    return all(fits(reader) for reader in hidden.readers.values())


def _shake(network: nn.Module) -> None:
    """Move every parameter a little: weights that begin at zero would make everything look separable."""
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.is_floating_point():
                noise = torch.randn(parameter.shape, generator=draws, dtype=torch.float64)
                parameter.add_(0.1 * noise.to(parameter))


def _trace(network: nn.Module, probe: Any) -> list[tuple[str, Tensor]]:
    """The layers that are called, with what they are given, in order."""
    calls: list[tuple[str, Tensor]] = []
    names = {name for name, layer in network.named_modules() if isinstance(layer, (*LINEAR_MAPS, *NORM_LAYERS))}
    with torch.no_grad(), hooked(network, names, after=lambda call: calls.append((call.name, call.given.clone()))):
        call(network, each_part(torch.clone, probe))
    return calls


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _per_unit(name: str, norm: nn.Module, width: int) -> list[str]:
    return [
        tensor_name(name, key) for key, t in own_tensors(norm) if t.shape == (width,) and t.is_floating_point()
    ]


def _is_separable(network: nn.Module, hidden: HiddenLayer, probe: Any) -> bool:
    draws = torch.Generator().manual_seed(1)
    weight = hidden.layer.weight
    # Half of the units: the others show whether their neighbours change with them.
    some = torch.zeros(hidden.width, dtype=torch.bool)
    some[torch.randperm(hidden.width, generator=draws)[: (hidden.width + 1) // 2]] = True
    some = some.to(weight.device)
    incoming, outgoing = hidden.incoming(some), hidden.outgoing(some)
    own = {name: t.detach() for name, t in [*network.named_parameters(), *network.named_buffers()]}

    def output(**changes: dict[str, Tensor]) -> Tensor:
        tensors = {name: t.clone() for name, t in own.items()}
        for change in changes.values():
            tensors.update(change)
        with torch.no_grad():
            return first_output(call_with(network, tensors, each_part(torch.clone, probe))).double()

    def drawn(name: str) -> Tensor:
        # Variances stay positive.
        return own[name].abs() + 0.1 + torch.rand(own[name].shape, generator=draws, dtype=torch.float64).to(weight)

    unread = {name: own[name].masked_fill(mask, 0) for name, mask in outgoing.items()}
    moved = {name: torch.where(mask, drawn(name), own[name]) for name, mask in incoming.items()}
    before, after = output(), output(moved=moved)
    still, unmoved = output(unread=unread), output(unread=unread, moved=moved)
    tolerance = 1e-4 if weight.dtype in (torch.float32, torch.float64) else 5e-2
    limit = float(torch.stack([before, after, still]).abs().max()) * tolerance
    if float((before - after).abs().max()) <= limit or float((still - unmoved).abs().max()) > limit:
        return False

    # Without their incoming weights the units are the same for every row, unless something else adds to them.
    read: list[Tensor] = []
    reader = next(iter(hidden.readers))
    numb = tensor_name(hidden.name, "weight")

    def note(call: Call) -> None:
        read.append(hidden.activity(reader, call.given - call.given[:1])[some.cpu()])

    with hooked(network, {reader}, after=note):
        output(numb={numb: own[numb].masked_fill(incoming[numb], 0)})
    return float(read[0].max()) <= tolerance
