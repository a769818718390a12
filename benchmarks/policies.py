"""Every policy on the two-phase protocol, where the warm penalty is known to occur and where it is not.

A network trains on a small share of the rows until it has fitted them, and then on four times as many, once from
each start: a policy is an arm of :class:`WarmStartComparator`, paired with cold in split, base fit and seed. There
are two tables (digits; images of Fashion-MNIST, of which each replicate draws its rows anew), two networks (a
perceptron and a small convolutional one), and two regimes:

* bare: no augmentation, no weight decay, no early stopping; training ends when the mean loss of an epoch is below
  0.02 (practically all training rows are right then), or after 150 epochs;
* regularised: images are shifted at random in training, a tenth of the last hidden layer is dropped, AdamW decays
  weights by 0.1, and training stops when the validation score has not improved for fifteen epochs ("auto" chooses
  its own patience), or after 100 epochs.

A tenth of the rows validates. The gain is that in test accuracy against cold, with the comparator's interval. The
speed-up is the geometric mean of cold's over the arm's training samples until the validation score that both end
with, less the ROPE; the epochs of races count, other costs of a start do not (see ``start_cost.py``): ``seconds``
has them. An arm that scores worse has an easy target, so its cost is not judged. ``reached`` is the share of runs
that got to cold's own final score less the ROPE. The arm "again" is cold with draws of its own: it shows what the
table says of equal arms. Compare arms inside a setting only: with so few rows the regularised nets end below the
bare ones, cold ones too.

    OMP_NUM_THREADS=1 python benchmarks/policies.py --data FOLDER --out benchmarks/results/policies

FOLDER holds fashion_mnist.npz with ``X_train``, ``y_train``, ``X_test``, ``y_test`` (uint8); ``fetch_openml`` of
scikit-learn has it as "Fashion-MNIST". Without it only digits run. Settings were chosen by the time they take.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _timing import made_by, write
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedShuffleSplit
from skorch.callbacks import Callback
from torch import Tensor, nn

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.policies import PlainShrinkWarning, ShrinkPerturb

ROPE = 0.01
SEED = 0
ROWS = 300, 1_200, 400  # phase 1, phase 2, test
POOL = 15_000  # rows of Fashion-MNIST that replicates draw from
FITTED, BARE_EPOCHS = 0.02, 150
DECAY, EPOCHS, PATIENCE = 0.1, 100, 15
ARMS: dict[str, Any] = {
    "cold": "cold",
    "again": {"init_policy": "cold", "random_state": 1},
    "warm": "warm",
    "shrink_perturb": "shrink_perturb",
    "shrink_perturb(0.8, 0.05)": {"init_policy": ShrinkPerturb(0.8, 0.05)},
    "interpolate": "interpolate",
    "dash": "dash",
    "fire": "fire",
    "reset_head": "reset_layers",
    "recycle_dormant": "recycle_dormant",
    "linear_probe": "linear_probe",
    "best_of": "best_of",
    "auto": "auto",
}
COLOURS = {"cold": "black", "again": "#888888", "auto": "#00441b"}


class Net(nn.Module):
    """A perceptron or a small convolutional network for square images.

    Parameters
    ----------
    n_features, n_outputs : int
        Pixels and classes.
    kind : {"mlp", "conv"}
        Which.
    shift : int, default=0
        In training every image is moved by up to so many pixels, down or up and left or right.
    """

    def __init__(self, n_features: int, n_outputs: int, kind: str, shift: int = 0):
        super().__init__()
        self.side, self.shift = round(n_features**0.5), shift
        if kind == "mlp":
            layers: list[nn.Module] = [
                nn.Flatten(),
                nn.Linear(n_features, 100),
                nn.ReLU(),
                nn.Linear(100, width := 100),
            ]
        else:
            small = 14 if self.side == 28 else 8
            layers = [nn.AvgPool2d(self.side // small)]
            for inputs, outputs in ((1, 8), (8, 16)):
                layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
            layers += [nn.Flatten(), nn.Linear(16 * round(small / 3.5) ** 2, width := 64)]
        # Dropout also makes the estimator seed what the network draws, shifts included.
        self.body = nn.Sequential(*layers, nn.ReLU(), nn.Dropout(0.1 if shift else 0.0))
        self.head = nn.Linear(width, n_outputs)

    def forward(self, X: Tensor) -> Tensor:
        images = X.reshape(-1, 1, self.side, self.side)
        if self.training and self.shift:
            images = self._shifted(images)
        return self.head(self.body(images))

    def _shifted(self, images: Tensor) -> Tensor:
        """Move each image by an amount of its own; what comes in is empty."""
        n, width = len(images), 2 * self.shift + 1
        padded = nn.functional.pad(images[:, 0], [self.shift] * 4)
        place = torch.arange(self.side)
        down, right = torch.randint(width, (2, n, 1))
        rows, columns = (down + place)[:, :, None], (right + place)[:, None]
        return padded[torch.arange(n)[:, None, None], rows, columns][:, None]


class StopWhenFitted(Callback):
    """End a fit when the mean training loss of an epoch is below a limit, as skorch's callbacks end fits."""

    def __init__(self, limit: float):
        self.limit = limit

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if net.history[-1]["train_loss"] < self.limit:
            raise KeyboardInterrupt


