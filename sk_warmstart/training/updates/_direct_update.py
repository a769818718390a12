"""Direct calls of the fused kernels of torch's optimisers, without what ``step`` does around them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..._compat._torch import foreach_add, has_step_hooks, is_counted_step, mark_step
from .._net import TrainableNet
from ._flat_update import KINDS, fused_update

_FLAGS = ("amsgrad", "maximize", "capturable", "differentiable", "dampening")


def may_bypass_step(net: TrainableNet) -> bool:
    """Tell whether the fused update of a net's only optimiser was this library's choice.

    False also where a hook, a flag or a number as a tensor asks for torch's own ``step``.
    """
    prefix = net._optimizers[0]
    if f"{prefix}__fused" in vars(net) or f"{prefix}__foreach" in vars(net):
        return False
    optimizer = getattr(net, prefix + "_")
    if type(optimizer) not in KINDS or len(optimizer.param_groups) != 1:
        return False
    group = optimizer.param_groups[0]
    numbers = (group["lr"], group["weight_decay"], group.get("momentum", 0), *group.get("betas", ()))
    replaced = vars(optimizer).get("step")
    return (
        bool(group.get("fused"))
        and not any(group.get(flag) for flag in _FLAGS)
        and all(isinstance(number, float | int) for number in numbers)
        and not has_step_hooks(optimizer)
        and getattr(optimizer, "grad_scale", None) is None
        # A scheduler replaces step to count its calls; any other replacement must be called.
        and (replaced is None or is_counted_step(replaced))
    )


def note_steps(optimizer: torch.optim.Optimizer) -> None:
    """Leave the mark that a scheduler looks for after a step."""
    if "step" in vars(optimizer):
        mark_step(optimizer)


class DirectUpdate:
    """The fused kernel of an optimiser that :func:`may_bypass_step` allows."""

    def __init__(self, optimizer: torch.optim.Optimizer):
        self.optimizer = optimizer
        self.parameters: list[Tensor] = optimizer.param_groups[0]["params"]
        self._moments: list[list[Tensor]] | None = None
        self._uniform = len({(p.device, p.dtype) for p in self.parameters}) == 1

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def is_direct(self) -> bool:
        """Tell whether the last step left all that the kernel needs, so that the next one calls nothing else."""
        return self._moments is not None and all(parameter.grad is not None for parameter in self.parameters)

    @torch.no_grad()
    def step(self) -> None:
        """Take one step."""
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        if self._moments is None or any(gradient is None for gradient in gradients):
            self.optimizer.step()
            self._moments = self._collected() if self._uniform else None
            return
        group, moments = self.optimizer.param_groups[0], self._moments
        kind, counters = KINDS[type(self.optimizer)], []
        if kind != "sgd":
            *moments, counters = moments
            foreach_add(counters, 1)
        fused_update(kind, group, self.parameters, gradients, moments, counters)

    def _collected(self) -> list[list[Tensor]] | None:
        """The moments of all parameters, or None while some have none."""
        sgd = type(self.optimizer) is torch.optim.SGD
        if sgd and not self.optimizer.param_groups[0]["momentum"]:
            return []
        names = ("momentum_buffer",) if sgd else ("exp_avg", "exp_avg_sq", "step")
        states = [self.optimizer.state.get(parameter, {}) for parameter in self.parameters]
        if not all(isinstance(state.get(name), Tensor) for state in states for name in names):
            return None
        return [[state[name] for state in states] for name in names]
