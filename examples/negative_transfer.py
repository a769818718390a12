"""A donor that does harm: how it is detected, and what protects against it.

A network has memorised digits whose labels were shuffled. To start from it is worse than to start anew: the
comparator says so, over eight replicates that train as long for both. ``BestOf`` and ``Auto`` find out before
they begin. And with validation rows a fit never ends below its start: the last lines show it for the opposite
case, a good donor that is trained further on shuffled labels.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.policies import BestOf

N_SPOILED, N_KNOWN = 400, 600


class SpoiledFirst:
    """Two phases: the spoiled rows, and then a few with their true labels, alone; the others are the test rows."""

    def split(self, X, y):
        rows = np.arange(len(X))
        for train in (rows[:N_SPOILED], rows[N_SPOILED:N_KNOWN]):
            yield train, rows[N_KNOWN:]


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, spoiled = X / 16, y.copy()
    spoiled[:N_SPOILED] = np.random.default_rng(0).permutation(y[:N_SPOILED])
    net = WarmStartClassifier(max_epochs=60, batch_size=32, lr=3e-3, dtype="float32", random_state=0)

    comparator = WarmStartComparator(
        net, ("cold", "warm"), SpoiledFirst(), n_repeats=8, refit=None, random_state=0
    )
    comparator.fit(X, spoiled)
    print(*comparator.summary_, sep="\n")

    train, watch, rest = slice(N_SPOILED, N_KNOWN), slice(N_KNOWN, 800), slice(800, None)
    donor = FrozenEstimator(clone(net).fit(X[:N_SPOILED], spoiled[:N_SPOILED]))
    race = BestOf(["cold", "warm", "linear_probe"], n_epochs=5)
    print(f"\n{'policy':8s} {'began as':14s} accuracy")
    for name, policy in {"warm": "warm", "best_of": race, "auto": "auto"}.items():
        student = clone(net).set_params(init_policy=policy, warm_start_from=donor, early_stopping=True)
        student.fit(X[train], y[train])
        print(f"{name:8s} {student.start_.get('chosen', name):14s} {student.score(X[rest], y[rest]):.3f}")
    print("Auto's reasons:", "; ".join(student.start_.reasons))

    good = FrozenEstimator(clone(net).fit(X[train], y[train]))
    print("\nA good donor, trained further on shuffled labels; accuracy at the start and at the end:")
    for early_stopping in (False, True):
        student = clone(net).set_params(warm_start_from=good, early_stopping=early_stopping)
        validation = {"X_val": X[watch], "y_val": y[watch]} if early_stopping else {}
        before = good.score(X[rest], y[rest])
        after = student.fit(X[:N_SPOILED], spoiled[:N_SPOILED], **validation).score(X[rest], y[rest])
        label = "with validation rows" if early_stopping else "without validation"
        print(f"  {label:22s} {before:.3f} {after:.3f} after {student.n_iter_} epochs")


if __name__ == "__main__":
    main()
