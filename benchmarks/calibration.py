"""How often the comparator finds a difference where there is none, and where there is one.

Each comparison has a data set of its own: two overlapping clouds of points. Two arms are compared that start cold
alike, each with its own fresh draws and orders of the data, never the identical run twice: any verdict but neutral
or undecided is wrong. It is counted over many comparisons, at several widths of the region of practical
equivalence (none at all is the hardest), with random splits (which vary with the replicate and overlap) and with
splits that are the same in every replicate. Then a gain is planted in the second arm's scores, of two spreads: of
the differences of the paired replicates, which is what the test sees, or of one arm's scores. A spread is a
standard deviation over the replicates. Intervals are Wilson's, of 95 percent.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py --out benchmarks/results/calibration
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _timing import made_by, write
from joblib import Parallel, delayed
from scipy import stats
from sklearn.model_selection import TimeSeriesSplit

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison.findings._gain import gain_table

ROPES = (0.0, 0.005, 0.01, 0.02)
CONFIDENCE = 0.95
SPREADS = 2
ROWS = 240
PHASES = {"random splits": DataIncremental(2), "fixed splits": TimeSeriesSplit(2)}


def main() -> None:
    """Run the comparisons, and write the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args()
    rows = []
    for splits in PHASES:
        found = Parallel(n_jobs=options.jobs)(
            delayed(verdicts)(splits, seed, options.repeats) for seed in range(options.comparisons)
        )
        for rope in ROPES:
            same = [each["same", rope] for each in found]
            wrong = sum(verdict in ("beneficial", "detrimental") for verdict in same)
            rows.append(
                {
                    "splits": splits,
                    "ROPE": rope,
                    "of equal arms called different": wrong / len(same),
                    "[95%]": interval(wrong, len(same)),
                    "called better": same.count("beneficial") / len(same),
                    "called neutral": same.count("neutral") / len(same),
                }
            )
            for column, of in (
                ("found: 2 spreads of differences", "differences"),
                ("found: 2 spreads of scores", "scores"),
            ):
                right = [each[of, rope] for each in found].count("beneficial")
                rows[-1] |= {column: right / len(same), f"[95%] of {of}": interval(right, len(same))}
    write(
        options.out,
        rows,
        made_by(
            "benchmarks/calibration.py",
            comparisons=options.comparisons,
            replicates=options.repeats,
            rows=ROWS,
            confidence=CONFIDENCE,
            planted=f"{SPREADS} spreads",
            seeds=f"0 to {options.comparisons - 1}",
        ),
    )


def verdicts(splits: str, seed: int, n_repeats: int) -> dict[tuple[str, float], str]:
    """The verdicts of one comparison of equal arms, and of the same with a gain planted."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=ROWS)
    X = (rng.normal(size=(ROWS, 4)) + 0.8 * y[:, None] * (np.arange(4) < 2)).astype(np.float32)
    net = WarmStartClassifier(max_epochs=10, lr=0.01, batch_size=32, module__hidden_layer_sizes=(8,))
    arms = {"cold": "cold", "again": {"init_policy": "cold", "random_state": 1}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        comparator = WarmStartComparator(
            net, arms, PHASES[splits], n_repeats=n_repeats, refit=None, random_state=seed
        ).fit(X, y)
    results = comparator.results_
    scores = results.pivot_table("score", "repeat", "arm")
    spreads = {
        "same": 0.0,
        "differences": (scores["again"] - scores["cold"]).std(ddof=1),
        "scores": scores["cold"].std(ddof=1),
    }
    found = {}
    for kind, spread in spreads.items():
        table = results.assign(score=results["score"] + SPREADS * spread * (results["arm"] == "again"))
        found |= {(kind, rope): verdict_on(table, comparator.test_to_train_, rope) for rope in ROPES}
    return found


def verdict_on(results: pd.DataFrame, test_to_train: float, rope: float) -> str:
    """The comparator's verdict on the second arm."""
    gain, _ = gain_table(results, test_to_train, rope, CONFIDENCE)
    verdict = str(gain.loc["again", "verdict"])
    if verdict == "failed":
        raise RuntimeError(results["error"].max())
    return verdict


def interval(count: int, n: int) -> str:
    """Wilson's interval of a rate."""
    low, high = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main()
