"""Threads inside of torch's operations: no more than a step has work for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

# Multiplications of a step (batch size times weights) from which a second thread pays; below, waiting for each
# other costs more than sharing saves, and many times more while another program keeps a core busy.
_ENOUGH = 10_000_000
_ONE_A_ROW = (nn.Linear, nn.Bilinear)  # layers that use each weight once for each row
_LOOKED_UP = (nn.Embedding, nn.EmbeddingBag)


class _Threads:
    """The number of threads of this process, while some of it runs with one."""

    def __init__(self) -> None:
        self._lock, self._holders, self._before = threading.Lock(), 0, 1

    def before(self) -> int:
        """How many there are where nothing runs with one."""
        with self._lock:
            return self._before if self._holders else torch.get_num_threads()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Run with one; who comes first notes what there was before, which a thread begun meanwhile cannot see."""
        with self._lock:
            if not self._holders:
                self._before = torch.get_num_threads()
            self._holders += 1
            before = self._before
            torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                torch.set_num_threads(before)


_THREADS = _Threads()


def threads_of_caller() -> int:
    """Return how many threads torch may use, also while some of this process runs with one."""
    return _THREADS.before()


@contextmanager
def suited_threads(network: nn.Module, batch_size: int, n_rows: int | None, device: Any) -> Iterator[None]:
    """Run with one thread where a step has too little work for more; afterwards there are as many as before.

    A batch size of -1 stands for all rows.
    """
    rows = n_rows if batch_size == -1 and n_rows is not None else batch_size
    small = torch.device(device or "cpu").type == "cpu" and _is_little(network, rows)
    with _THREADS.one() if small else nullcontext():
        yield


def _is_little(network: nn.Module, n_rows: int) -> bool:
    """Whether a step is little work for sure: what convolutions and attention do is not seen in their weights."""
    weights = 0
    for layer in network.modules():
        own = list(layer.parameters(recurse=False))
        if isinstance(layer, _ONE_A_ROW):
            weights += sum(parameter.numel() for parameter in own)
        elif not isinstance(layer, _LOOKED_UP) and any(parameter.ndim > 1 for parameter in own):
            return False
    return n_rows * weights < _ENOUGH
