"""Whether standard training closes the gap of warm starts: augmentation, optimiser, schedule and weight decay.

The ablation of Ahn et al. (2025, figure 2) at a size that a CPU can do, and at the paper's on a GPU: {no
augmentation, crop and flip} x {SGD with momentum, Adam} x {constant rate, step schedule} x {no weight decay,
5e-4}, on data that grow and on classes that arrive. Arms are cold, warm, shrink_perturb and dash of
:class:`WarmStartComparator`; each cell is one comparison, whose table holds the interval. At the CPU's size most
rows are test rows: they cost little, and the interval owes most of its width to them. (One network at a time: a
step of these is arithmetic, and batch norm keeps networks out of packs.)

    OMP_NUM_THREADS=1 python benchmarks/standard_training.py --data FOLDER --out OUT

FOLDER holds cifar10_small.npz or fashion_mnist.npz (``X_train``, ``y_train``, ``X_test``, ``y_test``, bytes). A
cell that OUT.json has already is not run again, so the ablation can be made in several sittings; ``--seconds``
ends one, ``--arms`` and ``--cells`` choose. ``--size paper`` is ResNet-18 on CIFAR-100 (``CIFAR=FOLDER`` with
cifar100.npz, or ``--data``) on CUDA,
``--size lent`` the same network for minutes of a device; without the file it trains on images drawn at random,
which says how many cells an hour holds, and nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _networks import ResNet
from _timing import made_by, write
from numpy.typing import NDArray
from skorch.callbacks import LRScheduler

from sk_warmstart import ClassIncremental, DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.augment import Compose, RandomCrop, RandomHorizontalFlip
from sk_warmstart.policies import PlainShrinkWarning

ARMS = ("cold", "warm", "shrink_perturb", "dash")
SEED = 0
ROPE = 0.01
# Rates at which both optimisers train these networks well; the schedule divides them by ten twice.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "lr": 0.05},
    "Adam": {"optimizer": torch.optim.Adam, "lr": 0.001},
}
DEEP = (2, 2, 2, 2)  # ResNet-18
SIZES: dict[str, dict[str, Any]] = {
    "cpu": {
        "rows": 6_000,
        "side": 16,
        "width": 8,
        "blocks": (1, 1, 1),
        "epochs": 16,
        "batch": 64,
        "repeats": 8,
        "test_size": 0.7,
    },
    "paper": {
        "rows": 60_000,
        "side": 32,
        "width": 64,
        "blocks": (2,) * 4,
        "epochs": 60,
        "batch": 256,
        "repeats": 3,
    },
    "lent": {"rows": 8_000, "side": 32, "width": 64, "blocks": DEEP, "epochs": 12, "batch": 256, "repeats": 2},
    "rehearsal": {"rows": 120, "side": 8, "width": 2, "blocks": (1,), "epochs": 1, "batch": 64, "repeats": 2},
}
ON_GPU = ("paper", "lent")
PHASES = {"data": DataIncremental, "classes": ClassIncremental}


def main() -> None:
    """Run the cells that are missing, and write all that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("CIFAR"), help="folder of the images")
    parser.add_argument("--images", default="cifar10_small", choices=["cifar10_small", "fashion_mnist"])
    parser.add_argument("--phases", nargs="+", choices=list(PHASES), default=list(PHASES))
    parser.add_argument("--arms", nargs="+", choices=ARMS[1:], default=ARMS[1:], help="beside cold")
    parser.add_argument("--cells", nargs="+", metavar="WORDS", help="only cells whose names begin so")
    parser.add_argument("--repeats", type=int, help="replicates, instead of the size's own number")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no cell after so many")
    parser.add_argument("--size", choices=list(SIZES), default="cpu", help="paper and lent need CUDA")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md and OUT.png")
    options = parser.parse_args()
    settings = SIZES[options.size] | ({} if options.repeats is None else {"repeats": options.repeats})
    warnings.simplefilter("ignore", PlainShrinkWarning)
    torch.set_num_threads(1)
    X, y, named = images(options, settings)
    began, rows = time.perf_counter(), finished(options.out)
    about = made_by("benchmarks/standard_training.py", seed=SEED, rope=ROPE, size=options.size, **settings)
    for phases, (cell, parameters) in itertools.product(options.phases, cells(settings)):
        names = {"images": named, "phases": phases, "cell": cell}
        its = [row for row in rows if names.items() <= row.items()]
        arms = [arm for arm in options.arms if arm not in {row["arm"] for row in its}]
        if not arms or not cell.startswith(tuple(options.cells or [""])):
            continue
        if time.perf_counter() - began > options.seconds:
            break
        found = compared(X, y, phases, ["cold", *arms], parameters, settings, options)
        rows += [names | row for row in found if row["arm"] != "cold" or not its]
        write(options.out, rows, about)
    if options.out is not None and rows:
        draw(rows, options.out.with_suffix(".png"))


