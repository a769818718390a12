"""With skorch's settings the numbers are skorch's, bit for bit, through all shortcuts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from sk_warmstart import WarmStartClassifier
from sk_warmstart.modules import MLP

rng = np.random.default_rng(0)
X = rng.normal(size=(103, 6)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0.5)
SHAPE: dict[str, Any] = {"module__n_features": 6, "module__n_outputs": 3, "module__hidden_layer_sizes": (8,)}


class BatchListener(Callback):
    """Makes the loop tell of every batch, so that its shortcut is not taken."""

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        pass


class GradientListener(Callback):
    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        pass


def run(cls: Any, fits: int, **params: Any) -> Any:
    torch.manual_seed(0)
    settings = {"verbose": 0, "max_epochs": 3, "batch_size": 16, "criterion": nn.CrossEntropyLoss, "lr": 0.05}
    if cls is WarmStartClassifier:
        settings |= {"optimizer__fused": False}
    net = cls(MLP, **settings, **SHAPE, **params)
    for _ in range(fits):
        net.fit(X, y)
    return net


@pytest.mark.parametrize("listeners", [[], [BatchListener], [GradientListener]], ids=["quiet", "batch", "grad"])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize(
    "params",
    [
        {"iterator_train__shuffle": True, "train_split": None},
        {
            "iterator_train__shuffle": True,
            "train_split": ValidSplit(5, stratified=True),
            "module__dropout": 0.3,
        },
        {"iterator_train__shuffle": False, "train_split": ValidSplit(4), "module__norm": "batch"},
    ],
    ids=["plain", "dropout", "norm"],
)
def test_weights_history_and_probabilities(params: dict[str, Any], optimizer: Any, listeners: list[Any]) -> None:
    ours = run(WarmStartClassifier, 1, optimizer=optimizer, callbacks=listeners, **params)
    theirs = run(NeuralNetClassifier, 1, optimizer=optimizer, **params)
    for name, tensor in theirs.module_.state_dict().items():
        assert torch.equal(ours.module_.state_dict()[name], tensor), name
    assert np.array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    for a, b in zip(ours.history, theirs.history, strict=True):
        assert {**a, "dur": 0} == {**b, "dur": 0}


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_also_over_a_warm_fit_that_keeps_the_optimiser(dropout: float) -> None:
    params = {
        "optimizer": torch.optim.Adam,
        "module__dropout": dropout,
        "warm_start": True,
        "train_split": None,
    }
    ours = run(WarmStartClassifier, 2, optimizer_state="keep", iterator_train__shuffle=True, **params)
    theirs = run(NeuralNetClassifier, 2, iterator_train__shuffle=True, **params)
    for name, tensor in theirs.module_.state_dict().items():
        assert torch.equal(ours.module_.state_dict()[name], tensor), name


@pytest.mark.parametrize("random_state", [None, 3])
def test_batches_on_the_device_and_a_dataloader_give_the_same(random_state: int | None) -> None:
    def fitted(**params: Any) -> Any:
        torch.manual_seed(1)
        return WarmStartClassifier(
            max_epochs=3, batch_size=16, random_state=random_state, module__dropout=0.2, **params
        ).fit(X, y, sample_weight=np.arange(103.0))

    class Loader(DataLoader):
        pass

    assert np.array_equal(fitted().predict_proba(X), fitted(iterator_train=Loader).predict_proba(X))


def test_the_fused_default_differs_by_rounding_only() -> None:
    fused, plain = (
        WarmStartClassifier(max_epochs=3, random_state=0, **extra).fit(X.astype(float), y)
        for extra in ({}, {"optimizer__fused": False})
    )
    assert np.allclose(fused.predict_proba(X), plain.predict_proba(X), atol=1e-8)
