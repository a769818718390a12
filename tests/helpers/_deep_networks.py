"""Small random networks of the kinds that people fine-tune: transformers and convolutional networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class TextNet(nn.Module):
    """A transformer of the library transformers, and a head over its first token; the input is a dictionary."""

    def __init__(self, kind: str = "bert", n_layers: int = 3, n_outputs: int = 2):
        super().__init__()
        self.body = text_body(kind, n_layers)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.head(hidden[:, 0])


class PictureNet(nn.Module):
    """A vision transformer and a head over its first token."""

    def __init__(self, n_layers: int = 3, n_outputs: int = 2):
        super().__init__()
        import transformers

        size = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": n_layers}
        config = transformers.ViTConfig(image_size=8, patch_size=4, num_channels=1, **size)
        self.body = transformers.ViTModel(config, add_pooling_layer=False)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.head(self.body(pixel_values=pixel_values).last_hidden_state[:, 0])


def text_body(kind: str, n_layers: int) -> nn.Module:
    """Return a random BERT, or DistilBERT, of width 8, over 20 tokens."""
    import transformers

    if kind == "distilbert":
        config = transformers.DistilBertConfig(vocab_size=20, dim=8, n_layers=n_layers, n_heads=2, hidden_dim=16)
        return transformers.DistilBertModel(config)
    size = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": n_layers}
    return transformers.BertModel(
        transformers.BertConfig(vocab_size=20, **size), add_pooling_layer=kind == "pooled"
    )


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)
        self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, X: Tensor) -> Tensor:
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(X))))) + self.downsample(X))


class ResNet(nn.Module):
    """A small network with the names of torchvision's ResNets."""

    def __init__(self, n_outputs: int = 2):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Residual(4, 4), Residual(4, 4))
        self.layer2 = nn.Sequential(Residual(4, 6), Residual(6, 6))
        self.fc = nn.Linear(6, n_outputs)

    def forward(self, X: Tensor) -> Tensor:
        return self.fc(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(X))))).mean((2, 3)))


class Bottleneck(nn.Module):
    """An inverted bottleneck with squeeze and excitation, its parts in a list as torchvision has them."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1))
        self.block = nn.Sequential(_conv(n_in, 8, 1), _conv(8, 8, 3, groups=8), squeeze, _conv(8, n_out, 1))

    def forward(self, X: Tensor) -> Tensor:
        wide = self.block[1](self.block[0](X))
        return self.block[3](wide * torch.sigmoid(self.block[2](wide)))


class EfficientNet(nn.Module):
    """A small network with the names of the EfficientNets of efficientnet_lite_pytorch."""

    def __init__(self, n_outputs: int = 2):
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self._blocks = nn.ModuleList([Bottleneck(4, 4), Bottleneck(4, 6), Bottleneck(6, 6)])
        self._conv_head, self._bn1 = nn.Conv2d(6, 8, 1, bias=False), nn.BatchNorm2d(8)
        self._fc = nn.Linear(8, n_outputs)

    def forward(self, X: Tensor) -> Tensor:
        X = torch.relu(self._bn0(self._conv_stem(X)))
        for block in self._blocks:
            X = block(X)
        return self._fc(torch.relu(self._bn1(self._conv_head(X))).mean((2, 3)))


def _conv(n_in: int, n_out: int, size: int, **settings: Any) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False, **settings)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU())
