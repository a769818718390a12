"""Steps of autograd as CUDA graphs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...modules import each_part, n_rows, parts_of
from ..rows._batches import TensorBatches
from ..updates._direct_update import DirectUpdate
from ._cuda_graph import Recorder, Repeated, recorder_for

_Train = Callable[[Any, Any], Tensor]


def can_record(device: torch.device) -> bool:
    """Tell whether steps on a device can be recorded."""
    return recorder_for(device) is not None


def graphed(
    module: nn.Module, criterion: nn.Module, batches: TensorBatches, train: _Train, update: DirectUpdate
) -> GraphedStep:
    """Return what trains on a batch by a graph, where that pays; it is kept from epoch to epoch.

    ``train`` takes a pair of rows and targets, and weights; it trains on them, ``update`` being part of it, and
    returns the loss, detached.
    """
    kept = batches.graphed
    if kept is None or kept.parts[0] is not module or kept.parts[1] is not criterion:
        recorder = recorder_for(update.parameters[0].device)
        assert recorder is not None  # the route asked for it
        kept = batches.graphed = GraphedStep(recorder, module, criterion, batches.batch_size)
    kept.begin(train, update)
    return kept


class GraphedStep:
    """Training steps on batches of one size, recorded once; a smaller last batch is trained as it comes.

    A graph repeats what the device did, and nothing that Python did meanwhile. So a network is recorded only if a
    step leaves its attributes, and the host's random numbers, as they were; and anew if a number of the optimiser,
    a tensor or an attribute was changed between two epochs: learning rates are numbers of the graph, since as
    tensors they would round in another way. Dropout draws from the device's generator, which torch moves on at
    each replay by as much as the same steps would have.
    """

    def __init__(self, recorder: Recorder, module: nn.Module, criterion: nn.Module, batch_size: int):
        self.parts = (module, criterion)
        self._recorder, self._size = recorder, batch_size
        self._repeated: Repeated | None = None
        self._X: Any = None
        self._inputs: Sequence[Tensor | None] = ()
        self._gradients: list[Tensor | None] | None = None  # in the graph's memory
        self._replayed = False
        self._before: Any = None

    def begin(self, train: _Train, update: DirectUpdate) -> None:
        """Begin an epoch, whose step these are."""
        self._train, self._update, self._optimizer, self._replayed = train, update, update.optimizer, False
        if self._repeated is not None:
            self._repeated.begin(self._step, same=_are_same(self._state(), self._before))

    def __call__(self, pair: tuple[Any, Tensor | None], weight: Tensor | None) -> Tensor:
        """Train on a batch; return its loss."""
        batch = (*parts_of(pair[0]), pair[1], weight)
        if n_rows(pair[0]) != self._size or not self._accepts(pair[0], batch):
            self._replayed = False
            return self._train(pair, weight)
        for here, there in zip(self._inputs, batch, strict=True):
            if here is not None and there is not None:
                here.copy_(there)
        repeated = self._repeated
        assert repeated is not None
        before = repeated.replay
        self._replayed = repeated()
        if repeated.replay is not before:
            self._gradients = [parameter.grad for parameter in self._update.parameters]
        return self._loss.clone()

    def finish(self) -> None:
        """End an epoch: leave its last gradients where they are looked for, in memory of their own."""
        if self._replayed and self._gradients is not None:
            for parameter, gradient in zip(self._update.parameters, self._gradients, strict=True):
                parameter.grad = None if gradient is None else gradient.clone()
        self._before = self._state()

    def _accepts(self, X: Any, batch: tuple[Tensor | None, ...]) -> bool:
        """Make room for batches like the first; tell whether this is one."""
        if self._repeated is None:
            self._X = each_part(torch.empty_like, X)
            rest = [None if tensor is None else torch.empty_like(tensor) for tensor in batch[-2:]]
            self._inputs = [*parts_of(self._X), *rest]
            first = self._update.parameters[0]
            self._loss = torch.zeros((), dtype=first.dtype, device=first.device)
            self._repeated = Repeated(self._recorder, self._step, watch=self._of_the_host)
        return [_kind(here) for here in self._inputs] == [_kind(there) for there in batch]

    def _step(self) -> None:
        *_, y, weight = self._inputs
        self._loss.copy_(self._train((self._X, y), weight))

    def _of_the_host(self) -> Any:
        """What a step would change that a graph does not repeat; never equal where it cannot be recorded."""
        if not self._update.is_direct():
            return object()
        numpy = np.random.get_state()  # noqa: NPY002 - a module may use it
        drawn = [random.getstate(), numpy[1].tobytes(), numpy[2]]  # type: ignore[index]
        if self._loss.device.type != "cpu":
            drawn.append(torch.get_rng_state().numpy().tobytes())
        return drawn, [_attributes(part) for part in self.parts]

    def _state(self) -> tuple[list[tuple[Tensor, int]], Any]:
        """What a graph has been recorded with: tensors and where they lie, numbers, attributes."""
        module, criterion = self.parts
        group = self._optimizer.param_groups[0]
        tensors = [*module.parameters(), *module.buffers(), *criterion.parameters(), *criterion.buffers()]
        for parameter in group["params"]:
            tensors += [v for v in self._optimizer.state.get(parameter, {}).values() if isinstance(v, Tensor)]
        numbers = {name: value for name, value in group.items() if name != "params"}
        attributes = [_attributes(part) for part in self.parts]
        return [(tensor, tensor.data_ptr()) for tensor in tensors], (_noted(numbers), attributes)


def _are_same(now: Any, before: Any) -> bool:
    tensors, rest = now
    others, other_rest = before
    return (
        len(tensors) == len(others)
        and all(a is b and at == there for (a, at), (b, there) in zip(tensors, others, strict=True))
        and rest == other_rest
    )


def _kind(tensor: Tensor | None) -> Any:
    return None if tensor is None else (tensor.shape, tensor.dtype, tensor.device)


def _attributes(part: nn.Module) -> Any:
    """Attributes of a module other than its tensors and layers, which are compared by themselves."""
    layers = ("_parameters", "_buffers", "_modules")
    return [
        {name: _noted(value) for name, value in vars(layer).items() if name not in layers}
        for layer in part.modules()
    ]


def _noted(value: Any) -> Any:
    """A copy of simple values, to compare them later; of anything else its identity."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_noted(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _noted(each) for name, each in value.items()}
    return id(value)
