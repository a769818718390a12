"""Search for the best way to start: a grid over policies, from a donor that is already trained.

Half of the digits are yesterday's and train a donor. A grid search on the other half then asks how much of the
donor to keep. ``clone`` would drop what an estimator has learned, so the donor is passed as
``warm_start_from=FrozenEstimator(donor)``, which survives the search's cloning.
"""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, train_test_split

from sk_warmstart import WarmStartClassifier


def main() -> None:
    X, y = load_digits(return_X_y=True)
    old_X, new_X, old_y, new_y = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)

    net = WarmStartClassifier(max_epochs=30, batch_size=32, dtype="float32", random_state=0)
    donor = net.fit(old_X, old_y)

    # Few epochs, as in a retraining that has to be cheap: here the start matters.
    student = WarmStartClassifier(
        warm_start_from=FrozenEstimator(donor), max_epochs=3, batch_size=32, dtype="float32", random_state=1
    )
    search = GridSearchCV(
        student,
        [
            {"init_policy": ["cold", "warm"]},
            {"init_policy": ["shrink_perturb"], "init_policy__shrink": [0.2, 0.5, 0.8]},
        ],
        cv=3,
    ).fit(new_X, new_y)

    table = pd.DataFrame(search.cv_results_["params"]).rename(
        columns={"init_policy": "policy", "init_policy__shrink": "shrink"}
    )
    table["accuracy"] = search.cv_results_["mean_test_score"]
    table = table.sort_values("accuracy", ascending=False)
    print(table.to_string(index=False, na_rep="", float_format="{:.3f}".format))
    start = search.best_estimator_.start_
    print(f"\nBest: {start.policy} {start.params}; accuracy before its first step {start.score:.3f}.")


if __name__ == "__main__":
    main()
