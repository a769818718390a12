"""Images that stay on disk: a torch Dataset with early stopping, a warm start and a policy that looks at rows.

The digits of scikit-learn are written as small image files (PGM) into a temporary folder first. The Dataset
opens a file when its row is asked for, so that no more than a batch is in memory; where reading is slow, set
``iterator_train__num_workers``. Its labels, here words, are found in one pass over it, unless they are passed
beside it as here.

A row on disk is known by its position. Where rows come and go, as below, pass ``sample_id``: a row that trained
once then never validates later.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import Dataset

from sk_warmstart import WarmStartClassifier

WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


class Images(Dataset):
    """Images in files, with their labels."""

    def __init__(self, paths: list[Path], labels: np.ndarray):
        self.paths, self.labels = paths, labels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, str]:
        grey = self.paths[i].read_bytes()[-64:]
        return torch.tensor(list(grey), dtype=torch.float32).reshape(1, 8, 8) / 255, self.labels[i]


class Convolution(nn.Module):
    def __init__(self, n_outputs: int = 10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Linear(32, n_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(images))


def write_images(folder: Path) -> tuple[list[Path], np.ndarray]:
    images, codes = load_digits(return_X_y=True)
    paths = [folder / f"{number}.pgm" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(b"P5 8 8 255\n" + (image * 15).astype(np.uint8).tobytes())
    return paths, WORDS[codes]


def main(folder: Path) -> None:
    paths, labels = write_images(folder)
    test = Images(paths[1400:], labels[1400:])
    for policy in ("cold", "warm", "shrink_perturb"):
        net = WarmStartClassifier(
            Convolution,
            init_policy=policy,
            warm_start=True,
            early_stopping=True,
            n_iter_no_change=3,
            max_epochs=20,
            lr=0.003,
            batch_size=64,
            random_state=0,
        )
        epochs = []
        for n_rows in (700, 1400):
            rows = Images(paths[:n_rows], labels[:n_rows])
            net.fit(rows, labels[:n_rows], sample_id=np.arange(n_rows))
            epochs.append(net.n_iter_)
        accuracy = np.mean(net.predict(test) == labels[1400:])
        print(f"{policy:15s} {epochs[0]:3d} and {epochs[1]:3d} epochs, {accuracy:.3f} of the test images right")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
