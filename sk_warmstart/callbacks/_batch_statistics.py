"""Running statistics of BatchNorm layers, collected anew for averaged weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.dataset import get_len, unpack_data
from torch import Tensor, nn

from .._compat._torch import BatchNorm


def statistics_of(network: nn.Module) -> dict[str, Tensor]:
    """Return copies of the running means, by the names of the layers that keep them."""
    return {
        name: layer.running_mean.clone()
        for name, layer in network.named_modules()
        if isinstance(layer, BatchNorm) and isinstance(layer.running_mean, Tensor)
    }


def collect_statistics(
    net: NeuralNet, network: nn.Module, rows: Any, layers: Iterable[str], forward_params: dict[str, Any]
) -> None:
    """Let BatchNorm layers, by name, collect the statistics of rows in place: plain means over batches.

    Everything else works as in evaluation, so nothing random is drawn. A batch of one row has no spread and is
    left out.
    """
    wanted = set(layers)
    chosen: list[Any] = [layer for name, layer in network.named_modules() if name in wanted]
    if not chosen:
        return
    kept = [(layer.momentum, layer.num_batches_tracked.clone()) for layer in chosen]
    begun = False
    net._set_training(False)
    try:
        with torch.no_grad():
            for batch in net.get_iterator(rows, training=False):
                X, _ = unpack_data(tuple(batch[:2]))
                if get_len(X) < 2:
                    continue
                for layer in [] if begun else chosen:
                    layer.reset_running_stats()
                    layer.momentum = None
                    layer.train()
                begun = True
                net.infer(X, **forward_params)
    finally:
        for layer, (momentum, count) in zip(chosen, kept, strict=True):
            layer.momentum = momentum
            layer.num_batches_tracked.copy_(count)
            layer.eval()
