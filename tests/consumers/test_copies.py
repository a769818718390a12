"""Copies by way of a file or another process go on exactly where the original stands."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_warmstart import WarmStartClassifier

X, y = load_iris(return_X_y=True)


def by_pickle(estimator: Any, folder: Path) -> Any:
    return pickle.loads(pickle.dumps(estimator))


def by_cloudpickle(estimator: Any, folder: Path) -> Any:
    return pickle.loads(cloudpickle.dumps(estimator))


def by_joblib(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "estimator.joblib")
    return joblib.load(folder / "estimator.joblib")


def by_joblib_compressed(estimator: Any, folder: Path) -> Any:
    joblib.dump(estimator, folder / "estimator.joblib.gz", compress=3)
    return joblib.load(folder / "estimator.joblib.gz")


WAYS = [by_pickle, by_cloudpickle, by_joblib, by_joblib_compressed]


def fitted() -> Any:
    net = WarmStartClassifier(
        max_epochs=3,
        batch_size=16,
        warm_start=True,
        optimizer_state="keep",
        module__dropout=0.2,
        module__hidden_layer_sizes=(8,),
        random_state=0,
    )
    return make_pipeline(StandardScaler(), net).fit(X, y)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("further", ["fit", "partial_fit"])
def test_a_copy_goes_on_like_the_original(way: Callable[..., Any], further: str, tmp_path: Path) -> None:
    original = fitted()
    copy = way(original, tmp_path)
    assert np.array_equal(copy.predict_proba(X), original.predict_proba(X))
    for pipe in (original, copy):
        getattr(pipe[-1], further)(X, y)
    assert np.array_equal(copy[-1].predict_proba(X), original[-1].predict_proba(X))
    assert [row["train_loss"] for row in copy[-1].history] == [row["train_loss"] for row in original[-1].history]


@pytest.mark.parametrize("way", WAYS)
def test_an_unfitted_copy_and_a_clone_fit_alike(way: Callable[..., Any], tmp_path: Path) -> None:
    original = fitted()
    copy = way(clone(original), tmp_path)
    assert np.array_equal(copy.fit(X, y).predict_proba(X), original.predict_proba(X))


def test_a_module_from_a_notebook_travels_by_value(tmp_path: Path) -> None:
    class Local(nn.Module):  # pickle cannot find it again
        def __init__(self, n_features: int, n_outputs: int):
            super().__init__()
            self.line = nn.Linear(n_features, n_outputs)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.line(rows)

    # Before it is fitted only: skorch saves a trained module by pickle.
    net = WarmStartClassifier(Local, max_epochs=2, random_state=0)
    copy = by_cloudpickle(net, tmp_path)
    assert np.array_equal(copy.fit(X, y).predict_proba(X), net.fit(X, y).predict_proba(X))
