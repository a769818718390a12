"""Sources of random numbers that callers pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._parameters import is_integer

Rng = int | np.random.Generator | np.random.RandomState | torch.Generator | None


def numpy_rng(rng: Rng) -> np.random.RandomState:
    """Return a source for scikit-learn: None gives the same numbers at every call, a generator moves on."""
    return rng if isinstance(rng, np.random.RandomState) else np.random.RandomState(_seed(rng, 2**32 - 1))


def torch_rng(rng: Rng) -> torch.Generator:
    """Return a source for torch: None gives the same numbers at every call, a generator moves on."""
    return rng if isinstance(rng, torch.Generator) else torch.Generator().manual_seed(_seed(rng, 2**63 - 1))


def rng_of_random_state(random_state: int | np.random.RandomState | None) -> Rng:
    """Return the source that the old parameter stands for: its None is NumPy's global one."""
    return check_random_state(None) if random_state is None else random_state


def _seed(rng: Any, most: int) -> int:
    """Return a seed of at most this size, drawn where rng is a generator."""
    if rng is None:
        return 0
    if is_integer(rng, 0) and int(rng) <= most:
        return int(rng)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    if isinstance(rng, np.random.RandomState):
        return int(rng.randint(2**31 - 1))
    if isinstance(rng, torch.Generator):
        return int(torch.randint(2**31 - 1, (), generator=rng, device=rng.device))
    raise ValueError(
        f"rng must be an integer in [0, {most}], a Generator or RandomState of NumPy, a Generator of torch, or "
        f"None, got {rng!r}"
    )
