"""Freezing of parameters and buffers inside a block."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from .._compat._torch import HookedSpectralNorm, NormWithStatistics, SpectralNorm
from ..modules._structure import tensor_name


@contextmanager
def frozen(net: NeuralNet, module: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Freeze tensors inside a block: they get no gradient, so the optimiser leaves them alone.

    What counts in training works as in evaluation where all that it counts of is frozen: running statistics, and
    the iterations of a spectral norm. Other buffers of frozen layers are put back at the end.
    """
    parameters = [p for name, p in module.named_parameters() if name in names and p.requires_grad]
    counting = list(_counting(module, names))
    buffers = [(layer, key, buffer.clone()) for layer, key, buffer in _frozen_buffers(module, names)]
    hooks: list[Any] = []
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None
        if not any(p.requires_grad for _, p in net.get_all_learnable_params()):
            raise ValueError("all parameters are frozen: nothing is left to train; for that, use max_epochs=0")
        # The loop puts the network into training mode before every step.
        for layer, is_hooked in counting:
            hooks.append(layer.register_forward_pre_hook(_to_evaluation, prepend=True))
            if is_hooked:  # what counts is a hook; the layer itself may have more to do in training
                hooks.append(layer.register_forward_pre_hook(_to_training))
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer, _ in counting:
            layer.training = module.training
        for layer, key, before in buffers:
            _put_back(layer, key, before)
        for parameter in parameters:
            parameter.requires_grad_(True)


def _counting(module: nn.Module, names: Collection[str]) -> Iterator[tuple[nn.Module, bool]]:
    """Yield the layers that count of what is frozen, and whether a hook does so for them."""
    for prefix, layer in module.named_modules():
        if isinstance(layer, NormWithStatistics) and _is_frozen(prefix, layer, names):
            yield layer, False
        if isinstance(layer, SpectralNorm):  # the last part of its name is its number among its weight's
            owner = prefix.rpartition(".")[0]
            weights = [name for name, _ in module.get_submodule(owner).named_parameters(owner, recurse=False)]
            if all(name in names for name in weights):
                yield layer, False
        hooks = [hook for hook in layer._forward_pre_hooks.values() if isinstance(hook, HookedSpectralNorm)]
        if hooks and all(tensor_name(prefix, f"{hook.name}_orig") in names for hook in hooks):
            yield layer, True


def _frozen_buffers(module: nn.Module, names: Collection[str]) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for prefix, layer in module.named_modules():
        for key, buffer in layer.named_buffers(recurse=False) if not isinstance(layer, SpectralNorm) else ():
            if tensor_name(prefix, key) in names and _is_frozen(prefix, layer, names):
                yield layer, key, buffer


def _is_frozen(prefix: str, layer: nn.Module, names: Collection[str]) -> bool:
    """Whether all parameters of a layer itself are frozen; where it has none, all buffers."""
    own = [name for name, _ in layer.named_parameters(recurse=False)]
    own = own or [name for name, _ in layer.named_buffers(recurse=False)]
    return bool(own) and all(tensor_name(prefix, name) in names for name in own)


def _put_back(layer: nn.Module, key: str, before: Tensor) -> None:
    now = layer._buffers.get(key)
    if now is None or now.shape != before.shape:
        layer._buffers[key] = before
    elif not torch.equal(now, before):
        with torch.no_grad():
            now.copy_(before)


def _to_evaluation(layer: nn.Module, args: Any) -> None:
    layer.training = False


def _to_training(layer: nn.Module, args: Any) -> None:
    layer.training = True
