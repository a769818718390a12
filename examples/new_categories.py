"""A new category, a new class: what was learned stays where it belongs.

A shop sorts its parcels by carrier. In spring there are two carriers and three kinds of goods; by autumn there
is a third carrier and two more kinds, so the one-hot encoder in front has new columns, in new places, and the
network needs a third output. With ``schema="adapt"`` the warm start follows the names: old weights go to their
columns and classes, and before any training the model predicts the old parcels as it did.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sk_warmstart import WarmStartClassifier


def parcels(n: int, kinds: list[str], seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Parcels and who carries them: heavy ones go by rail, plants by bike where there is one."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"kind": rng.choice(kinds, n), "kilograms": rng.gamma(2.0, 4.0, n)})
    carrier = np.where(X["kilograms"] > 9, "rail", "van")
    return X, np.where(X["kind"].isin(["plant", "cake"]) & (X["kilograms"] < 6), "bike", carrier)


def main() -> None:
    spring, spring_carrier = parcels(600, ["book", "lamp", "shoe"], seed=1)
    autumn, autumn_carrier = parcels(600, ["book", "cake", "lamp", "plant", "shoe"], seed=2)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]), remainder="passthrough")
    net = WarmStartClassifier(schema="adapt", warm_start=True, standardize=True, max_epochs=30, random_state=0)
    model = make_pipeline(encode.set_params(sparse_threshold=0), net)

    model.fit(spring, spring_carrier)
    before = pd.DataFrame(model.predict_proba(spring), columns=model.classes_)
    model.set_params(warmstartclassifier__max_epochs=0).fit(autumn, autumn_carrier)  # the start alone
    after = pd.DataFrame(model.predict_proba(spring), columns=model.classes_)
    odds = after[before.columns].div(after[before.columns].sum(axis=1), axis=0)

    start = model[-1].start_
    print("new columns:", start.columns_added, " new classes:", start.classes_added)
    print(
        f"old parcels, old carriers: probabilities moved by at most {np.abs(odds - before).to_numpy().max():.1e}"
    )
    print(f"accuracy in autumn at the start: {model.score(autumn, autumn_carrier):.3f}")
    model.set_params(warmstartclassifier__max_epochs=30).fit(autumn, autumn_carrier)
    print(f"accuracy in autumn after training: {model.score(autumn, autumn_carrier):.3f}")


if __name__ == "__main__":
    main()
