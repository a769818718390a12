"""Predictions from a file, without data: in this process and in another, and training that continues."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import InputShapeSetter, LRScheduler
from torch import Tensor, nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.modules import MLP
from sk_warmstart.state import Checkpoint, CheckpointError, donor_of

KEPT = Path(__file__).parents[1] / "data" / "checkpoint_v1.safetensors"
X = np.sin(np.arange(120.0)).reshape(40, 3) * [1, 10, 100] + [0, 5, -50]
NAMES = np.array(["ash", "oak", "yew"])[(np.arange(40) * 7) % 3]
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
SMALL = {"module__hidden_layer_sizes": (6,), "random_state": 0, "batch_size": 16, "lr": 0.01}


class Backwards(nn.Module):
    """A network whose last tensor is not its output's."""

    def __init__(self, n_features: int, n_outputs: int, width: int = 4):
        super().__init__()
        self.out = nn.Linear(width, n_outputs)
        self.hidden = nn.Linear(n_features, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, rows: Tensor) -> Tensor:
        return self.out(torch.relu(self.norm(self.hidden(rows))))


def classifier(**params: Any) -> WarmStartClassifier:
    return WarmStartClassifier(**{**SMALL, **params})


def regressor(**params: Any) -> WarmStartRegressor:
    return WarmStartRegressor(**{**SMALL, **params})


CASES: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "whole labels": (classifier, X, np.arange(40) % 3 + 5),
    "codes": (classifier, X, np.arange(40) % 2),
    "text labels": (classifier, X, NAMES),
    "single precision": (classifier, X.astype(np.float32), NAMES),
    "standardize": (lambda: classifier(standardize=True), X, NAMES),
    "columns": (lambda: classifier(standardize=True), FRAME, NAMES),
    "norm": (lambda: classifier(module__norm="batch", module__dropout=0.2), X, NAMES),
    "custom": (lambda: WarmStartClassifier(Backwards, module__width=5, random_state=0), X, NAMES),
    "custom numbers": (lambda: WarmStartRegressor(Backwards, random_state=0), X, X[:, :2]),
    "template": (lambda: WarmStartClassifier(nn.Linear(3, 3), random_state=0), X, NAMES),
    "lazy": (lambda: WarmStartClassifier(nn.LazyLinear(3), random_state=0), X, NAMES),
    "shape setter": (
        lambda: WarmStartRegressor(
            nn.Linear, module__in_features=3, module__out_features=1,
            callbacks=[InputShapeSetter(param_name="in_features")],
        ),
        X,
        X[:, 0],
    ),
    "schedule": (lambda: classifier(callbacks=[("decay", LRScheduler("StepLR", step_size=2))]), X, NAMES),
    "one target": (regressor, X, X[:, 0]),
    "one target as a table": (regressor, X, X[:, :1]),
    "two targets": (lambda: regressor(standardize=True), X, X[:, :2]),
    "named targets": (regressor, FRAME, pd.DataFrame({"u": X[:, 0], "v": X[:, 1]})),
    "one named target": (regressor, FRAME, pd.DataFrame({"u": X[:, 0]})),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_predicts_as_the_one_saved_and_trains_further(case: str, tmp_path: Path) -> None:
    make, rows, y = CASES[case]
    net = make().set_params(max_epochs=3).fit(rows, y)
    Checkpoint.from_estimator(net).save(tmp_path / "net.safetensors")
    given = make()
    before = dict(vars(given))
    other = Checkpoint.load(tmp_path / "net.safetensors").to_estimator(given)
    assert type(other) is type(net)
    assert not given.__sklearn_is_fitted__()
    assert vars(given) == before
    assert_predicts_alike(other, net, rows)
    assert_predicts_alike(pickle.loads(pickle.dumps(other)), net, rows)
    assert donor_of(other).id == donor_of(net).id
    assert Checkpoint.from_estimator(other).lineage == Checkpoint.from_estimator(net).lineage
    # Two networks that are one: they go the same way from here, shuffling, dropout and moments included.
    for _ in range(2):
        net.partial_fit(rows, y)
        other.partial_fit(rows, y)
        assert_predicts_alike(other, net, rows)
    assert np.isfinite(other.fit(rows, y).score(rows, y))


def assert_predicts_alike(other: Any, net: Any, rows: Any) -> None:
    one, two = net.predict(rows), other.predict(rows)
    assert (one.dtype, one.shape) == (two.dtype, two.shape)
    assert np.array_equal(one, two)
    assert other.n_features_in_ == net.n_features_in_
    assert hasattr(other, "feature_names_in_") == hasattr(net, "feature_names_in_")
    if hasattr(net, "classes_"):
        assert np.array_equal(net.classes_, other.classes_)
        assert np.array_equal(net.predict_proba(rows), other.predict_proba(rows))


