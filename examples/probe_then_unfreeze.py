"""Probe, then unfreeze: fine-tuning a pretrained convolutional network with few labels.

A small residual network has learned to tell digits below five from the others, on half of the images. The new
task has the ten digits, and few images. Three arms, in each of two phases: train from random weights (cold);
fine-tune all layers of the pretrained network at once, with a fresh head; or fit the head to the pretrained
features first (``LinearProbe``), then train from the top block downwards (``GradualUnfreeze``), lower blocks more
slowly, without weight decay on biases and normalisation. All arms see the images shifted and with squares cut out
(``augment``), in training only.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.augment import Compose, Cutout, RandomCrop
from sk_warmstart.callbacks import GradualUnfreeze, NoWeightDecay
from sk_warmstart.policies import LinearProbe


class Block(nn.Module):
    """Two convolutions and a shortcut around them."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.second, self.norm2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, X: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.first(X)))
        return torch.relu(X + self.norm2(self.second(inner)))


class SmallResNet(nn.Module):
    """Stem, two blocks, head: four blocks to unfreeze, found by themselves."""

    def __init__(self, n_outputs: int, width: int = 8):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.head = nn.Linear(width, n_outputs)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(self.blocks(torch.relu(self.norm(self.stem(X)))).mean((2, 3)))


def main() -> None:
    X, y = load_digits(return_X_y=True)
    images = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    old, new, old_y, new_y = train_test_split(images, y, test_size=0.5, stratify=y, random_state=0)
    net = WarmStartClassifier(
        SmallResNet,
        lr=0.01,
        batch_size=32,
        max_epochs=8,
        schema="adapt",
        random_state=0,
        augment=Compose([RandomCrop(padding=1), Cutout(size=2)]),
        callbacks=[("decay", NoWeightDecay())],
    )
    donor = FrozenEstimator(net.fit(old, np.where(old_y < 5, "low", "high")))

    unfreeze = [("decay", NoWeightDecay()), ("unfreeze", GradualUnfreeze(factor=1.5, n_epochs=2))]
    arms = {
        "cold": "cold",
        "fine-tune": {"init_policy": "warm", "warm_start_from": donor},
        "probe, then unfreeze": {
            "init_policy": LinearProbe(),
            "warm_start_from": donor,
            "callbacks": unfreeze,
        },
    }
    few, _, few_y, _ = train_test_split(new, new_y.astype(str), train_size=400, stratify=new_y, random_state=0)
    phases = DataIncremental(2, test_size=0.5)
    comparator = WarmStartComparator(
        net, policies=arms, phases=phases, n_repeats=4, n_probes=0, refit=None, random_state=0
    ).fit(few, few_y)
    columns = ["score", "gain", "gain_low", "gain_high", "p_better", "verdict"]
    print(comparator.gain_[columns].round(3).to_string(), "\n")
    print("\n".join(comparator.summary_))


if __name__ == "__main__":
    main()
