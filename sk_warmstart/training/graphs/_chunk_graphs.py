"""Whole chunks of closed-form steps as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..mlp._closed_form import ClosedFormNet
from ..updates._flat_update import FlatUpdate
from ._cuda_graph import Recorder, Repeated

LONGEST = 256  # steps of one graph: what it saves does not grow any more, what it takes to record does


class ChunkGraphs:
    """Steps over the batches of a chunk, which lies in the same memory each time; ``taken`` counts an epoch's."""

    def __init__(self, recorder: Recorder, net: ClosedFormNet, update: FlatUpdate, n_rows: int):
        self._recorder, self._net, self._update = recorder, net, update
        kind: Any = {"dtype": net.parameters.dtype, "device": net.parameters.device}
        self._weight = torch.zeros(n_rows, **kind)
        self._counter = torch.zeros((), dtype=torch.float32, device=net.parameters.device)
        self._repeated: dict[tuple[int, bool], Repeated] = {}
        self._numbers: Any = None
        self.taken = 0

    def begin(self) -> None:
        """Begin an epoch, with the update's counter and numbers as they are now."""
        self.taken = 0
        self._counter.fill_(self._update.steps)
        numbers = dict(self._update.numbers)
        for repeated in self._repeated.values():
            # A kernel holds learning rates and the like for good. As tensors they would round in another way.
            repeated.begin(repeated.function, same=numbers == self._numbers)
        self._numbers = numbers

    def train(
        self,
        cut: Sequence[tuple[Tensor, ...]],
        scales: Callable[[Tensor | None, int], Iterable[float | Tensor]],
        weight: Tensor | None,
    ) -> None:
        """Take the steps of a chunk, cut into (rows, targets, outputs) of batches.

        ``scales`` returns what the gradients of each batch are multiplied by, from weights and the number of rows.
        """
        n = sum(len(x) for x, *_ in cut)
        key = (n, weight is not None)
        its = None if weight is None else self._weight[:n]
        if its is not None and weight is not None:
            its.copy_(weight)

        def steps() -> None:
            for (x, target, output), scale in zip(cut, scales(its, n), strict=True):
                self._net.step(x, target, scale, output)
                self._counter.add_(1)
                self._update.fused_step(self._counter)
                self.taken += 1  # in case a later one is interrupted

        if key not in self._repeated:
            self._repeated[key] = Repeated(self._recorder, steps, len(cut))
        before = self.taken
        self._repeated[key]()
        self.taken = before + len(cut)  # a graph does not count
