"""Small networks for rows that come in several parts, as texts or as images."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

VOCABULARY = 20


class OneTable(nn.Module):
    """A network of one table, which is given as it is or in a dictionary by its name."""

    def __init__(self, n_outputs: int, n_features: int = 4, width: int = 5):
        super().__init__()
        self.hidden, self.head = nn.Linear(n_features, width), nn.Linear(width, n_outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(torch.sin(self.hidden(rows)))


class NumbersAndCategories(nn.Module):
    """Numbers beside categories, which are looked up."""

    def __init__(self, n_outputs: int, n_numbers: int = 3, n_categories: int = 4):
        super().__init__()
        self.embedding = nn.Embedding(n_categories, 2)
        self.hidden, self.head = nn.Linear(n_numbers + 4, 6), nn.Linear(6, n_outputs)

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        looked_up = self.embedding(categories).flatten(1)
        return self.head(torch.relu(self.hidden(torch.cat([numbers, looked_up], dim=1))))


class Pair(nn.Module):
    """Two tables of numbers, which come as a tuple."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.left, self.right, self.head = nn.Linear(2, 4), nn.Linear(3, 4), nn.Linear(4, n_outputs)

    def forward(self, parts: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        left, right = parts
        return self.head(torch.relu(self.left(left) + self.right(right)))


class Text(nn.Module):
    """A small BERT from a configuration, the mean of its tokens, and a linear head."""

    def __init__(self, n_outputs: int, vocabulary: int = VOCABULARY, dropout: float = 0.0):
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=16,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        self.body = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> torch.Tensor:
        tokens = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        shares = attention_mask[..., None].to(tokens.dtype)
        return self.head((tokens * shares).sum(1) / shares.sum(1).clamp(min=1))


class Convolution(nn.Module):
    """One convolution with batch normalisation, for images of one channel."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, n_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.norm(self.convolution(images / 255.0)))
        return self.head(maps.mean(dim=(2, 3)))
