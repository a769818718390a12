"""Another task, other labels: what to do with the head.

A donor has learned to tell even digits from odd ones. The new task has the ten digits themselves, and few of
them. The donor's last layer is of no use there, but the features of the layers below may be. With
``schema="adapt"`` an output whose label is new starts from the fresh draw, so "warm" already means a fresh
head on a trained body; ``ResetLayers(2)`` draws the last two layers anew; ``LinearProbe`` fits the head by
scikit-learn's logistic regression on the features of the body, before the first step (LP-FT). The table has
means over five samples of new rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import LinearProbe, ResetLayers

STARTS = {
    "cold": "cold",
    "warm, fresh head": "warm",
    "last two layers fresh": ResetLayers(2),
    "head from a probe": LinearProbe(Cs=[0.001, 0.01, 0.1]),
}


def main() -> None:
    X, y = load_digits(return_X_y=True)
    old_X, X, old_y, y = train_test_split(X, y.astype(str), test_size=0.5, stratify=y, random_state=0)
    params = {"standardize": True, "schema": "adapt", "batch_size": 16, "dtype": "float32"}
    donor = WarmStartClassifier(max_epochs=30, random_state=0, **params)
    donor.fit(old_X, np.where(old_y.astype(int) % 2, "odd", "even"))

    rows = []
    for seed in range(5):
        few, rest, few_y, rest_y = train_test_split(X, y, train_size=60, stratify=y, random_state=seed)
        for name, policy in STARTS.items():
            net = WarmStartClassifier(
                init_policy=policy, warm_start_from=FrozenEstimator(donor), random_state=seed, **params
            )
            net.set_params(max_epochs=0).fit(few, few_y)  # the start alone
            row = {"start": name, "before": net.score(rest, rest_y)}
            for epochs in (5, 50):
                net.set_params(max_epochs=epochs).fit(few, few_y)
                row[f"after {epochs} epochs"] = net.score(rest, rest_y)
            rows.append(row)

    labels = donor.classes_.tolist()
    print(f"{len(few)} rows of ten digits, a donor of the classes {labels}; accuracy on other rows:\n")
    table = pd.DataFrame(rows).groupby("start", sort=False).mean()
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
