"""Small modules that a user might write."""

from __future__ import annotations

import torch
from torch import nn


class Linear(nn.Module):
    """One linear layer, with arguments that are not filled from the data."""

    def __init__(self, input_dim: int = 3, n_outputs: int = 3):
        super().__init__()
        self.line = nn.Linear(input_dim, n_outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.line(rows)


class Sine(nn.Module):
    """Two layers with a sine between: a network without a closed form, so it trains by autograd."""

    def __init__(self, n_features: int, n_outputs: int, width: int = 5):
        super().__init__()
        self.hidden, self.head = nn.Linear(n_features, width), nn.Linear(width, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(torch.sin(self.hidden(X)))
