"""Freezing of parameters and running statistics inside a block."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from skorch import NeuralNet
from torch import nn

from .._compat._torch import NormWithStatistics


@contextmanager
def frozen(net: NeuralNet, module: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Freeze tensors inside a block: they get no gradient, so the optimiser leaves them alone.

    A layer with running statistics whose tensors are all frozen works as in evaluation.
    """
    parameters = [p for name, p in module.named_parameters() if name in names and p.requires_grad]
    frozen_norms = list(_with_statistics(module, names))
    hooks: list[Any] = []
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        if not any(p.requires_grad for _, p in net.get_all_learnable_params()):
            raise ValueError("all parameters are frozen: nothing is left to train; for that, use max_epochs=0")
        # The loop puts the network into training mode before every step.
        hooks = [layer.register_forward_pre_hook(_to_evaluation) for layer in frozen_norms]
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in frozen_norms:
            layer.train(module.training)
        for parameter in parameters:
            parameter.requires_grad_(True)


def _with_statistics(module: nn.Module, names: Collection[str]) -> Iterator[nn.Module]:
    for prefix, layer in module.named_modules():
        if isinstance(layer, NormWithStatistics):
            own = [name for name, _ in layer.named_parameters(recurse=False)]
            own = own or [name for name, _ in layer.named_buffers(recurse=False)]
            if own and all((f"{prefix}.{name}" if prefix else name) in names for name in own):
                yield layer


def _to_evaluation(layer: nn.Module, args: Any) -> None:
    layer.eval()
