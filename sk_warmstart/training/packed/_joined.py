"""Tensors of all members of a pack in one, from which batches are taken at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# More bytes than this are not copied into one tensor: members' rows are then taken one member after the other.
_MOST = 256 * 2**20


class Joined:
    """Rows of one tensor a member; equal tensors, as those of one fold of a search, are kept once."""

    def __init__(self, tensors: Sequence[Tensor]):
        self._tensors = list(tensors)
        distinct, places = _distinct(self._tensors)
        self._all: Tensor | None = None
        if sum(tensor.nbytes for tensor in distinct) <= _MOST:
            self._all = torch.cat(distinct)
            starts = [0]
            for tensor in distinct:
                starts.append(starts[-1] + len(tensor))
            self._starts = torch.tensor([[starts[place]] for place in places], device=self._all.device)
        self._buffers: dict[int, Tensor] = {}

    def take(self, index: Tensor) -> Tensor:
        """Return (members, rows, ...) at the positions (members, rows); the next call writes into it."""
        n_members, n_rows = index.shape
        out = self._buffers.get(n_rows)
        if out is None:
            out = self._tensors[0].new_empty(n_members, n_rows, *self._tensors[0].shape[1:])
            self._buffers[n_rows] = out
        if self._all is None:
            for tensor, positions, rows in zip(self._tensors, index, out, strict=True):
                torch.index_select(tensor, 0, positions, out=rows)
        else:
            torch.index_select(self._all, 0, (index + self._starts).view(-1), out=out.flatten(0, 1))
        return out


def _distinct(tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[int]]:
    """Tensors that differ, and which of them each one is."""
    found: dict[tuple[int, bytes], list[int]] = {}
    distinct: list[Tensor] = []
    places = []
    for tensor in tensors:
        alike = found.setdefault((len(tensor), tensor[:1].cpu().numpy().tobytes()), [])
        place = next((i for i in alike if distinct[i] is tensor or torch.equal(distinct[i], tensor)), None)
        if place is None:
            place = len(distinct)
            distinct.append(tensor)
            alike.append(place)
        places.append(place)
    return distinct, places
