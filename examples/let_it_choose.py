"""Policies that choose: a race among starts and donors, and a decision from evidence.

Three networks were trained on digits before: one on images that were turned upside down, one on the lower
half of the ten classes only, and one on other rows of the task at hand. ``BestOf`` lets starts from each of
them train side by side for a few epochs, halves the field by validation score, and begins again from the
winner's start.

``Auto`` has one donor: it looks at the donor's loss on rows that are new to it, at drift, and at changes of
classes and columns. It starts warm or cold where that is clear, races where it is not, and says why in
``start_.reasons``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sk_warmstart import WarmStartClassifier
from sk_warmstart.policies import BestOf


def main() -> None:
    X, y = load_digits(return_X_y=True)
    old_X, X, old_y, y = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)
    X, rest, y, rest_y = train_test_split(X, y, train_size=200, stratify=y, random_state=0)
    net = WarmStartClassifier(
        classes=np.arange(10), max_epochs=40, batch_size=32, dtype="float32", early_stopping=True, random_state=0
    )
    low = old_y < 5
    rows = {"upside down": (old_X[:, ::-1], old_y), "0 to 4": (old_X[low], old_y[low]), "same": (old_X, old_y)}
    donors = {name: FrozenEstimator(clone(net).fit(*each)) for name, each in rows.items()}

    first, *sources = donors
    race = BestOf(["cold", "warm", "shrink_perturb"], sources=[donors[name] for name in sources])
    racer = clone(net).set_params(init_policy=race, warm_start_from=donors[first], random_state=1).fit(X, y)
    print(f"A race of starts from {first!r}, and of sources", dict(enumerate(sources)), "\n")
    print(pd.DataFrame(racer.start_.race).to_string(index=False, float_format="{:.3f}".format))
    print(f"\nBegan as {racer.start_.chosen!r}; accuracy on other rows {racer.score(rest, rest_y):.3f}\n")

    for name, donor in donors.items():
        auto = clone(net).set_params(init_policy="auto", warm_start_from=donor, random_state=1).fit(X, y)
        print(f"Auto with the donor {name!r} started {auto.start_.chosen}:")
        print(*(f"  - {reason}" for reason in auto.start_.reasons), sep="\n")
        print(f"  accuracy on other rows {auto.score(rest, rest_y):.3f} after {auto.n_iter_} epochs\n")


if __name__ == "__main__":
    main()
