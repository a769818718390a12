"""Retrain a pipeline every month as rows arrive: what does it save to start warm?

The rows of scikit-learn's digits arrive in eight "months". Each month the whole pipeline, scaler included, is
fitted again on all rows that have arrived, and scored on the next month's. One model starts cold every time,
the other from the weights of the month before; both stop early.

Early stopping holds rows out. By default a row is recognised by its content, so that a row which trained once
never validates later. Here the scaler in front is fitted anew each month and changes the content of every row
a little: with ``sample_id`` rows are recognised by their numbers instead, and the split stays where it was.
"""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_warmstart import WarmStartClassifier

N_MONTHS = 8


def make_model(warm_start: bool) -> Pipeline:
    net = WarmStartClassifier(
        warm_start=warm_start,
        early_stopping=True,
        n_iter_no_change=5,
        max_epochs=60,
        batch_size=32,
        dtype="float32",
        random_state=0,
    )
    return make_pipeline(StandardScaler(), net)


def main() -> None:
    X, y = load_digits(return_X_y=True)
    row_id = np.random.default_rng(0).permutation(len(X))  # the order of arrival; a key of a database would do
    X, y = X[row_id], y[row_id]
    ends = np.linspace(0, len(X), N_MONTHS + 1).astype(int)[1:]

    models = {"cold": make_model(False), "warm": make_model(True)}
    epochs = dict.fromkeys(models, 0)
    print("month   rows   epochs cold / warm   accuracy next month cold / warm")
    for month, (n_rows, until) in enumerate(itertools.pairwise(ends), start=1):
        scores = {}
        for name, model in models.items():
            model.fit(X[:n_rows], y[:n_rows], warmstartclassifier__sample_id=row_id[:n_rows])
            epochs[name] += model[-1].n_iter_ if month > 1 else 0  # the first month is cold for both
            scores[name] = model.score(X[n_rows:until], y[n_rows:until])
        cold, warm = (models[name][-1].n_iter_ for name in ("cold", "warm"))
        print(f"{month:5d} {n_rows:6d} {cold:13d} / {warm:<4d} {scores['cold']:22.3f} / {scores['warm']:.3f}")
    print(f"\nEpochs after the first month: {epochs['cold']} cold, {epochs['warm']} warm.")


if __name__ == "__main__":
    main()
