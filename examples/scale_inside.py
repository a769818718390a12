"""Scale inside the network, or in front of it? What a refitted scaler does to a warm start.

scikit-learn's diabetes data arrive in two halves; the second half comes from other clinics, so that every
measure is shifted and stretched. Both models start warm on the second half. One has a ``StandardScaler`` in
front: refitting it moves the inputs under the weights, and predictions jump before the first step of training.
The other has ``standardize=True``: its statistics move as far, and the first layer makes up for it exactly.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartRegressor


def main() -> None:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    y = (y - y.mean()) / y.std()
    order = np.random.default_rng(0).permutation(len(X))
    early, late = np.array_split(order, 2)
    shifted = X.copy()
    shifted[late] = 1.5 * X[late] + X.std(axis=0)

    params = {"warm_start": True, "max_epochs": 60, "batch_size": 32, "random_state": 0}
    models = {
        "StandardScaler in front": make_pipeline(StandardScaler(), WarmStartRegressor(**params)),
        "standardize=True": make_pipeline(WarmStartRegressor(standardize=True, **params)),
    }
    print(f"{'':24s}  jump in predictions   R2 on the old rows: before, after the scaler moved, after training")
    for name, model in models.items():
        model.fit(shifted[early], y[early])
        before, score = model.predict(shifted[early]), model.score(shifted[early], y[early])
        model.set_params(warmstartregressor__max_epochs=0).fit(shifted, y)  # the start alone, no training
        jump = np.abs(model.predict(shifted[early]) - before).max()
        moved = model.score(shifted[early], y[early])
        model.set_params(warmstartregressor__max_epochs=20).fit(shifted, y)
        print(
            f"{name:24s} {jump:17.2g} sd {score:23.3f} {moved:8.3f} {model.score(shifted[early], y[early]):8.3f}"
        )


if __name__ == "__main__":
    main()
