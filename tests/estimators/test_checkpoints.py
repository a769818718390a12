"""Starting from what was saved: law 12, and streams that go on on another machine."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import LRScheduler

from sk_warmstart import Checkpoint, CheckpointError, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.policies import policy_names

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = np.where(X[:, 0] > 0, "up", "down")


def net(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 3,
        "batch_size": 16,
        "random_state": 0,
    }
    return WarmStartClassifier(**{**defaults, **params})


def same(a: Any, b: Any) -> bool:
    states = a.module_.state_dict(), b.module_.state_dict()
    moments = a.optimizer_.state_dict()["state"], b.optimizer_.state_dict()["state"]
    return states[0].keys() == states[1].keys() and all(
        [
            *(torch.equal(states[0][name], states[1][name]) for name in states[0]),
            *(torch.equal(moments[0][i][k], moments[1][i][k]) for i in moments[0] for k in moments[0][i]),
        ]
    )


@given(
    policy=st.sampled_from(policy_names()),
    optimizer_state=st.sampled_from(["reset", "keep", "mask"]),
    noise=st.sampled_from(["fresh", "original", "gaussian"]),
    norm=st.sampled_from([None, "batch"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    standardize=st.booleans(),
    dropout=st.sampled_from([0.0, 0.3]),
)
def test_12_a_fit_is_the_same_from_whatever_way_the_donor_came(
    policy: str, optimizer_state: str, noise: str, norm: Any, dtype: Any, standardize: bool, dropout: float
) -> None:
    params = {"module__norm": norm, "module__dropout": dropout, "standardize": standardize}
    donor = net(**params).fit(X.astype(dtype), y)
    extra = {"init_policy__noise": noise} if policy == "shrink_perturb" else {}
    checkpoint = Checkpoint.from_estimator(donor)
    whole = pickle.dumps(checkpoint)
    fits = [
        net(warm_start_from=source, init_policy=policy, optimizer_state=optimizer_state, **params, **extra).fit(
            X.astype(dtype)[::-1], y[::-1]
        )
        for source in (
            FrozenEstimator(donor),
            checkpoint,
            clone(net(warm_start_from=checkpoint)).warm_start_from,
            copy.deepcopy(checkpoint),
            pickle.loads(whole),
        )
    ]
    assert all(same(fits[0], other) for other in fits[1:])
    assert len({fitted.start_.donor_id for fitted in fits}) == 1
    assert pickle.dumps(checkpoint) == whole


def test_12_a_path_is_a_donor_and_its_lineage_is_told(tmp_path: Path) -> None:
    donor = net().fit(X, y)
    path = tmp_path / "donor.safetensors"
    saved = Checkpoint.from_estimator(donor)
    saved.save(path)
    heir = clone(net(warm_start_from=str(path), init_policy="shrink_perturb")).fit(X, y)
    assert heir.start_.donor_id == saved.id
    assert heir.start_.donor == "warm_start_from"
    line = Checkpoint.from_estimator(heir).lineage
    assert (line["parent"], line["policy"], line["generation"]) == (saved.id, "ShrinkPerturb", 1)
    assert line["params"]["shrink"] == 0.4
    assert (line["rows"], line["rows_seen"], line["epochs"]) == (60, 120, 3)
    assert same(net(warm_start_from=path).fit(X, y), net(warm_start_from=saved).fit(X, y))


def test_what_is_no_checkpoint_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    fitted = net().fit(X, y)
    kept = fitted.predict_proba(X)
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(CheckpointError, match="pickle"):
        fitted.set_params(warm_start_from=str(path)).fit(X, y)
    with pytest.raises(CheckpointError, match="cannot open"):
        fitted.set_params(warm_start_from=tmp_path / "nothing").fit(X, y)
    assert np.array_equal(fitted.predict_proba(X), kept)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("seed", [0, np.random.RandomState(1)])
def test_a_stream_of_partial_fits_goes_on_elsewhere(dropout: float, seed: Any) -> None:
    params: dict[str, Any] = {
        "module__dropout": dropout,
        "callbacks": [("schedule", LRScheduler(policy="ExponentialLR", gamma=0.7))],
        "lr": 0.05,
        "random_state": seed,
        "standardize": True,
    }
    here = net(**copy.deepcopy(params))
    for first in range(0, 40, 10):
        here.partial_fit(X[first : first + 10], y[first : first + 10], classes=["down", "up"])
    checkpoint = Checkpoint.from_estimator(here)
    there = net(**copy.deepcopy(params), warm_start_from=checkpoint, optimizer_state="keep")
    for first in range(40, 60, 10):
        for stream in (here, there):
            stream.partial_fit(X[first : first + 10], y[first : first + 10])
    assert same(here, there)
    assert here.optimizer_.param_groups[0]["lr"] == pytest.approx(0.05 * 0.7**6)
    assert there.optimizer_.param_groups[0]["lr"] == here.optimizer_.param_groups[0]["lr"]


def test_a_fit_from_a_checkpoint_restarts_the_schedule() -> None:
    schedule = [("schedule", LRScheduler(policy="ExponentialLR", gamma=0.5))]
    donor = net(callbacks=schedule, lr=0.8).fit(X, y)
    heir = net(
        callbacks=schedule, lr=0.8, warm_start_from=Checkpoint.from_estimator(donor), optimizer_state="keep"
    ).fit(X, y)
    assert heir.history[:, "event_lr"] == [0.8, 0.4, 0.2]


def test_in_a_pipeline_and_a_search(tmp_path: Path) -> None:
    pipe = make_pipeline(StandardScaler(), net(max_epochs=30, lr=0.02)).fit(X, y)
    path = tmp_path / "p.safetensors"
    Checkpoint.from_estimator(pipe[-1]).save(path)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), net(warm_start_from=path, max_epochs=1)),
        {"warmstartclassifier__init_policy": ["cold", "warm"], "warmstartclassifier__lr": [1e-4]},
        cv=3,
    )
    search.fit(X, y)
    assert search.best_params_["warmstartclassifier__init_policy"] == "warm"
    again = Checkpoint.from_estimator(search.best_estimator_[-1])
    assert again.parent == Checkpoint.load(path).id


@pytest.mark.slow
def test_workers_start_alike(tmp_path: Path) -> None:
    donor = Checkpoint.from_estimator(net(module__hidden_layer_sizes=(600, 600)).fit(X.astype(np.float32), y))
    assert donor.nbytes > 2**21
    heir = net(warm_start_from=donor, max_epochs=0, module__hidden_layer_sizes=(600, 600))
    alone = clone(heir).fit(X.astype(np.float32), y).predict_proba(X)
    apart = joblib.Parallel(2)(joblib.delayed(_fitted)(clone(heir)) for _ in range(4))
    assert all(np.allclose(found, alone, atol=1e-6) for found in apart)


def _fitted(estimator: Any) -> Any:
    return estimator.fit(X.astype(np.float32), y).predict_proba(X)


def test_a_regression_with_named_targets_is_stored() -> None:
    Y = pd.DataFrame({"one": X[:, 0], "two": X[:, 1]})
    table = pd.DataFrame(X, columns=list("abcd"))
    fitted = WarmStartRegressor(max_epochs=2, random_state=0).fit(table, Y)
    checkpoint = Checkpoint.from_estimator(fitted)
    assert checkpoint.feature_names == ("a", "b", "c", "d")
    heir = WarmStartRegressor(warm_start_from=checkpoint, schema="adapt", max_epochs=0, random_state=0)
    heir.fit(table[["d", "c", "b", "a"]], Y[["two", "one"]])
    assert np.allclose(heir.predict(table[["d", "c", "b", "a"]])[:, ::-1], fitted.predict(table))
