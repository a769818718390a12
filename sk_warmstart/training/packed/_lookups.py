"""Look-ups of a pack, kept inside of each member's own entries."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class BoundedLookups(TorchFunctionMode):
    """Refuse whole numbers that a network cannot look up.

    vmap lays the embeddings of all members in one, where a number out of range finds another member's entry.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look at the numbers before they are looked up."""
        if func is functional.embedding:
            index, weight = args[:2]
            torch.empty(weight.shape[0], device=index.device).index_select(0, index.reshape(-1))
        return func(*args, **(kwargs or {}))
