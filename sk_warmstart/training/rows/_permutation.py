"""Random permutations of rows: advance a generator past one without building it."""

from __future__ import annotations

import functools

import torch

# Beyond it torch's permutation draws numbers of 64 bits.
_LIMIT = 2**27


def advance_past_randperm(n: int, generator: torch.Generator) -> None:
    """Advance a generator of the CPU as ``torch.randperm(n, generator=generator)`` would, for less."""
    if 1 < n < _LIMIT and _draws_one_number_an_item():
        torch.empty(n - 1, dtype=torch.int32).random_(generator=generator)
    else:
        torch.randperm(n, generator=generator)


@functools.cache
def _draws_one_number_an_item() -> bool:
    """Whether this version of torch permutes by one number of 32 bits an item, which others may not."""
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    for n in (2, 700, 1501):
        torch.randperm(n, generator=one)
        torch.empty(n - 1, dtype=torch.int32).random_(generator=other)
        if not torch.equal(one.get_state(), other.get_state()):
            return False
    return True
