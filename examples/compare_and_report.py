"""Compare three ways to retrain, and write the report.

Half of the digits arrive in three phases, the others are the test rows. In each of three replicates a cold, a
warm and a shrunken start are trained on the same rows in the same order. Three replicates are few: the
verdict then often is ``undecided``, and says whether more of them would decide.

Run ``python compare_and_report.py report.html`` to keep the report; without a path it goes to a temporary
folder.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator


def main(report: Path) -> None:
    X, y = load_digits(return_X_y=True)
    net = WarmStartClassifier(max_epochs=10, batch_size=32, dtype="float32")
    comparator = WarmStartComparator(
        make_pipeline(MinMaxScaler(), net),
        policies=("cold", "warm", "shrink_perturb"),
        phases=DataIncremental(n_phases=3, test_size=0.5),
        n_repeats=3,
        random_state=0,
    ).fit(X, y)

    columns = ["score", "gain", "gain_low", "gain_high", "speedup", "seconds", "verdict"]
    print(comparator.gain_[columns].to_string(float_format="{:.3f}".format))
    print()
    for sentence in comparator.summary_:
        print(sentence)
    print(f"\nTo go on with: {comparator.best_arm_}")
    path = comparator.report(report)
    print(f"The report is in {path.name} ({path.stat().st_size // 1000} kB).")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder) / "report.html")