class TwoPhases(BaseEstimator):
    """Splitter of one stream of two phases, which share the test rows: a few training rows, and then all.

    Parameters
    ----------
    first, train, test : int
        Rows of the first phase, of the second one, and of the test.
    random_state : int, default=0
        Seed; the comparator gives every replicate another one.
    """

    def __init__(self, first: int, train: int, test: int, random_state: int = 0):
        self.first = first
        self.train = train
        self.test = test
        self.random_state = random_state

    def split(self, X: Any, y: Any) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the rows that train and those that test."""
        splitter = StratifiedShuffleSplit(
            1, train_size=self.train, test_size=self.test, random_state=self.random_state
        )
        train, test = next(splitter.split(np.zeros(len(y)), y))
        yield train[: self.first], test
        yield train, test


def main() -> None:
    """Compare the policies in each setting, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of fashion_mnist.npz; without it only digits run")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--nets", nargs="+", choices=["mlp", "conv"], default=["mlp", "conv"])
    parser.add_argument("--regimes", nargs="+", choices=["bare", "regularised"], default=["bare", "regularised"])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument(
        "--redraw", action="store_true", help="make OUT.md and OUT.png from OUT.json, and run nothing"
    )
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md and OUT.png")
    options = parser.parse_args()
    if options.redraw:
        saved = json.loads(options.out.with_suffix(".json").read_text())
        write(options.out, saved["rows"], saved["made_by"])
        draw(pd.DataFrame(saved["rows"]), options.out.with_suffix(".png"))
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", PlainShrinkWarning)  # Dash in wide layers: its docstring has it
    rows: list[dict[str, Any]] = []
    took: dict[str, int] = {}
    for table in options.tables:
        if table == "fashion" and options.data is None:
            continue
        X, y = TABLES[table](options.data)
        for kind in options.nets:
            for regime in options.regimes:
                setting, began = f"{table}, {kind}, {regime}", time.perf_counter()
                rows += compare(setting, estimator(table, kind, regime), X, y, options.repeats)
                took[setting] = round(time.perf_counter() - began)
                about = made_by(
                    "benchmarks/policies.py",
                    repeats=options.repeats,
                    rows=ROWS,
                    pool=POOL,
                    rope=ROPE,
                    seed=SEED,
                    took_s=took,
                )
                write(options.out, rows, about)
    if options.out:
        draw(pd.DataFrame(rows), options.out.with_suffix(".png"))