def cells(settings: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the parameters of each cell of the ablation."""
    epochs = settings["epochs"]
    crops = Compose([RandomCrop(max(1, settings["side"] // 8)), RandomHorizontalFlip()])
    steps = sorted({max(1, epochs // 2), max(1, 3 * epochs // 4)})
    schedule = [("schedule", LRScheduler("MultiStepLR", milestones=steps, gamma=0.1))]
    for augment, (name, optimizer), step, decay in itertools.product(
        (None, crops), OPTIMIZERS.items(), (False, True), (0.0, 5e-4)
    ):
        words = "crop and flip" if augment else "as they are", name, "steps" if step else "constant", f"{decay:g}"
        more = {"augment": augment, "callbacks": schedule if step else None, "optimizer__weight_decay": decay}
        yield ", ".join(words), optimizer | more


def compared(
    X: NDArray,
    y: NDArray,
    phases: str,
    arms: list[str],
    parameters: dict[str, Any],
    settings: dict[str, Any],
    options: Any,
) -> list[dict[str, Any]]:
    """Compare the arms in one cell; one row an arm."""
    net = WarmStartClassifier(
        ResNet,
        module__width=settings["width"],
        module__blocks=settings["blocks"],
        module__channels=X.shape[1],
        module__channels_last=True,
        autocast="bfloat16" if options.size in ON_GPU else None,
        batch_size=settings["batch"],
        max_epochs=settings["epochs"],
        schema="adapt",
        classes=np.unique(y),
        device="cuda" if options.size in ON_GPU else "cpu",
        **parameters,
    )
    began = time.perf_counter()
    comparator = WarmStartComparator(
        *(net, arms, PHASES[phases](3, test_size=settings.get("test_size", 0.2))),
        n_repeats=settings["repeats"],
        rope=ROPE,
        refit=None,
        n_probes=0,
        n_jobs=options.jobs,
        random_state=SEED,
    ).fit(X, y)
    took = round(time.perf_counter() - began)
    keep = ("score", "gain", "gain_low", "gain_high", "verdict", "speedup", "speedup_low", "speedup_high", "cost")
    return [
        {"arm": arm, **{name: _plain(row[name]) for name in keep}, "took_s": took}
        for arm, row in comparator.gain_.iterrows()
    ]


def images(options: Any, settings: dict[str, Any]) -> tuple[NDArray, NDArray, str]:
    """Return images of bytes, shape (n, channels, side, side), their labels, and what they are."""
    rng = np.random.default_rng(SEED)
    named = "cifar100" if options.size in ON_GPU else options.images
    path = None if options.data is None else Path(options.data) / f"{named}.npz"
    if options.size == "rehearsal" or path is None or not path.exists():
        if options.size == "cpu":
            raise SystemExit(f"--data FOLDER with {named}.npz is needed")
        shape = (settings["rows"], 3, settings["side"], settings["side"])
        return rng.integers(256, size=shape, dtype=np.uint8), np.arange(settings["rows"]) % 6, "drawn at random"
    with np.load(path) as data:
        X = np.concatenate([data["X_train"], data["X_test"]])
        y = np.concatenate([data["y_train"], data["y_test"]]).ravel()
    chosen = rng.permutation(len(X))[: settings["rows"]]
    X, y = X[chosen], y[chosen].astype(np.int64)
    X = X[..., None] if X.ndim == 3 else X
    factor = X.shape[1] // settings["side"]
    if factor > 1:  # means over squares of pixels
        side = X.shape[1] // factor
        X = X[:, : side * factor, : side * factor].reshape(len(X), side, factor, side, factor, -1)
        X = X.mean(axis=(2, 4)).round().astype(np.uint8)
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2)), y, named


def finished(out: Path | None) -> list[dict[str, Any]]:
    """Return the rows of cells that were run before."""
    if out is None or not out.with_suffix(".json").exists():
        return []
    return json.loads(out.with_suffix(".json").read_text())["rows"]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the gains of warm over cold in order, with intervals: one panel a kind of phases."""
    import matplotlib.pyplot as plt

    panels = {
        kind: sorted(
            (row for row in rows if row["phases"] == kind and row["arm"] == "warm"), key=lambda row: row["gain"]
        )
        for kind in PHASES
        if any(row["phases"] == kind for row in rows)
    }
    height = 1.6 + 0.3 * max(map(len, panels.values()))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(8 * len(panels), height), squeeze=False, sharex=True, layout="constrained"
    )
    for axis, (kind, its) in zip(axes[0], panels.items(), strict=True):
        for named, colour in (("as they are", "tab:orange"), ("crop and flip", "tab:blue")):
            places = [place for place, row in enumerate(its) if row["cell"].startswith(named)]
            if not places:
                continue
            gains, low, high = (
                np.array([100 * its[place][name] for place in places])
                for name in ("gain", "gain_low", "gain_high")
            )
            ends = [gains - low, high - gains]
            axis.errorbar(gains, places, xerr=ends, fmt="o", color=colour, capsize=3, label=f"images {named}")
        axis.axvline(0, color="black", linewidth=0.8)
        axis.axvspan(-100 * ROPE, 100 * ROPE, color="black", alpha=0.07, label="too small to matter")
        axis.set_yticks(range(len(its)), [row["cell"].partition(", ")[2] for row in its])
        axis.set_title({"data": "data grow", "classes": "classes arrive"}[kind])
        axis.set_xlabel("accuracy of warm less that of cold [points]")
        axis.set_ylabel("optimiser, rate, weight decay")
        axis.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 5)
    return value


if __name__ == "__main__":
    main()
