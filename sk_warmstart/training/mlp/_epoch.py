"""Epochs of the default network trained by its closed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._augment import Augmentation
from ..graphs._chunk_graphs import LONGEST, ChunkGraphs
from ..graphs._cuda_graph import recorder_for
from ..rows._batches import Rows, TensorBatches
from ..updates._direct_update import note_steps
from ..updates._flat_update import KINDS, FlatUpdate
from ._closed_form import ClosedFormNet
from ._shape import loss_name, shape_of

# Rows are gathered piece by piece: fewer calls than one a batch, and no copy of the whole table.
_CHUNK_NUMBERS = 2**18


def closed_form_epochs(
    module: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, batches: TensorBatches
) -> ClosedFormEpochs:
    """Return what trains a network that the route found to have a closed form; it is kept for the next epoch."""
    kept: ClosedFormEpochs | None = batches.trainer
    if kept is None or kept.module is not module or kept.criterion is not criterion:
        kept = batches.trainer = _build(module, criterion, optimizer, batches)
    return kept


class ClosedFormEpochs:
    """Epochs of one fit, trained without autograd.

    Between two epochs module and optimiser hold what the autograd loop would have left in them, so callbacks,
    checkpoints and partial fits see no difference.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        net: ClosedFormNet,
        update: FlatUpdate,
        batches: TensorBatches,
    ):
        self.module, self.criterion = module, criterion
        self._net, self._update, self._rows, self._batch_size = net, update, batches.dataset, batches.batch_size
        self._moments = {name: net.views(flat) for name, flat in update.moments.items()}
        self._parameters, self._gradients = net.views(net.parameters), net.views(net.gradient)
        width, n_outputs = net.sizes[0] + 1, net.sizes[-1]
        size = min(self._batch_size, max(1, len(self._rows)))
        dense = isinstance(self._rows.X, Tensor)  # sparse rows never lie dense in more than one batch
        pieces = min(
            _CHUNK_NUMBERS // (size * (width + 2 * n_outputs)) if dense else 1, -(-len(self._rows) // size)
        )
        recorder = recorder_for(net.parameters.device)
        if recorder is not None:
            pieces = min(pieces, LONGEST)
        self._chunk = max(1, pieces) * size
        kind: dict[str, Any] = {"dtype": net.parameters.dtype, "device": net.parameters.device}
        self._X = torch.ones(self._chunk, width, **kind)
        self._targets = torch.zeros(self._chunk, n_outputs, **kind)
        self._outputs = torch.zeros(self._chunk, n_outputs, **kind)
        self._cuts: dict[int, list[tuple[Tensor, ...]]] = {}
        self._graphs = None if recorder is None else ChunkGraphs(recorder, net, update, self._chunk)

    def run(
        self, optimizer: torch.optim.Optimizer, batches: TensorBatches, augmentation: Augmentation | None = None
    ) -> tuple[list[float], list[int]]:
        """Train for one epoch in the order of the batches; return loss and size of each."""
        size, n = self._batch_size, min(len(self._rows), len(batches) * self._batch_size)
        parameters = list(self.module.parameters())
        self._load(parameters, optimizer)
        losses, taken = [], 0
        with torch.inference_mode(), batches.order() as order:
            step, update = self._net.step, self._update.fused_step
            if self._graphs is not None:
                self._graphs.begin()
            try:
                for first in range(0, n, self._chunk):
                    last = min(first + self._chunk, n)
                    rows = self._gather(slice(first, last) if order is None else order[first:last], augmentation)
                    cut = self._cut(last - first)
                    if self._graphs is not None:
                        self._graphs.train(cut, self._scales, rows.weight)
                    else:
                        scales = self._scales(rows.weight, last - first)
                        counters = self._update.fused_steps(len(cut), taken)
                        for (x, target, output), scale, counter in zip(cut, scales, counters, strict=True):
                            step(x, target, scale, output)
                            update(counter)
                            taken += 1
                    losses.append(self._losses(rows, last - first))
            finally:
                self._store(parameters, optimizer, taken if self._graphs is None else self._graphs.taken)
        sizes = [min(size, n - first) for first in range(0, n, size)]
        return torch.cat(losses).tolist() if losses else [], sizes

    def _gather(self, index: Tensor | slice, augmentation: Augmentation | None) -> Rows:
        """Put rows where the network finds them; return their targets and weights."""
        X, y, weight = self._rows.batch(index)
        n = len(X)
        if augmentation is not None:
            X = torch.cat([augmentation(part) for part in X.split(self._batch_size)])
        self._X[:n, :-1] = X
        assert y is not None
        self._net.targets(y, self._targets[:n])
        return Rows(self._X[:n], y, weight)

    def _cut(self, n: int) -> list[tuple[Tensor, ...]]:
        if n not in self._cuts:
            buffers = (self._X, self._targets, self._outputs)
            self._cuts[n] = list(zip(*(each[:n].split(self._batch_size) for each in buffers), strict=True))
        return self._cuts[n]

    def _scales(self, weight: Tensor | None, n: int) -> Iterable[float | Tensor]:
        sizes = [min(self._batch_size, n - first) for first in range(0, n, self._batch_size)]
        parts = [None] * len(sizes) if weight is None else weight.split(self._batch_size)
        return [self._net.scale(size, part) for size, part in zip(sizes, parts, strict=True)]

    def _losses(self, rows: Rows, n: int) -> Tensor:
        """Means over each batch."""
        assert rows.y is not None
        losses = self._net.losses(self._outputs[:n], rows.y)
        if rows.weight is not None:
            losses.mul_(rows.weight)
        size = self._batch_size
        whole = n // size * size
        means = losses[:whole].view(-1, size).sum(1) / size
        return means if whole == n else torch.cat([means, losses[whole:].mean().view(1)])

    @torch.inference_mode()
    def _load(self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> None:
        self._update.set_numbers(optimizer.param_groups[0])
        self._update.steps = 0.0
        for parameter, view in zip(parameters, self._parameters, strict=True):
            view.copy_(parameter)
        for name, views in self._moments.items():
            for parameter, view in zip(parameters, views, strict=True):
                entry = optimizer.state.get(parameter, {})
                if name in entry:
                    view.copy_(entry[name])
                    self._update.steps = float(entry.get("step", 0.0))
                else:
                    view.zero_()

    def _store(self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer, taken: int) -> None:
        """Write back what changed. New tensors must be ordinary ones, which may be changed in place."""
        if not taken:
            return
        remembers = KINDS[type(optimizer)] != "sgd" or bool(optimizer.param_groups[0]["momentum"])
        with torch.inference_mode(False), torch.no_grad():
            for i, parameter in enumerate(parameters):
                parameter.copy_(self._parameters[i])
                parameter.grad = torch.empty_like(parameter).copy_(self._gradients[i])
                if not remembers:
                    continue
                state = optimizer.state[parameter]
                if KINDS[type(optimizer)] != "sgd":
                    if "step" not in state:
                        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                    state["step"] += taken
                for name, views in self._moments.items():
                    if name not in state:
                        state[name] = torch.empty_like(parameter)
                    state[name].copy_(views[i])
        note_steps(optimizer)


def _build(
    module: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, batches: TensorBatches
) -> ClosedFormEpochs:
    shape, loss = shape_of(module), loss_name(criterion)
    assert shape is not None
    assert loss is not None
    sizes, activation, dropout = shape
    first = next(module.parameters())
    with torch.inference_mode():
        net = ClosedFormNet(sizes, activation, loss, dropout=dropout, dtype=first.dtype, device=first.device)
        update = FlatUpdate(KINDS[type(optimizer)], net.parameters, net.gradient)
        return ClosedFormEpochs(module, criterion, net, update, batches)
