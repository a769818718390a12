"""Images a second of ResNet-18 in bfloat16, channels last: our estimator against a loop written by hand.

Images of bytes, 32 x 32 x 3, drawn at random (what they show costs nothing), batches of 512, SGD with momentum.
Both move all images to the device, permute them once an epoch and cast batch by batch. One epoch warms up; the
others are timed in turn, with the device idle before and after.

    python benchmarks/gpu/resnet_speed.py --out OUT
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from _networks import ResNet
from _timing import interleaved, made_by, write

from sk_warmstart import WarmStartClassifier

LR, MOMENTUM = 0.05, 0.9


def main() -> None:
    """Time both, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_480)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(options.images, 3, 32, 32), dtype=np.uint8)
    y = rng.integers(10, size=options.images)
    net = WarmStartClassifier(
        ResNet,
        module__width=options.width,
        module__channels_last=True,
        optimizer=torch.optim.SGD,
        optimizer__momentum=MOMENTUM,
        lr=LR,
        batch_size=options.batch_size,
        max_epochs=1,
        autocast="bfloat16",
        device=options.device,
        random_state=0,
        classes=np.arange(10),
    ).fit(X[: options.batch_size], y[: options.batch_size])

    def ours() -> None:
        net.partial_fit(X, y)
        finish(options.device)

    taken = interleaved({"ours": ours, "by hand": epoch_by_hand(X, y, options)}, options.runs)
    walls = {name: its["wall"] / 1e3 for name, its in taken.items()}
    rows = [
        {"who": name, "images a second": options.images / wall, "by hand / this": walls["by hand"] / wall}
        for name, wall in walls.items()
    ]
    name = torch.cuda.get_device_name() if options.device != "cpu" else "cpu"
    settings = {"images": options.images, "width": options.width, "batch_size": options.batch_size}
    write(options.out, rows, made_by("benchmarks/gpu/resnet_speed.py", device=name, runs=options.runs, **settings))


def epoch_by_hand(X: np.ndarray, y: np.ndarray, options: Any) -> Any:
    """Return a loop over one epoch as PyTorch's own documentation writes it, with nothing left to save."""
    torch.manual_seed(0)
    network = ResNet(10, options.width, channels_last=True).to(options.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM)
    criterion = nn.CrossEntropyLoss()

    def run() -> None:
        images, labels = (torch.from_numpy(part).to(options.device) for part in (X, y))  # ours moves them too
        network.train()
        for index in torch.randperm(len(images), device=options.device).split(options.batch_size):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(torch.device(options.device).type, dtype=torch.bfloat16):
                loss = criterion(network(images[index]), labels[index])
            loss.backward()
            optimizer.step()
        finish(options.device)

    return run


def finish(device: str) -> None:
    """Wait for what was launched."""
    if device != "cpu":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
