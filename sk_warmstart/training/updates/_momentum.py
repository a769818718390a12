"""Buffers that torch's fused SGD does not make where only some are missing."""

from __future__ import annotations

from typing import Any

import torch


def complete_momentum(net: Any) -> None:
    """Give parameters that begin to train later than others a momentum of zero.

    The fused SGD fails if some of its parameters have a momentum and others have none yet. From zero, the first
    step is the one that it takes where nobody has a momentum.

    Parameters
    ----------
    net : skorch.NeuralNet
        The estimator, before it trains for an epoch.
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
