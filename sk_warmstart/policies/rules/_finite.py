"""Check of numbers that are to be finite."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .._base import InitPolicy


def check_finite(policy: InitPolicy, tensors: Mapping[str, Tensor], what: str = "previous weights") -> None:
    """Raise a ValueError where one of the tensors, by name, is infinite or no number."""
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise ValueError(
            f"{type(policy).__name__} cannot start from {what} that are not finite: {', '.join(bad)}. "
            "Start cold, or from an earlier state"
        )
