"""Learning without labels on growing rows, warm against cold, and what it is worth where labels are few.

    python benchmarks/pretraining.py --data FOLDER [--parts adult images] [--seeds 5] [--quick] [--out PATH]

``FOLDER`` holds ``adult.csv.gz`` (UCI Adult; OpenML 1590) and ``fashion_mnist.npz`` (Xiao et al. 2017).

Rows without labels come in phases. In each of them a masked autoencoder is trained cold, and warm from what it had
learned in the phase before, for the same epochs: for tables :class:`~sk_warmstart.modules.MaskedAutoencoder`, for
images a small ViTMAE of transformers (left out where transformers is missing). The loss on held-out rows is taken
before the first step and after each epoch, by the same masks. "Equal loss" is the greater of the two final
losses of a pair; an arm that is there at its start counts as one epoch. After the last phase a few rows with
labels are used in these ways: a linear model on the columns; a linear model on the embeddings, of the network
trained cold and of that trained warm; a network fine-tuned from random weights, from cold's body and from
warm's, its head fresh or fitted first by a probe; the same epochs for all. Each seed draws rows, labels,
weights and masks anew; arms are paired inside a seed. Intervals are of the paired differences, 95 %, by the
posterior of overlapping training sets (``correlated_t``).
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _timing import made_by, write
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import Tensor, nn

from sk_warmstart import LeakageWarning, WarmStartClassifier, WarmStartTransformer
from sk_warmstart.modules import MLP
from sk_warmstart.statistics import correlated_t, effort_to_target, geometric_speedup

try:
    from transformers import ViTMAEConfig, ViTMAEForPreTraining, ViTMAEModel
except ImportError:
    ViTMAEConfig = None

IMAGES = {"image_size": 28, "patch_size": 7, "num_channels": 1, "hidden_size": 64, "intermediate_size": 128}
# Weights of the scale that suits this width; the default, 0.02, is for wide networks.
WEIGHTS = {"initializer_range": 0.12}
DEPTHS = {"num_hidden_layers": 2, "num_attention_heads": 4, "decoder_num_hidden_layers": 1, **WEIGHTS}
DECODER = {"decoder_hidden_size": 32, "decoder_intermediate_size": 64, "decoder_num_attention_heads": 4}
_GAIN = "{} less random weights'"
HELD_OUT = 2000  # rows that the loss is taken on
RANDOM, RAW = "fine-tuned from random weights", "linear, on columns"
ROUTES = ("linear, on embeddings", "fine-tuned", "head by a probe, then fine-tuned")


def positions(width: int) -> Tensor:
    """Sines and cosines of the rows and columns of patches; zeros for the first token, which is none.

    Of transformers 5.24 a model that is made from a configuration has zeros for all patches.
    """
    side = IMAGES["image_size"] // IMAGES["patch_size"]
    angles = torch.arange(side)[:, None] / 100 ** (torch.arange(width // 4) / (width // 4))
    waves = torch.cat([angles.sin(), angles.cos()], 1)
    grid = torch.cat([waves.repeat_interleave(side, 0), waves.repeat(side, 1)], 1)
    return torch.cat([torch.zeros(1, width), grid])[None]


if ViTMAEConfig is not None:

    class MaskedImages(ViTMAEForPreTraining):
        """A masked autoencoder of images that also gives embeddings."""

        def __init__(self, mask_ratio: float = 0.6):
            super().__init__(ViTMAEConfig(mask_ratio=mask_ratio, **IMAGES, **DEPTHS, **DECODER))
            self.vit.embeddings.position_embeddings.data = positions(IMAGES["hidden_size"])
            self.decoder.decoder_pos_embed.data = positions(DECODER["decoder_hidden_size"])
            nn.init.normal_(self.decoder.mask_token, std=0.02)

        def embed(self, X: Tensor) -> Tensor:
            masked, self.config.mask_ratio = self.config.mask_ratio, 0.0
            try:
                return self.vit(X).last_hidden_state[:, 1:].mean(1)
            finally:
                self.config.mask_ratio = masked

    class ImageClassifier(nn.Module):
        """The encoder of a masked autoencoder, which sees all patches, and a linear layer."""

        def __init__(self, n_outputs: int):
            super().__init__()
            self.vit = ViTMAEModel(ViTMAEConfig(mask_ratio=0.0, **IMAGES, **DEPTHS))
            self.vit.embeddings.position_embeddings.data = positions(IMAGES["hidden_size"])
            self.head = nn.Linear(IMAGES["hidden_size"], n_outputs)

        def forward(self, X: Tensor) -> Tensor:
            return self.head(self.vit(X).last_hidden_state[:, 1:].mean(1))


@dataclass
class Part:
    """One data set: how to draw its rows, and how its networks are trained."""

    name: str
    draw: Callable[[int], tuple[Any, Any, Any, Any]]  # rows to learn from, their labels, test rows, their labels
    phases: tuple[int, ...]
    labels: tuple[int, ...]
    learner: dict[str, Any]
    classifier: dict[str, Any]
    test_to_train: float
    binary: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)


def adult(folder: Path, quick: bool) -> Part:
    table = pd.read_csv(folder / "adult.csv.gz", na_values="?").fillna("missing")
    y = (table.pop("income").str.strip(" .") == ">50K").to_numpy().astype(int)
    if quick:
        table, y = table[:3000], y[:3000]
    text = table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]
    numbers = table.columns.difference(text)
    n_test = len(table) // 5

    def draw(seed: int) -> tuple[Any, Any, Any, Any]:
        rows, test, target, test_target = train_test_split(table, y, test_size=n_test, random_state=seed)
        encode = make_column_transformer(
            (make_pipeline(StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False), text),
        )
        rows = encode.fit_transform(rows).astype(np.float32)
        return rows, target, encode.transform(test).astype(np.float32), test_target

    n = len(table) - n_test
    network = {"module__hidden_layer_sizes": (64,) if quick else (256, 256), "lr": 1e-3}
    return Part(
        "adult",
        draw,
        (n // 2, n) if quick else (n // 8, n // 4, n // 2, n),
        (200,) if quick else (200, 1000),
        {**network, "batch_size": 256, "max_epochs": 2 if quick else 20},
        {**network, "module": MLP, "batch_size": 32, "max_epochs": 3 if quick else 20},
        n_test / n,
        binary=True,
    )


def images(folder: Path, quick: bool) -> Part:
    data = np.load(folder / "fashion_mnist.npz")
    X, y = (np.concatenate([data[f"{name}_{side}"] for side in ("train", "test")]) for name in "Xy")
    n, n_test = (300, 100) if quick else (3000, 2000)

    def draw(seed: int) -> tuple[Any, Any, Any, Any]:
        chosen = np.random.default_rng(seed).permutation(len(X))[: n + n_test]
        rows = X[chosen, None].astype(np.float32) / 255
        return rows[:n], y[chosen[:n]], rows[n:], y[chosen[n:]]

    return Part(
        "fashion_mnist",
        draw,
        (n // 2, n) if quick else (n // 4, n // 2, n),
        (200,) if quick else (200, 1000),
        {"module": MaskedImages, "lr": 1e-3, "batch_size": 32, "max_epochs": 2 if quick else 20},
        {"module": ImageClassifier, "lr": 1e-3, "batch_size": 32, "max_epochs": 2 if quick else 30},
        0.0,  # drawn from many more images than are used
    )


def pretrain(part: Part, seed: int, rows: Any, held_out: Any) -> dict[str, WarmStartTransformer]:
    """Train both arms over the phases; note what they took until they were equal. Return those of the last."""
    arms: dict[str, WarmStartTransformer] = {}
    for number, n in enumerate(part.phases, start=1):
        before = arms.get("warm")
        net = WarmStartTransformer(random_state=seed + 1000 * number, **part.learner)
        arms["cold"] = clone(net).fit(rows[:n], X_val=held_out)
        if before is None:
            arms["warm"] = arms["cold"]  # nothing lies behind it
            continue
        net.set_params(warm_start_from=FrozenEstimator(before))
        arms["warm"] = net.fit(rows[:n], X_val=held_out)
        curves = {name: _curve(net) for name, net in arms.items()}
        target = min(-losses[-1] for losses, _ in curves.values())
        row: dict[str, Any] = {"seed": seed, "phase": number, "rows": n}
        for name, (losses, seconds) in curves.items():
            epochs = np.arange(len(losses))
            row[f"{name}: epochs"] = effort_to_target(epochs, -losses, target, least=1)
            row[f"{name}: seconds"] = effort_to_target(seconds, -losses, target, least=float(seconds[1]))
            row[f"{name}: start"], row[f"{name}: end"] = float(losses[0]), float(losses[-1])
        part.rows.append(row)
    return arms


def _curve(net: WarmStartTransformer) -> tuple[np.ndarray, np.ndarray]:
    """Held-out losses from the start on, and the seconds until each of them."""
    losses = [net.start_.loss, *(row["valid_loss"] for row in net.history)]
    return np.array(losses, dtype=float), np.cumsum([0.0, *(row["dur"] for row in net.history)])


def use(
    part: Part, seed: int, arms: dict[str, Any], few: Any, target: Any, test: Any, truth: Any
) -> Iterator[Any]:
    """Yield what each way to use a few labels is worth on test rows."""

    def judged(way: str, arm: str, began: float, model: Any, rows: Any) -> dict[str, Any]:
        seconds = time.process_time() - began
        found = {"accuracy": float(model.score(rows, truth))}
        if part.binary:
            found["auc"] = float(roc_auc_score(truth, model.predict_proba(rows)[:, 1]))
        return {"seed": seed, "labels": len(few), "way": way, "arm": arm, **found, "seconds": seconds}

    def linear(rows: Any) -> Any:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        search = GridSearchCV(model, {"logisticregression__C": [0.001, 0.01, 0.1, 1]}, cv=3)
        return search.fit(rows.reshape(len(rows), -1), target)

    def tuned(**params: Any) -> Any:
        return WarmStartClassifier(random_state=seed, **part.classifier, **params).fit(few, target)

    began = time.process_time()
    yield judged(RAW, "", began, linear(few), test.reshape(len(test), -1))
    began = time.process_time()
    yield judged(RANDOM, "", began, tuned(), test)
    for name, net in arms.items():
        began = time.process_time()
        yield judged(ROUTES[0], name, began, linear(net.transform(few)), net.transform(test))
        for way, policy in zip(ROUTES[1:], ("warm", "linear_probe"), strict=True):
            began = time.process_time()
            body = tuned(warm_start_from=FrozenEstimator(net), init_policy=policy)
            yield judged(way, name, began, body, test)


def summary_of_growth(part: Part) -> list[dict[str, Any]]:
    """Speed-ups by phase, and over all, with intervals."""
    table = pd.DataFrame(part.rows)
    found = []
    for label, some in [*((f"{n} rows", rows) for n, rows in table.groupby("rows")), ("all phases", table)]:
        row: dict[str, Any] = {"data": part.name, "what": f"pretraining, {label}"}
        for unit in ("epochs", "seconds"):
            pair = some[f"cold: {unit}"], some[f"warm: {unit}"]
            speedup = geometric_speedup(*pair, replicate=some["seed"])
            row[f"{unit}, cold"], row[f"{unit}, warm"] = (float(each.mean()) for each in pair)
            row[f"speed-up in {unit}"] = _interval(speedup.speedup, (speedup.low, speedup.high))
        gains = (some["cold: end"] - some["warm: end"]).groupby(some["seed"]).mean()
        posterior = correlated_t(gains, part.test_to_train)
        row["final loss, cold less warm"] = _interval(posterior.mean, posterior.interval(0.95))
        found.append(row)
    return found


def summary_of_uses(part: Part, uses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accuracy of each way, and its difference to random weights, with intervals."""
    table, found = pd.DataFrame(uses), []
    scores = ["accuracy", "auc"] if part.binary else ["accuracy"]
    for (labels, way, arm), some in table.groupby(["labels", "way", "arm"], sort=False):
        row: dict[str, Any] = {"data": part.name, "labels": labels, "way": f"{way} ({arm})" if arm else way}
        row.update(dict.fromkeys(("accuracy", _GAIN.format("accuracy"), "auc", _GAIN.format("auc"))))
        reference = table[(table["labels"] == labels) & (table["way"] == RANDOM)].set_index("seed")
        for score in scores:
            gains = some.set_index("seed")[score] - reference[score]
            posterior = correlated_t(gains, part.test_to_train)
            row[score] = float(some[score].mean())
            if way != RANDOM:
                row[_GAIN.format(score)] = _interval(posterior.mean, posterior.interval(0.95))
        found.append({**row, "seconds": float(some["seconds"].mean())})
    return found


