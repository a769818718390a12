"""Streaming of batches to a device that rows do not fit on: each travels while the one before is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ...modules import each_part

# Share of the free memory that rows may take: a permuted copy, the network and its activations need some.
_SHARE = 0.5

# X is a tensor, or a dictionary or tuple of tensors.
Batch = tuple[Any, Tensor | None, Tensor | None]


def fits_on(device: Any, nbytes: int) -> bool:
    """Tell whether rows may live on a device; True where torch cannot tell its free memory."""
    device = torch.device(device or "cpu")
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return nbytes <= _SHARE * (free + unused)


def one_ahead(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Bring batches to a device, one of them on its way while the one before is used."""
    lane = _SideStream(device) if device.type == "cuda" else _SameStream(device)
    sent: Any = None
    for batch in batches:
        following = lane.send(batch)
        if sent is not None:
            yield lane.receive(sent)
        sent = following
    if sent is not None:
        yield lane.receive(sent)


class _SameStream:
    """Copies that are done when they return."""

    def __init__(self, device: torch.device):
        self._device = device

    def send(self, batch: Batch) -> Any:
        return _each(batch, lambda tensor: tensor.to(self._device))

    def receive(self, sent: Any) -> Batch:
        return sent


class _SideStream:
    """Copies on a stream of their own, from pinned memory: no other can run beside kernels.

    Only the batch is pinned, not the rows: pinning copies, and rows that are mapped from a file may be larger than
    the host's memory. torch hands a pinned block out again only when the copies from it are done.
    """

    def __init__(self, device: torch.device):
        self._device, self._stream = device, torch.cuda.Stream(device)

    def send(self, batch: Batch) -> Any:
        with torch.cuda.stream(self._stream):
            sent = _each(batch, lambda tensor: tensor.pin_memory().to(self._device, non_blocking=True))
            return sent, self._stream.record_event()

    def receive(self, sent: Any) -> Batch:
        batch, arrived = sent
        current = torch.cuda.current_stream(self._device)
        current.wait_event(arrived)
        # Their memory belongs to the other stream, which must not hand it out while this one reads.
        return _each(batch, lambda tensor: _recorded(tensor, current))


def _recorded(tensor: Tensor, stream: Any) -> Tensor:
    tensor.record_stream(stream)
    return tensor


def _each(batch: Batch, function: Any) -> Batch:
    X, y, weight = batch
    return each_part(function, X), None if y is None else function(y), None if weight is None else function(weight)
