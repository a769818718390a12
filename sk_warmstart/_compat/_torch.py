"""Private names of torch: base classes of layers, kernels, hooks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.batchnorm import _NormBase as NormWithStatistics
from torch.nn.modules.conv import _ConvNd as Convolution
from torch.nn.modules.dropout import _DropoutNd as Dropout
from torch.nn.utils.parametrizations import _SpectralNorm as SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm as HookedSpectralNorm
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

__all__ = [
    "BatchNorm",
    "Convolution",
    "Dropout",
    "HookedSpectralNorm",
    "NormWithStatistics",
    "SpectralNorm",
    "foreach_add",
    "foreach_lerp",
    "foreach_sub",
    "fused_adam",
    "fused_adamw",
    "fused_sgd",
    "has_global_hooks",
    "has_hooks",
    "has_step_hooks",
    "is_counted_step",
    "mark_step",
]

foreach_add: Any = torch._foreach_add_
foreach_lerp: Any = torch._foreach_lerp_
foreach_sub: Any = torch._foreach_sub
fused_adam: Any = torch._fused_adam_
fused_adamw: Any = torch._fused_adamw_
fused_sgd: Any = torch._fused_sgd_


def has_hooks(part: nn.Module | Tensor) -> bool:
    """Tell whether anything is hooked to the forward or backward pass of a module or a tensor."""
    names = (
        ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        if isinstance(part, nn.Module)
        else ("_backward_hooks", "_post_accumulate_grad_hooks")
    )
    return any(getattr(part, name, None) for name in names)


def has_global_hooks() -> bool:
    """Tell whether anything is hooked to the passes of all modules."""
    hooks = torch.nn.modules.module
    return bool(
        hooks._global_forward_hooks
        or hooks._global_forward_pre_hooks
        or hooks._global_backward_hooks
        or hooks._global_backward_pre_hooks
    )


def has_step_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether anything is hooked to the steps of an optimiser, or of all optimisers."""
    return bool(
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
    )


def is_counted_step(step: Any) -> bool:
    """Tell whether what replaces an optimiser's step is a scheduler's counter of calls."""
    return hasattr(step, "_wrapped_by_lr_sched")


def mark_step(optimizer: torch.optim.Optimizer) -> None:
    """Leave the mark that a scheduler looks for after a step."""
    optimizer._opt_called = True  # type: ignore[attr-defined]
