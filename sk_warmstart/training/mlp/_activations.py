"""Activations of the default network, forward and backward in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """``forward(pre, out)``, and ``backward(delta, saved)`` in place, where out is saved, or pre.

    ``rounds_alike`` tells that the bits are the same however many threads share the work.
    """

    forward: Callable[[Tensor, Tensor], object] | None
    backward: Callable[[Tensor, Tensor], object] | None
    saves_input: bool = False
    rounds_alike: bool = False


# The very kernels that autograd runs.
ACTIVATIONS = {
    "identity": Activation(None, None, rounds_alike=True),
    "relu": Activation(
        lambda pre, out: torch.clamp_min(pre, 0, out=out),
        lambda delta, out: _aten.threshold_backward.grad_input(delta, out, 0, grad_input=delta),
        rounds_alike=True,
    ),
    "tanh": Activation(
        lambda pre, out: torch.tanh(pre, out=out),
        lambda delta, out: _aten.tanh_backward.grad_input(delta, out, grad_input=delta),
        rounds_alike=True,
    ),
    "logistic": Activation(
        lambda pre, out: torch.sigmoid(pre, out=out),
        lambda delta, out: _aten.sigmoid_backward.grad_input(delta, out, grad_input=delta),
    ),
    "leaky_relu": Activation(
        lambda pre, out: _aten.leaky_relu.out(pre, 0.01, out=out),
        lambda delta, out: _aten.leaky_relu_backward.grad_input(delta, out, 0.01, True, grad_input=delta),
        rounds_alike=True,
    ),
    "silu": Activation(
        lambda pre, out: _aten.silu.out(pre, out=out),
        lambda delta, pre: _aten.silu_backward.grad_input(delta, pre, grad_input=delta),
        saves_input=True,
    ),
    "gelu": Activation(
        # Into memory that is not in one piece torch's kernel of single precision writes nothing.
        lambda pre, out: out.copy_(torch.nn.functional.gelu(pre)),
        lambda delta, pre: delta.copy_(_aten.gelu_backward(delta, pre)),
        saves_input=True,
    ),
}
