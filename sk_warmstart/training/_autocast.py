"""Mixed precision: forward and loss of a training step under torch's autocast."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from ._net import TrainableNet

AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def uses_autocast(net: object) -> bool:
    """Tell whether a net trains in mixed precision."""
    return vars(net).get("autocast") is not None


def needs_scaling(net: object) -> bool:
    """Tell whether small gradients would be lost: float16 has five bits for the exponent."""
    return vars(net).get("autocast") == "float16"


def autocast_of(net: TrainableNet) -> contextlib.AbstractContextManager[Any]:
    """Return the context of a net's forward and loss in training."""
    name = vars(net).get("autocast")
    if name is None:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(net.device or "cpu").type, AUTOCAST[name])


def widened(output: Any) -> Any:
    """Return what a network put out in single precision: metrics, callbacks and NumPy know no bfloat16."""
    if isinstance(output, tuple):
        return tuple(widened(part) for part in output)
    half = isinstance(output, Tensor) and output.dtype in AUTOCAST.values()
    return output.float() if half else output
