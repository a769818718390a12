"""Networks of the papers' experiments: residual networks for small images, of any width."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Mean and spread of CIFAR's channels, in bytes; near enough for any natural images.
_MEAN, _SPREAD = 120.0, 64.0


class ResNet(nn.Module):
    """A residual network for images of bytes, shape (n_samples, channels, height, width).

    With ``width=64`` and ``blocks=(2, 2, 2, 2)`` it is the ResNet-18 of the papers on CIFAR (He et al. 2016, with
    a first convolution of 3 by 3 and no pooling before the blocks).
    """

    def __init__(
        self,
        n_outputs: int,
        width: int = 64,
        blocks: tuple[int, ...] = (2, 2, 2, 2),
        channels: int = 3,
        channels_last: bool = False,
    ):
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        stages, before = [], width
        for place, count in enumerate(blocks):
            after = width * 2**place
            first = _Block(before, after, 2 if place else 1)
            stages.append(nn.Sequential(first, *(_Block(after, after, 1) for _ in range(count - 1))))
            before = after
        self.stages = nn.Sequential(*stages)
        self.output = nn.Linear(before, n_outputs)
        self.to(memory_format=self.memory_format)

    def forward(self, X: Tensor) -> Tensor:
        """Return logits."""
        X = ((X.to(self.output.weight.dtype) - _MEAN) / _SPREAD).contiguous(memory_format=self.memory_format)
        return self.output(functional.adaptive_avg_pool2d(self.stages(self.stem(X)), 1).flatten(1))


class _Block(nn.Module):
    """Two convolutions, and the way around them."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        around: list[Any] = []
        if stride != 1 or before != after:
            around = [nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)]
        self.around = nn.Sequential(*around)

    def forward(self, X: Tensor) -> Tensor:
        """Return the sum of both ways."""
        return functional.relu(self.inside(X) + self.around(X))
