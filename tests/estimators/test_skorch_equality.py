"""With skorch's settings the numbers are skorch's, bit for bit, through all shortcuts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
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
            max_epochs=3,
            batch_size=16,
            random_state=random_state,
            module__dropout=0.2,
            optimizer__fused=False,
            **params,
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


class Own(nn.Module):
    """A module that this library does not know."""

    def __init__(self, n_features: int, n_outputs: int, hidden_layer_sizes: Any = (8,)):
        super().__init__()
        self.first = nn.Linear(n_features, 7)
        self.normal = nn.LayerNorm(7)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(7, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(torch.tanh(self.normal(self.first(X)))))


@pytest.mark.parametrize("module", [MLP, Own])
@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        (torch.optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.9)}),
        (torch.optim.AdamW, {"weight_decay": 0.3, "amsgrad": True}),
        (torch.optim.RMSprop, {}),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 16, 50, 200, -1])
def test_a_matrix_of_settings(module: Any, optimizer: Any, numbers: dict[str, Any], batch_size: int) -> None:
    def fitted(cls: Any, **extra: Any) -> Any:
        torch.manual_seed(0)
        net = cls(
            module,
            verbose=0,
            max_epochs=3,
            batch_size=batch_size,
            criterion=nn.CrossEntropyLoss,
            lr=0.02,
            optimizer=optimizer,
            iterator_train__shuffle=True,
            train_split=ValidSplit(4),
            callbacks=[("lr", LRScheduler("StepLR", step_size=2))],
            **{f"optimizer__{name}": value for name, value in numbers.items()},
            **extra,
            **SHAPE,
        )
        return net.fit(X, y)

    extra = {} if optimizer is torch.optim.RMSprop else {"optimizer__fused": False}
    ours, theirs = fitted(WarmStartClassifier, **extra), fitted(NeuralNetClassifier)
    for name, tensor in theirs.module_.state_dict().items():
        assert torch.equal(ours.module_.state_dict()[name], tensor), name
    for a, b in zip(ours.history, theirs.history, strict=True):
        assert {**a, "dur": 0} == {**b, "dur": 0}
    many = np.random.default_rng(1).normal(size=(1000, 6)).astype(np.float32)
    if extra:
        assert np.array_equal(ours.predict_proba(many), theirs.predict_proba(many))
    # Nor has either drawn more random numbers than the other.
    states = []
    for cls, more in ((WarmStartClassifier, extra), (NeuralNetClassifier, {})):
        fitted(cls, **more).predict_proba(many)
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_a_regressor_on_two_targets() -> None:
    def fitted(cls: Any, **extra: Any) -> Any:
        torch.manual_seed(0)
        settings = {"verbose": 0, "max_epochs": 3, "batch_size": 16, "lr": 0.02, "optimizer": torch.optim.Adam}
        shape = {**SHAPE, "module__n_outputs": 2}
        return cls(MLP, train_split=None, iterator_train__shuffle=True, **settings, **shape, **extra).fit(
            X, X[:, :2]
        )

    ours, theirs = fitted(WarmStartRegressor, optimizer__fused=False), fitted(NeuralNetRegressor)
    for name, tensor in theirs.module_.state_dict().items():
        assert torch.equal(ours.module_.state_dict()[name], tensor), name
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert [row["train_loss"] for row in ours.history] == [row["train_loss"] for row in theirs.history]
