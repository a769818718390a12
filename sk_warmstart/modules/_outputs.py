"""Main output of a module that returns more than one."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def first_output(output: Any) -> Tensor:
    """Return what a network predicts: its output, or the first of a tuple of outputs."""
    return output[0] if isinstance(output, tuple) else output