_ELSEWHERE = """
import sys
import numpy as np
from sk_warmstart import Checkpoint, WarmStartClassifier
net = Checkpoint.load(sys.argv[1]).to_estimator(WarmStartClassifier(module__hidden_layer_sizes=(6,)))
X = np.load(sys.argv[2])
print(net.predict_proba(X).tobytes().hex(), *net.predict(X))
"""


def test_another_process_predicts_the_same(tmp_path: Path) -> None:
    net = classifier(standardize=True, max_epochs=2).fit(X, NAMES)
    Checkpoint.from_estimator(net).save(tmp_path / "net.safetensors")
    np.save(tmp_path / "X.npy", X)
    arguments = [str(tmp_path / "net.safetensors"), str(tmp_path / "X.npy")]
    done = subprocess.run([sys.executable, "-c", _ELSEWHERE, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [net.predict_proba(X).tobytes().hex(), *net.predict(X)]


def test_columns_in_another_order_are_refused() -> None:
    net = classifier(max_epochs=1).fit(FRAME, NAMES)
    other = Checkpoint.from_estimator(net).to_estimator(classifier())
    with pytest.raises(ValueError, match="feature names"):
        other.predict(FRAME[["b", "a", "c"]])


def test_the_first_format_predicts() -> None:
    net = Checkpoint.load(KEPT).to_estimator(
        WarmStartClassifier(module__hidden_layer_sizes=(4,), standardize=True)
    )
    found = net.predict_proba(X[30:33])
    expected = [
        [0.38595922890528567, 0.34728068130525086, 0.2667600897894634],
        [0.3120930932044604, 0.32463613251284545, 0.3632707742826941],
        [0.4045716862414471, 0.3435969863195457, 0.25183132743900727],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert net.partial_fit(X, NAMES).lineage_.rows == 80


def test_a_pipeline_whose_first_steps_are_fitted() -> None:
    pipeline = make_pipeline(StandardScaler(), "passthrough", classifier(max_epochs=1)).fit(X, NAMES)
    checkpoint = Checkpoint.from_estimator(pipeline[-1])
    given = make_pipeline(clone(pipeline[0]).fit(X), FunctionTransformer(), None, classifier())
    other = checkpoint.to_estimator(given)
    assert np.array_equal(other.predict_proba(X), pipeline.predict_proba(X))
    assert other[0] is not given[0]
    assert not given[-1].__sklearn_is_fitted__()
    alone = checkpoint.to_estimator(make_pipeline(classifier()))
    assert np.array_equal(alone.predict(pipeline[:-1].transform(X)), pipeline.predict(X))
    with pytest.raises(ValueError, match="step 'standardscaler' of the Pipeline is not fitted"):
        checkpoint.to_estimator(make_pipeline(StandardScaler(), classifier()))


def test_another_optimiser_begins_anew() -> None:
    checkpoint = Checkpoint.from_estimator(classifier(max_epochs=1).fit(X, NAMES))
    net = checkpoint.to_estimator(classifier(optimizer=torch.optim.SGD))
    assert not net.optimizer_.state
    assert np.isfinite(net.partial_fit(X, NAMES).loss_curve_[-1])


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), WarmStartClassifier, None, "net", make_pipeline(LogisticRegression())]
)
def test_what_takes_no_checkpoint(estimator: Any) -> None:
    with pytest.raises(TypeError, match="estimator must be a WarmStartClassifier"):
        Checkpoint.load(KEPT).to_estimator(estimator)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            WarmStartClassifier(module__hidden_layer_sizes=(5,)),
            "does not fit the estimator's network: .*weight was .* and is",
        ),
        (WarmStartClassifier(nn.Linear(3, 2)), "does not fit the estimator's network"),
        (WarmStartRegressor(module__hidden_layer_sizes=(4,)), "was saved from a classifier of 3 classes"),
        (WarmStartClassifier(module__hidden_layer_sizes=(4,), classes=["a", "b", "c"]), "classes=.* differ"),
    ],
)
def test_what_does_not_fit(estimator: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Checkpoint.load(KEPT).to_estimator(estimator)


def test_a_regressor_is_no_classifier() -> None:
    checkpoint = Checkpoint.from_estimator(regressor(max_epochs=1).fit(X, X[:, :2]))
    for params in ({}, {"classes": [0, 1]}):
        with pytest.raises(ValueError, match="holds no class labels"):
            checkpoint.to_estimator(classifier(**params))


def test_the_error_names_the_module_that_was_saved() -> None:
    checkpoint = Checkpoint.from_estimator(classifier(max_epochs=1).fit(X, NAMES))
    with pytest.raises(ValueError, match=r"MLP.*hidden_layer_sizes.*6"):
        checkpoint.to_estimator(WarmStartClassifier(MLP, module__hidden_layer_sizes=(3,)))
    assert issubclass(CheckpointError, ValueError)
