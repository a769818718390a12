"""Training companions: what goes on after the start.

A donor knows digits. Few more rows arrive, and a third of their labels is wrong: trained on without a brake, the
network fits those too. Where training starts is one thing, how it goes on from there another. ``Freeze`` trains
the head only, ``GradualUnfreeze`` the head first and then layer after layer, lower ones more slowly, ``Anchor``
pulls the weights towards the donor's, ``WeightAverage`` returns the mean of the weights of the last steps. The
table tells how far each let the layers move. They are skorch callbacks whose parameters can be searched as
``callbacks__<name>__<parameter>``; here the search has nothing but rows with such labels to judge by.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, train_test_split

from sk_warmstart import WarmStartClassifier
from sk_warmstart.callbacks import Anchor, Freeze, GradualUnfreeze, WeightAverage
from sk_warmstart.state import NetState

COMPANIONS = {
    "none": [],
    "Freeze": [("freeze", Freeze("body"))],
    "GradualUnfreeze": [("unfreeze", GradualUnfreeze(n_epochs=5))],
    "Anchor": [("anchor", Anchor(strength=0.1, to="donor"))],
    "WeightAverage": [("average", WeightAverage(decay=0.98))],
}
WATCHED = ("hidden.0.weight", "hidden.2.weight", "output.weight")


def main() -> None:
    X, y = load_digits(return_X_y=True)
    old_X, X, old_y, y = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
    params = {"batch_size": 16, "dtype": "float32"}
    donor = FrozenEstimator(WarmStartClassifier(max_epochs=40, random_state=0, **params).fit(old_X, old_y))
    state = NetState.from_module(donor.estimator.module_)

    rows = []
    for seed in range(3):
        few, rest, few_y, rest_y = train_test_split(X, y, train_size=100, stratify=y, random_state=seed)
        wrong = np.random.default_rng(seed).choice(len(few_y), len(few_y) // 3, replace=False)
        few_y[wrong] = (few_y[wrong] + 1) % 10
        for name, callbacks in COMPANIONS.items():
            net = WarmStartClassifier(
                warm_start_from=donor, max_epochs=30, callbacks=callbacks, random_state=seed, **params
            ).fit(few, few_y)
            now = NetState.from_module(net.module_)
            moved = {f"{name} moved": float((now[name] - state[name]).norm()) for name in WATCHED}
            rows.append({"companion": name, "accuracy": net.score(rest, rest_y), **moved})
    print(f"{len(few)} more rows, {len(wrong)} labels wrong; accuracy of the donor {donor.score(X, y):.3f}\n")
    table = pd.DataFrame(rows).groupby("companion", sort=False).mean()
    print(table.to_string(float_format="{:.3f}".format))

    net.set_params(callbacks=COMPANIONS["Anchor"])
    search = GridSearchCV(net, {"callbacks__anchor__strength": [0, 0.01, 0.1, 1]}, cv=3).fit(few, few_y)
    scores = ", ".join(f"{score:.3f}" for score in search.cv_results_["mean_test_score"])
    print(f"\nA search over the anchor's strength: {scores}; chosen: {search.best_params_}")


if __name__ == "__main__":
    main()
