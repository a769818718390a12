"""A fit on a device gives the numbers of the CPU, up to the order in which floats are added."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from helpers.devices import DEVICE, NEEDS_DEVICE
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor

pytestmark = NEEDS_DEVICE

# Float32 sums in another order, through some twenty steps: what is stated in the README.
LOSS = {"rtol": 1e-4}
PROBABILITY = {"rtol": 1e-3, "atol": 1e-4}

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 6)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
target = (X @ rng.normal(size=6)).astype(np.float32)
weight = rng.uniform(0.5, 2.0, size=120)


class Own(nn.Module):
    """A network that the library does not know."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features, 16), nn.BatchNorm1d(16), nn.Tanh())
        self.head = nn.Linear(16, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.head(self.body(X))


SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "sgd": {"optimizer": torch.optim.SGD, "optimizer__momentum": 0.9, "lr": 0.01},
    "early stopping": {"early_stopping": True},
    "standardize": {"standardize": True},
    "float64": {"dtype": "float64"},
    "dash": {"init_policy": "dash"},
    "shrink_perturb": {"init_policy": "shrink_perturb"},
    "class_weight": {"class_weight": "balanced"},
}


def settings_of(name: str, module: Any = None) -> dict[str, Any]:
    """The parameters of one case."""
    own = {} if module is None else {"module": module}
    return {"max_epochs": 4, "batch_size": 16, "random_state": 0, **own, **SETTINGS[name]}


def same(one: Any, other: Any) -> None:
    """Compare what was learned, and what is predicted of the same rows."""
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, **LOSS)
    predict = "predict_proba" if hasattr(one, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(one, predict)(X), getattr(other, predict)(X), **PROBABILITY)


@pytest.mark.parametrize("module", [None, Own], ids=["default module", "own module"])
@pytest.mark.parametrize("name", SETTINGS)
def test_fit_and_warm_fit(name: str, module: Any) -> None:
    pair = [
        WarmStartClassifier(**settings_of(name, module), warm_start=True, device=where)
        for where in ("cpu", DEVICE)
    ]
    for net in pair:
        net.fit(X[:60], y[:60]).fit(X, y)
    same(*pair)


@pytest.mark.parametrize("module", [None, Own], ids=["default module", "own module"])
def test_partial_fit_in_any_company(module: Any) -> None:
    """A stream, with weights, through a pickle and a deep copy in the middle."""
    pair = []
    for where in ("cpu", DEVICE):
        net = WarmStartClassifier(**settings_of("default", module), device=where)
        net.partial_fit(X[:60], y[:60], classes=[0, 1, 2], sample_weight=weight[:60])
        net = copy.deepcopy(pickle.loads(pickle.dumps(net)))
        pair.append(net.partial_fit(X[60:], y[60:], sample_weight=weight[60:]))
    same(*pair)


def test_regression_and_sparse_rows() -> None:
    pair = [
        WarmStartRegressor(**settings_of("default"), device=where).fit(
            sparse.csr_array(X), target, sample_weight=weight
        )
        for where in ("cpu", DEVICE)
    ]
    same(*pair)


@pytest.mark.parametrize("module", [None, Own], ids=["default module", "own module"])
def test_mixed_precision_is_near(module: Any) -> None:
    params = settings_of("default", module) | {"device": DEVICE}
    full = WarmStartClassifier(**params).fit(X, y)
    mixed = WarmStartClassifier(**params, autocast="bfloat16").fit(X, y)
    np.testing.assert_allclose(mixed.loss_curve_, full.loss_curve_, rtol=0.02)


@pytest.mark.parametrize("module", [None, Own], ids=["default module", "own module"])
def test_a_packed_search_scores_as_one_by_one(module: Any) -> None:
    net = WarmStartClassifier(**settings_of("default", module), device=DEVICE)
    search = GridSearchCV(net, {"lr": [1e-3, 1e-2], "random_state": [0, 1]}, cv=3, refit=False)
    alone = clone(search).fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="packed", n_jobs=12):
        packed = clone(search).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_allclose(packed, alone, atol=1.5 / 120)  # a row at a border may fall on its other side


def test_a_checkpoint_crosses_devices(tmp_path: Any) -> None:
    there = WarmStartClassifier(**settings_of("default"), device=DEVICE).fit(X, y)
    Checkpoint.from_estimator(there).save(tmp_path / "net.safetensors")
    donor = Checkpoint.load(tmp_path / "net.safetensors")
    here = WarmStartClassifier(max_epochs=0, random_state=0, warm_start_from=donor, device="cpu").fit(X, y)
    back = WarmStartClassifier(
        max_epochs=0, random_state=0, warm_start_from=FrozenEstimator(here), device=DEVICE
    ).fit(X, y)
    for net in (here, back):
        np.testing.assert_allclose(net.predict_proba(X), there.predict_proba(X), **PROBABILITY)


def test_rows_and_labels_stay_where_they_were() -> None:
    """Nothing of the user's moves to the device, and predictions come back as arrays."""
    net = WarmStartClassifier(**settings_of("default"), device=DEVICE).fit(X, np.array(["a", "b", "c"])[y])
    assert isinstance(net.predict(X), np.ndarray)
    assert net.predict(X).dtype.kind == "U"
    assert {tensor.device.type for tensor in net.module_.state_dict().values()} == {torch.device(DEVICE).type}
