"""Keep what was learned in a folder, and start next week from the best of it.

Every week a network is retrained on the rows that have arrived, from the best checkpoint so far, and put into
a ``CheckpointStore``: a folder with one file for each checkpoint (safetensors, no pickle) and a log. Nothing
else survives from week to week, as when each week is a new process or another machine. The labels of one week
are spoiled: its checkpoint is in the folder, but the next week starts from a better one.
"""

from __future__ import annotations

import tempfile

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sk_warmstart import CheckpointStore, WarmStartClassifier

N_WEEKS, SPOILED = 5, 3


def main() -> None:
    X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=300, random_state=0)
    ends = np.linspace(0, len(X), N_WEEKS + 1).astype(int)[1:]
    with tempfile.TemporaryDirectory() as folder:
        for week, n_rows in enumerate(ends, start=1):
            store = CheckpointStore(folder)
            net = WarmStartClassifier(
                warm_start_from=store.get("best") if len(store) else None,
                standardize=True,
                max_epochs=10,
                random_state=week,
            )
            labels = y[:n_rows].copy()
            if week == SPOILED:
                labels = np.random.default_rng(0).permutation(labels)
            net.fit(X[:n_rows], labels)
            store.put(net, score=net.score(X_test, y_test))

        history = store.history()
        print(history[["id", "parent", "policy", "generation", "rows", "score"]].to_string(index=False))
        print("\nLineage of the latest:", " <- ".join(store.lineage("latest")["id"]))
        removed = store.prune(keep=2)
        print(f"Pruned {len(removed)}, kept {len(store)}; the best is still there: {store.get('best')}")


if __name__ == "__main__":
    main()
