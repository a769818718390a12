"""Buffers that torch's fused SGD does not make where only some are missing."""

from __future__ import annotations

import torch

from .._net import TrainableNet


def complete_momentum(net: TrainableNet) -> None:
    """Give parameters that begin to train later than others a momentum of zero.

    The fused SGD fails if only some of its parameters have a momentum; from zero the first step is the same.
    """
    for name in net._optimizers:
        optimizer = getattr(net, name + "_")
        if not isinstance(optimizer, torch.optim.SGD):
            continue
        for group in optimizer.param_groups:
            if not (group.get("fused") and group.get("momentum")) or group.get("dampening"):
                continue
            trained = [p for p in group["params"] if p.requires_grad]
            without = [p for p in trained if optimizer.state.get(p, {}).get("momentum_buffer") is None]
            for parameter in without if len(without) < len(trained) else ():
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
