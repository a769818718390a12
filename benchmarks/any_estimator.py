"""What warm is worth to ensembles, linear models and networks of other libraries: elec2 by month.

Each phase trains on four months, two of which are new, and tests on the next four. Warm adds trees, or
trains on, by its defaults, where cold begins anew.

    OMP_NUM_THREADS=1 python benchmarks/any_estimator.py --data FOLDER --out OUT

FOLDER holds elec2.csv.gz, as for ``auto_streams.py``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _timing import made_by, write
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from sk_warmstart import WarmStartComparator
from sk_warmstart.comparison import RollingWindow

TREES = 50
COLUMNS = ["day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
ESTIMATORS: dict[str, Any] = {
    "random forest": RandomForestClassifier(TREES, min_samples_leaf=5),
    "extra trees": ExtraTreesClassifier(TREES, min_samples_leaf=5),
    "bagging": BaggingClassifier(n_estimators=20),
    "gradient boosting": GradientBoostingClassifier(n_estimators=TREES),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=TREES),
    "LightGBM": LGBMClassifier(n_estimators=TREES, n_jobs=1),
    "XGBoost": XGBClassifier(n_estimators=TREES, n_jobs=1),
    "CatBoost": CatBoostClassifier(iterations=TREES, depth=4, thread_count=1),
    "SGD": make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss")),
    "MLP": make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=60)),
    "naive Bayes": GaussianNB(),
}


def elec2(path: Path, every: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return every so many rows in the order of time, whether the price rises, and the month of each."""
    table = pd.read_csv(path)
    days = np.cumsum(table["date"].diff().fillna(0).ne(0).to_numpy())  # a day has one date
    table = table.assign(month=days * 31 // (days[-1] + 1)).iloc[::every]
    y = (table["class"] == "UP").to_numpy(dtype=np.int64)
    return table[COLUMNS].to_numpy(dtype=float), y, table["month"].to_numpy(dtype=np.int64)


def main() -> None:
    """Compare cold and warm for each estimator, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of elec2.csv.gz")
    parser.add_argument("--every", type=int, default=6, help="take every so many rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, months = elec2(options.data / "elec2.csv.gz", options.every)
    rows: list[dict[str, Any]] = []
    for name, estimator in ESTIMATORS.items():
        began = time.perf_counter()
        comparator = WarmStartComparator(
            estimator,
            ("cold", "warm"),
            RollingWindow(4, step=2),
            n_repeats=options.repeats,
            refit=None,
            random_state=0,
        ).fit(X, y, groups=months)
        cold, warm = comparator.gain_.loc["cold"], comparator.gain_.loc["warm"]
        epochs = comparator.results_.groupby("arm")["epochs"].mean()
        rows.append(
            {
                "estimator": name,
                "cold": float(cold["score"]),
                "warm": float(warm["score"]),
                "gain": float(warm["gain"]),
                "low": float(warm["gain_low"]),
                "high": float(warm["gain_high"]),
                "verdict": warm["verdict"],
                "rounds, cold": float(epochs["cold"]),
                "rounds, warm": float(epochs["warm"]),
                "speed-up": float(warm["speedup"]),
                "cost": warm["cost"],
                "seconds, cold": float(cold["seconds"]),
                "seconds, warm": float(warm["seconds"]),
                "took, s": round(time.perf_counter() - began, 1),
                "sentence": comparator.summary_[0],
            }
        )
        print(rows[-1]["sentence"], flush=True)
    write(
        options.out,
        rows,
        made_by("benchmarks/any_estimator.py", rows=len(y), repeats=options.repeats, trees=TREES),
    )


if __name__ == "__main__":
    main()
