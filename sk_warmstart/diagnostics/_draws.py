"""Random numbers from an int, a NumPy generator, a RandomState or a torch generator."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._parameters import is_integer

Rng = int | np.random.Generator | np.random.RandomState | torch.Generator | None
_LARGEST = 2**32 - 1


def is_given(value: Any) -> TypeGuard[Any]:
    """Tell whether a parameter was passed by its old name."""
    return not (isinstance(value, str) and value == "deprecated")


def as_random_state(rng: Rng, random_state: Any = "deprecated") -> np.random.RandomState:
    """Return scikit-learn's kind of generator; rng=None is the seed 0, random_state=None is unseeded."""
    if is_given(random_state):
        return check_random_state(random_state)
    return rng if isinstance(rng, np.random.RandomState) else check_random_state(_seed(rng))


def as_torch_generator(rng: Rng) -> torch.Generator:
    """Return torch's kind of generator; None is the seed 0."""
    return rng if isinstance(rng, torch.Generator) else torch.Generator().manual_seed(_seed(rng))


def _seed(rng: Rng) -> int:
    """Return a seed, drawn where rng is a generator."""
    if rng is None:
        return 0
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(_LARGEST))
    if isinstance(rng, np.random.RandomState):
        return int(rng.randint(_LARGEST, dtype=np.uint32))
    if isinstance(rng, torch.Generator):
        return int(torch.randint(_LARGEST, (), generator=rng, device=rng.device))
    if not (is_integer(rng, 0) and rng <= _LARGEST):
        raise ValueError(
            "rng must be an integer from 0 to 2**32 - 1, a numpy Generator, a RandomState, a torch.Generator or "
            f"None, got {rng!r}"
        )
    return int(rng)
