"""A category that appears only in the second half of adult: what a warm start keeps when one-hot columns grow.

The first half of the rows has none of the rarest twenty of ``native_country``; the second half has all of them.
A Pipeline (one-hot encoding, then a network that standardises its inputs itself) is fitted on the first half,
and then warm on all rows, where it has some twenty columns more. Measured: how far predictions of the old rows
are from before after a warm fit of zero epochs, and how many epochs cold and warm take until cold's final score
on held-out rows.

    python benchmarks/growing_schema.py --data adult.csv.gz --out benchmarks/results/growing_schema

The table is OpenML 1590 (``fetch_openml(data_id=1590)``), with ``income`` as the target.
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sk_warmstart import WarmStartClassifier

RARE = 20
EPOCHS = 10
DROPOUT = (0.3, 0.0)


def main() -> None:
    """Run it for several seeds and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="adult as CSV, also compressed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, help="only so many rows")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.read_csv(options.data, na_values="?", skipinitialspace=True)
    table.columns = table.columns.str.replace("-", "_")  # OpenML's spelling
    rows = [
        {"dropout": dropout, "seed": seed, **run(table, seed, dropout, options.rows)}
        for dropout in DROPOUT
        for seed in range(options.repeats)
    ]
    result = pd.DataFrame(rows)
    print(result.to_string(index=False))
    if options.out is not None:
        write(result, options.out)


def make_model(seed: int, **params: Any) -> Pipeline:
    """One-hot columns as they come, numbers as they are: the network standardises inside."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=["object", "str"])),
        remainder="passthrough",
        sparse_threshold=0,
    )
    net = WarmStartClassifier(
        schema="adapt",
        standardize=True,
        warm_start=True,
        module__hidden_layer_sizes=(64,),
        batch_size=512,
        dtype="float64",
        random_state=seed,
        **params,
    )
    return make_pipeline(encode, net)


def run(table: pd.DataFrame, seed: int, dropout: float, n_rows: int | None) -> dict[str, Any]:
    """Fit the first half, then all rows, warm and cold."""
    table = table.sample(n_rows or len(table), random_state=seed).reset_index(drop=True)
    y, X = table.pop("income").to_numpy(), table.fillna(dict.fromkeys(table.select_dtypes("str"), "missing"))
    countries = X["native_country"].value_counts()
    rare = X["native_country"].isin(countries.index[-RARE:]).to_numpy()
    held = np.random.default_rng(seed).random(len(X)) < 0.2
    early = ~held & ~rare & (np.arange(len(X)) < len(X) // 2)
    model = make_model(seed, max_epochs=EPOCHS, module__dropout=dropout).fit(X[early], y[early])
    before = model.predict_proba(X[early])

    donor = model[-1]
    known = ~held
    fitted = {}
    for name, params in (("zero epochs", {"max_epochs": 0}), ("warm", {}), ("cold", {"init_policy": "cold"})):
        pipe = clone(model).set_params(**{f"warmstartclassifier__{k}": v for k, v in params.items()})
        pipe.set_params(warmstartclassifier__warm_start_from=FrozenEstimator(donor))
        tested = pipe[:-1].fit(X[known]).transform(X[held])
        pipe.fit(X[known], y[known], warmstartclassifier__X_val=tested, warmstartclassifier__y_val=y[held])
        fitted[name] = pipe
    grown = fitted["zero epochs"]
    curves = {name: fitted[name][-1].history[:, "valid_score"] for name in ("warm", "cold")}
    start = fitted["warm"][-1].start_.score
    target = curves["cold"][-1]
    return {
        "columns": f"{donor.n_features_in_} -> {grown[-1].n_features_in_}",
        "jump": float(np.abs(grown.predict_proba(X[early]) - before).max()),
        "score cold": target,
        "score warm": curves["warm"][-1],
        "score at start": start,
        "epochs cold": _until(curves["cold"], target),
        "epochs warm": 0 if start >= target else _until(curves["warm"], target),
    }


def _until(curve: list[float], target: float) -> int | None:
    return next((epoch for epoch, score in enumerate(curve, start=1) if score >= target), None)


def write(result: pd.DataFrame, out: Path) -> None:
    """Write the numbers with what they were made with."""
    made_with = {
        "script": "benchmarks/growing_schema.py",
        "seeds": f"0 to {result['seed'].max()}",
        "epochs": EPOCHS,
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(
        json.dumps({**made_with, "rows": result.to_dict("records")}, indent=1) + "\n"
    )
    lines = ["| " + " | ".join(result.columns) + " |", "|---" * len(result.columns) + "|"]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in result.itertuples(index=False)]
    told = ", ".join(f"{key}: {value}" for key, value in made_with.items())
    out.with_suffix(".md").write_text("\n".join(lines) + f"\n\n({told})\n")


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1e}" if 0 < value < 1e-3 else f"{value:.4f}"


if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    main()
