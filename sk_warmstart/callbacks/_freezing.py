"""Keep some parameters from training for a while."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

_WITH_STATISTICS = nn.modules.batchnorm._NormBase


@contextmanager
def frozen(net: Any, module: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Freeze tensors inside a block.

    The optimiser leaves them alone, weight decay and momentum included, since they get no gradient. A layer with
    running statistics whose tensors are all frozen works as in evaluation.

    Parameters
    ----------
    net : WarmStartMixin
        The net.
    module : nn.Module
        Its network.
    names : collection of str
        Names of parameters and buffers.

    Yields
    ------
    None
        While they are frozen.

    Raises
    ------
    ValueError
        If nothing would be left to train.
    """
    parameters = [p for name, p in module.named_parameters() if name in names and p.requires_grad]
    still = list(_with_statistics(module, names))
    hooks: list[Any] = []
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        if not any(p.requires_grad for _, p in net.get_all_learnable_params()):
            raise ValueError("all parameters are frozen: nothing is left to train; for that, use max_epochs=0")
        # The loop puts the network into training mode before every step.
        hooks = [layer.register_forward_pre_hook(_evaluates) for layer in still]
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in still:
            layer.train(module.training)
        for parameter in parameters:
            parameter.requires_grad_(True)


def _with_statistics(module: nn.Module, names: Collection[str]) -> Iterator[nn.Module]:
    for prefix, layer in module.named_modules():
        if isinstance(layer, _WITH_STATISTICS):
            own = [name for name, _ in layer.named_parameters(recurse=False)]
            own = own or [name for name, _ in layer.named_buffers(recurse=False)]
            if own and all((f"{prefix}.{name}" if prefix else name) in names for name in own):
                yield layer


def _evaluates(layer: nn.Module, args: Any) -> None:
    layer.eval()