def digits(folder: Path | None) -> tuple[NDArray, NDArray]:
    """The 1,797 digits of scikit-learn, 8 x 8 pixels."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def fashion(folder: Path) -> tuple[NDArray, NDArray]:
    """A part of Fashion-MNIST, 28 x 28 pixels."""
    with np.load(folder / "fashion_mnist.npz") as data:
        X, y = data["X_train"][:POOL], data["y_train"][:POOL]
    return (X.reshape(len(X), -1) / 255).astype(np.float32), y.astype(np.int64)


TABLES = {"digits": digits, "fashion": fashion}


def estimator(table: str, kind: str, regime: str) -> WarmStartClassifier:
    """The network of a setting, and how it trains."""
    settings: dict[str, Any] = {"batch_size": 32, "lr": 3e-3 if kind == "conv" else 1e-3, "module__kind": kind}
    if regime == "bare":
        return WarmStartClassifier(
            Net,
            max_epochs=BARE_EPOCHS,
            optimizer__weight_decay=0.0,
            callbacks=[("fitted", StopWhenFitted(FITTED))],
            **settings,
        )
    return WarmStartClassifier(
        Net,
        max_epochs=EPOCHS,
        optimizer__weight_decay=DECAY,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        module__shift=1 if table == "digits" else 2,
        **settings,
    )


def compare(setting: str, net: Any, X: NDArray, y: NDArray, repeats: int) -> list[dict[str, Any]]:
    """Run all arms in one setting; one row an arm."""
    comparator = WarmStartComparator(
        net,
        ARMS,
        TwoPhases(*ROWS),
        n_repeats=repeats,
        rope=ROPE,
        refit=None,
        n_probes=0,
        # Networks that draw random numbers in training train alone: then all arms of a replicate draw the same.
        packed="module__shift" not in net.get_params(),
        random_state=SEED,
    ).fit(X, y)
    gain, runs = comparator.gain_, comparator.results_
    runs["passes"] = runs["samples"] / runs["n_fit"]
    passes = runs.groupby("arm")[["epochs", "passes"]].mean()
    return [
        {
            "setting": setting,
            "policy": arm,
            "score": row["score"],
            "gain [points]": _rounded(100 * row["gain"]),
            "low": _rounded(100 * row["gain_low"]),
            "high": _rounded(100 * row["gain_high"]),
            "worst": _rounded(100 * row["worst_gain"]),
            "verdict": row["verdict"],
            "cost": row["cost"] or None,
            "speed-up": row["speedup"],
            "from": _rounded(row["speedup_low"]),
            "to": _rounded(row["speedup_high"]),
            "reached": row["reached"],
            "epochs": passes.loc[arm, "epochs"],
            "epochs, races included": passes.loc[arm, "passes"],
            "seconds": row["seconds"],
        }
        for arm, row in gain.iterrows()
    ]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3) + 0.0


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw gain against epochs: a panel for each setting."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings = list(dict.fromkeys(table["setting"]))
    figure, axes = plt.subplots(
        -(-len(settings) // 4),
        min(4, len(settings)),
        figsize=(3.6 * min(4, len(settings)), 3.6 * -(-len(settings) // 4) + 0.6),
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat[len(settings) :]:
        axis.set_visible(False)
    handles = {}
    for axis, setting in zip(axes.flat, settings, strict=False):
        rows = table[table["setting"] == setting].set_index("policy")
        axis.axhspan(-100 * ROPE, 100 * ROPE, color="#999999", alpha=0.15, linewidth=0)
        axis.axhline(0, color="#555555", linewidth=0.8)
        for number, (policy, row) in enumerate(rows.iterrows()):
            colour = COLOURS.get(str(policy), f"C{(number - 1) % 10}")
            x, y = row["epochs, races included"], row["gain [points]"]
            spread = None if policy == "cold" else [[y - row["low"]], [row["high"] - y]]
            handles[policy] = axis.errorbar(
                x,
                y,
                yerr=spread,
                marker="*" if policy == "cold" else "xosD^vP<>Xhp"[number - 1],
                markersize=10 if policy == "cold" else 6,
                color=colour,
                elinewidth=0.8,
                linestyle="none",
                zorder=3 if policy == "cold" else 2,
            )
        axis.set_title(setting, fontsize=10)
        axis.set_xlim(0, rows["epochs, races included"].max() * 1.06)
    figure.supxlabel("epochs of the second fit, races included (grey band: practically no gain)", fontsize=10)
    figure.supylabel("gain in test accuracy against cold [points]", fontsize=10)
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=6, fontsize=9)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