def _interval(mean: float, ends: tuple[float, float]) -> str:
    return f"{mean:.3g} [{ends[0]:.3g}, {ends[1]:.3g}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", default=["adult", "images"], choices=["adult", "images"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", LeakageWarning)  # test rows are never learned from
    if ViTMAEConfig is None and "images" in given.parts:
        print("transformers is missing: images are left out")
        given.parts.remove("images")
    growth: list[dict[str, Any]] = []
    worth: list[dict[str, Any]] = []
    raw: dict[str, Any] = {}
    began = time.perf_counter()
    for name in given.parts:
        part = {"adult": adult, "images": images}[name](given.data, given.quick)
        uses: list[dict[str, Any]] = []
        for seed in range(2 if given.quick else given.seeds):
            rows, target, test, truth = part.draw(seed)
            arms = pretrain(part, seed, rows, test[:HELD_OUT])
            for n in part.labels:
                few, _, few_target, _ = train_test_split(
                    rows, target, train_size=n, stratify=target, random_state=seed
                )
                uses += use(part, seed, arms, few, few_target, test, truth)
            print(f"{part.name}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
        growth += summary_of_growth(part)
        worth += summary_of_uses(part, uses)
        raw[part.name] = {"growth": part.rows, "uses": uses}
    minutes = round((time.perf_counter() - began) / 60, 1)
    about = made_by("benchmarks/pretraining.py", seeds=2 if given.quick else given.seeds, minutes=minutes)
    out: Path | None = given.out
    for what, rows in (("growth", growth), ("labels", worth)):
        write(None if out is None else out.with_name(f"{out.name}_{what}"), rows, about)
    if out is not None:
        out.with_name(f"{out.name}_runs.json").write_text(json.dumps(raw, indent=1) + "\n")


if __name__ == "__main__":
    main()
