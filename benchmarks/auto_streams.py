"""Epochs against score on streams that grow: cold, warm and "auto", each at several patiences.

Each stream is cut into seven slices. In phase k a network trains on the first k slices and is tested on the next
one; phase 1 is the base that all arms share. Streams: elec2 (in time order), adult (in random order), bike_sharing
(hourly, in time order; log of the count), digits (in random order), and a made one whose concept changes abruptly
in its middle, while a column tells the time. Numbers are scaled and categories one-hot encoded anew in each phase,
a tenth of the rows validates, and training stops when that no longer improves (``n_iter_no_change`` is the
patience; "cold" has scikit-learn's 10). Epochs are those of training and of what making a start took, races
included; they are given as a share of cold's. The gain is the mean difference of test score (accuracy, R2) to cold
at patience 10, with its interval over replicates, which differ in seeds only: the verdict holds for these streams.

    OMP_NUM_THREADS=1 python benchmarks/auto_streams.py --data FOLDER --out benchmarks/results/auto_streams

FOLDER holds elec2.csv.gz, adult.csv.gz and bike_sharing.csv.gz; ``fetch_openml`` of scikit-learn has them as
"electricity" (version 1), "adult" (version 2) and "Bike_Sharing_Demand" (version 2).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _timing import made_by, write
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sk_warmstart import WarmStartClassifier, WarmStartComparator, WarmStartRegressor

PATIENCE = 10
ROPE = 0.01
SEED = 0
COUNTED = ("elec2", "adult", "bike_sharing", "digits")  # whose epochs together the project set itself a limit for
LIMIT = 0.5


def main() -> None:
    """Compare the arms on each stream, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the CSV files; without it only the other streams run")
    parser.add_argument("--streams", nargs="+", default=[*COUNTED, "abrupt"])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--max-epochs", type=int, default=200)
    parser.add_argument("--out", type=Path, help="write OUT.json, OUT.md and OUT.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    epochs = {"cold": 0.0, "auto": 0.0}
    for name in options.streams:
        if options.data is None and name not in ("digits", "abrupt"):
            continue
        began = time.perf_counter()
        found = compare(name, options)
        if name in COUNTED:
            for arm in epochs:
                epochs[arm] += found.loc[arm, "epochs a fit"]
        for arm, row in found.iterrows():
            rows.append({"stream": name, "arm": arm, **row})
        settings = {
            "repeats": options.repeats,
            "max_epochs": options.max_epochs,
            "seed": SEED,
            "auto's share of cold's epochs": round(float(epochs["auto"] / epochs["cold"]), 4)
            if epochs["cold"]
            else None,
            "limit": LIMIT,
        }
        write(options.out, rows, made_by("benchmarks/auto_streams.py", **settings))
        print(f"{name}: {time.perf_counter() - began:.0f} s; {settings}", flush=True)
    if options.out:
        draw(pd.DataFrame(rows), options.out.with_suffix(".png"))


def compare(name: str, options: Any) -> pd.DataFrame:
    """Run the arms on one stream; one row an arm."""
    X, y, kind = STREAMS[name](options.data)
    net = kind(
        max_epochs=options.max_epochs,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        dtype="float32",
        schema="adapt",
    )
    if not isinstance(y[0], float | np.floating):
        net.set_params(classes=np.unique(y))
    arms: dict[str, dict[str, Any]] = {"cold": {"init_policy": "cold"}}
    arms |= {f"cold {p}": {"init_policy": "cold", "n_iter_no_change": p} for p in (2, 5)}
    arms |= {f"warm {p}": {"init_policy": "warm", "n_iter_no_change": p} for p in (2, 5, 10)}
    arms["auto"] = {"init_policy": "auto"}
    comparator = WarmStartComparator(
        make_pipeline(preprocessing(X), net),
        arms,
        TimeSeriesSplit(6),
        n_repeats=options.repeats,
        rope=ROPE,
        refit=None,
        random_state=SEED,
    ).fit(X, y)
    results = comparator.results_
    # Epochs of the start are in the samples: a pass over the rows is what a sample is counted in.
    results["passes"] = results["samples"] / results["n_fit"]
    passes = results.groupby("arm")["passes"].mean()
    gain = comparator.gain_
    return pd.DataFrame(
        {
            "epochs a fit": passes,
            "share of cold's": passes / passes["cold"],
            "score": gain["score"],
            "gain": gain["gain"],
            "low": gain["gain_low"],
            "high": gain["gain_high"],
            "verdict": gain["verdict"],
            "loss beyond ROPE": (gain["gain"] < -ROPE).map({True: "YES", False: "no"}),
        }
    ).loc[list(arms)]


def preprocessing(X: pd.DataFrame) -> Any:
    """Scale numbers, encode categories."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
        verbose_feature_names_out=True,
    ).set_output(transform="pandas")


def elec2(folder: Path) -> tuple[pd.DataFrame, Any, Any]:
    """Half-hours of an electricity market, in time order."""
    table = pd.read_csv(folder / "elec2.csv.gz")
    return table.drop(columns="class"), table["class"].to_numpy(), WarmStartClassifier


def adult(folder: Path) -> tuple[pd.DataFrame, Any, Any]:
    """Incomes, in random order."""
    table = pd.read_csv(folder / "adult.csv.gz")
    table = table.iloc[np.random.default_rng(SEED).permutation(len(table))].reset_index(drop=True)
    return table.drop(columns="income"), table["income"].to_numpy(), WarmStartClassifier


def bike_sharing(folder: Path) -> tuple[pd.DataFrame, Any, Any]:
    """Hourly counts, in time order."""
    table = pd.read_csv(folder / "bike_sharing.csv.gz")
    table = table.drop(columns=["casual", "registered", "instant", "dteday"])
    y = np.log1p(table.pop("cnt").to_numpy(dtype=float))
    return table, (y - y.mean()) / y.std(), WarmStartRegressor


def digits(folder: Path) -> tuple[pd.DataFrame, Any, Any]:
    """Images of digits, in random order."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(y))
    return pd.DataFrame(X[order]).add_prefix("pixel"), y[order], WarmStartClassifier


def abrupt(folder: Path) -> tuple[pd.DataFrame, Any, Any]:
    """A concept that gives way to another in the middle of the stream, as a column of time tells."""
    rng = np.random.default_rng(SEED)
    n = 14_000
    X = rng.standard_normal((n, 20))
    weights = rng.standard_normal((2, 20, 2))
    late = np.arange(n) >= n // 2
    first, second = (np.sin(X @ w[:, 0] / 2) + (X @ w[:, 1]) / 6 for w in weights)
    y = np.where(late, second, first) + 0.2 * rng.standard_normal(n) > 0
    return pd.DataFrame(X).add_prefix("x").assign(time=np.arange(n) / n), y.astype(int), WarmStartClassifier


STREAMS = {"elec2": elec2, "adult": adult, "bike_sharing": bike_sharing, "digits": digits, "abrupt": abrupt}


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the frontier of each stream: epochs against gain."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    streams = list(dict.fromkeys(table["stream"]))
    figure, axes = plt.subplots(
        1, len(streams), figsize=(3.4 * len(streams), 3.4), layout="constrained", squeeze=False
    )
    colours = {"cold": "#555555", "warm": "#c44e52", "auto": "#4c72b0"}
    for axis, stream in zip(axes[0], streams, strict=True):
        rows = table[table["stream"] == stream]
        for family, colour in colours.items():
            mine = rows[rows["arm"].str.startswith(family)].sort_values("epochs a fit")
            spread = [mine["gain"] - mine["low"], mine["high"] - mine["gain"]]
            axis.errorbar(
                mine["epochs a fit"],
                mine["gain"],
                yerr=np.nan_to_num(np.array(spread, dtype=float)),
                marker="o",
                color=colour,
                label=family,
                capsize=2,
                linewidth=1.2,
            )
        axis.axhspan(-ROPE, ROPE, color="#999999", alpha=0.15, linewidth=0)
        axis.set(title=stream, xlabel="epochs a fit, start included", xlim=(0, None))
    axes[0][0].set_ylabel("gain in test score")
    axes[0][-1].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
