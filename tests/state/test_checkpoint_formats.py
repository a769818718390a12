"""Files of every format, which later versions go on reading.

They lie in ``tests/data``, one a format. Each was written by
``PYTHONPATH=tests python tests/state/test_checkpoint_formats.py``.
A new format gets a new file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.donors import assert_same
from skorch.callbacks import LRScheduler

from sk_warmstart import WarmStartClassifier
from sk_warmstart.state import Checkpoint

KEPT = {n: Path(__file__).parents[1] / "data" / f"checkpoint_v{n}.safetensors" for n in (1, 2, 3)}
X = np.sin(np.arange(120.0)).reshape(40, 3) * [1, 10, 100] + [0, 5, -50]
Y = np.array(["ash", "oak", "yew"])[(np.arange(40) * 7) % 3]


def kept_estimator() -> WarmStartClassifier:
    net = WarmStartClassifier(
        module__hidden_layer_sizes=(4,),
        standardize=True,
        max_epochs=3,
        lr=0.01,
        batch_size=16,
        callbacks=[("decay", LRScheduler("StepLR", step_size=2, gamma=0.5))],
        random_state=0,
        warm_start=True,
    )
    return net.fit(X, Y).fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])


def make_kept_file() -> None:
    """Write the file and print what the test below pins."""
    net = kept_estimator()
    checkpoint = Checkpoint.from_estimator(net)
    path = KEPT[checkpoint._meta["version"]]
    path.parent.mkdir(exist_ok=True)
    checkpoint.save(path)
    print(checkpoint.id, checkpoint.nbytes, net.predict_proba(X[30:33]).tolist())


IDS = {1: "58178316ec28e46f", 2: "10cf9541e950faf0", 3: "8e60368181ee2203"}
PREDICTIONS = [
    [0.38595922890528567, 0.34728068130525086, 0.2667600897894634],
    [0.3120930932044604, 0.32463613251284545, 0.3632707742826941],
    [0.4045716862414471, 0.3435969863195457, 0.25183132743900727],
]


def from_kept(version: int, **params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(
        module__hidden_layer_sizes=(4,), standardize=True, warm_start_from=KEPT[version], **params
    )


@pytest.mark.parametrize("version", KEPT)
def test_each_format_is_read(version: int) -> None:
    checkpoint = Checkpoint.load(KEPT[version])
    assert checkpoint.id == IDS[version]
    assert checkpoint._meta["version"] == version
    assert checkpoint.classes is not None
    assert checkpoint.classes.tolist() == ["ash", "oak", "yew"]
    assert (checkpoint.n_features, checkpoint.feature_names, checkpoint.dtype) == (3, None, "float64")
    assert checkpoint.lineage["generation"] == 1
    donor = checkpoint.donor()
    assert donor.id == checkpoint.id
    assert donor.optimizer is not None
    assert donor.optimizer.kind == "AdamW"
    assert set(donor.optimizer.moments) == set(donor.state)
    assert {entry["step"].item() for entry in donor.optimizer.moments.values()} == {7}
    assert donor.schedule["decay"]["last_epoch"] == 4
    assert (len(donor.memory.own), len(donor.memory.ancestors)) == (40, 40)
    assert donor.features is not None
    assert donor.scaler is not None
    assert donor.origin is not None
    warm = from_kept(version, max_epochs=0).fit(X, Y)
    np.testing.assert_allclose(warm.predict_proba(X[30:33]), PREDICTIONS, atol=1e-12)
    assert warm.start_.donor_id == checkpoint.id


def test_the_first_format_becomes_the_latest() -> None:
    first = Checkpoint.load(KEPT[1])
    second = Checkpoint.from_donor(first.donor())
    assert second._meta["version"] == max(KEPT)
    assert_same(first.donor(), second.donor())
    assert (
        {name for name in first._entries if name.startswith("features/")}
        > {name for name in second._entries if name.startswith("features/")}
        == {"features/edges", "features/bins"}
    )


@pytest.mark.parametrize("version", KEPT)
def test_training_continues_from_each_format(version: int) -> None:
    net = from_kept(version, max_epochs=30, lr=0.01, optimizer_state="keep", random_state=0).fit(X, Y)
    assert net.lineage_.generation == 2
    assert net.loss_curve_[-1] < net.start_.loss


if __name__ == "__main__":
    make_kept_file()
