"""Labels and class weights of what only skorch understands: dictionaries, datasets, dataset classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import net
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.utils.data import IterableDataset, Subset

from sk_warmstart import WarmStartClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3)).astype(np.float32)
CODES = np.digitize(X[:, 0], [0.3, 0.8])
NAMES = {
    "text": np.array(["cat", "dog", "eel"]),
    "object": np.array(["cat", "dog", "eel"], dtype=object),
    "numbers": np.array([5, 6, 9]),
    "shifted": np.array([1, 2, 3]),
    "codes": np.arange(3),
}


class Own(Dataset):
    pass


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.line(rows)


SHAPE = {"module__n_features": 3, "module__n_outputs": 3}


def fitted(kind: str, y: Any, **params: Any) -> tuple[Any, Any]:
    """Return an estimator that was fitted on one kind of input, and what it predicts of."""
    settings = {"max_epochs": 30, "lr": 0.05, "iterator_train__shuffle": False} | params
    if kind == "array":
        return net(**settings).fit(X, y), X
    if kind == "dict":
        return net(module=Named, **settings).fit({"rows": X}, y), {"rows": X}
    if kind == "dataset":
        return net(**SHAPE, **settings).fit(Dataset(X, y)), X
    if kind == "subset":
        return net(**SHAPE, **settings).fit(Subset(Dataset(X, y), range(len(X)))), X
    return net(dataset=Own, **SHAPE, **settings).fit(X, y), X


@pytest.mark.parametrize("labels", NAMES)
@pytest.mark.parametrize("kind", ["dict", "dataset", "subset", "own"])
def test_labels_of_any_kind(kind: str, labels: str) -> None:
    y = NAMES[labels][CODES]
    subject, rows = fitted(kind, y)
    assert np.array_equal(subject.classes_, NAMES[labels])
    assert np.mean(subject.predict(rows) == y) > 0.8
    if kind == "own":
        assert subject.score(rows, y) > 0.8


@pytest.mark.parametrize("kind", ["dict", "own"])
def test_partial_fits_know_all_labels(kind: str) -> None:
    y = NAMES["text"][CODES]
    rows = (lambda part: {"rows": X[part]}) if kind == "dict" else (lambda part: X[part])
    params = {"module": Named} if kind == "dict" else {"dataset": Own, **SHAPE}
    subject = net(lr=0.05, **params)
    for first in range(0, 200, 50):
        subject.partial_fit(rows(slice(first, first + 50)), y[first : first + 50], classes=NAMES["text"])
    assert np.array_equal(subject.classes_, NAMES["text"])
    with pytest.raises(ValueError, match="classes not in"):
        subject.partial_fit(rows(slice(0, 50)), np.resize(["cow"], 50))


@given(weights=st.one_of(st.just("balanced"), st.lists(st.integers(0, 5), min_size=3, max_size=3)))
@settings(max_examples=8, deadline=None)
def test_class_weights_weigh_as_those_of_an_array(weights: Any) -> None:
    y = NAMES["text"][CODES]
    if weights != "balanced":
        weights = dict(zip(NAMES["text"].tolist(), [weights[0] + 1, *weights[1:]], strict=True))
    expected = fitted("array", y, class_weight=weights, max_epochs=5)[0].predict_proba(X)
    for kind in ("dataset", "subset", "own"):
        subject, rows = fitted(kind, y, class_weight=weights, max_epochs=5)
        np.testing.assert_allclose(subject.predict_proba(rows), expected, atol=1e-4)


def test_class_weights_of_a_dict() -> None:
    plain, rows = fitted("dict", CODES)
    weighed = fitted("dict", CODES, class_weight={0: 1, 1: 1, 2: 20})[0]
    assert weighed.predict_proba(rows)[:, 2].mean() > plain.predict_proba(rows)[:, 2].mean() + 0.05


def test_class_weights_need_labels_that_can_be_seen() -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(zip(torch.from_numpy(X), torch.from_numpy(CODES), strict=True))

    class Opaque(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, i: int) -> Any:
            return X[i], CODES[i]

    params = {**SHAPE, "iterator_train__shuffle": False}
    with pytest.raises(ValueError, match="class_weight needs labels that fit can see"):
        net(class_weight={0: 2.0}, **params).fit(Stream())
    assert net(**params).fit(Stream()).predict(X).shape == (200,)
    assert net(class_weight={0: 2.0}, **params).fit(Opaque()).predict(X).shape == (200,)  # it reads them


@pytest.mark.parametrize("kind", ["array", "dict", "dataset", "own"])
def test_class_weights_that_leave_nothing(kind: str) -> None:
    with pytest.raises(ValueError, match="class_weight is zero for every class"):
        fitted(kind, CODES, class_weight=dict.fromkeys(range(3), 0))


@pytest.mark.parametrize("kind", ["dataset", "own"])
def test_sample_weights_are_refused_where_they_cannot_weigh(kind: str) -> None:
    params = {**SHAPE, **({"dataset": Own} if kind == "own" else {})}
    rows = {"dataset": Dataset(X, CODES), "own": X}[kind]
    with pytest.raises(ValueError, match="weigh the rows in a get_loss of your own"):
        net(**params).fit(rows, None if kind == "dataset" else CODES, sample_weight=np.ones(200))


class LeavesWeights(Named):
    def forward(self, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return super().forward(rows)


class Weighing(WarmStartClassifier):
    def get_loss(self, y_pred: Any, y_true: Any, X: Any = None, **kwargs: Any) -> torch.Tensor:
        return (super().get_loss(y_pred, y_true, X=X, **kwargs) * X["weight"]).mean()


class WithWeights(torch.utils.data.Dataset):
    def __init__(self, weight: Any):
        self.weight = weight

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        return {"rows": X[i], "weight": self.weight[i]}, NAMES["text"][CODES[i]]


@pytest.mark.parametrize("early", [False, True])
def test_a_dataset_may_hold_the_weights_of_its_rows(early: bool) -> None:
    """The way that the refusal of sample_weight names trains as sample_weight does."""
    weight = np.array([0.2, 1.0, 3.0], dtype=np.float32)[CODES]
    weight /= weight.mean()
    params = {"max_epochs": 10, "lr": 0.05, "random_state": 0, "optimizer__fused": False, "early_stopping": early}
    rows, ids = WithWeights(weight), np.arange(len(X))
    subject = Weighing(LeavesWeights, criterion__reduction="none", **params).fit(rows, sample_id=ids)
    other = WarmStartClassifier(Named, **params)
    other.fit({"rows": X}, NAMES["text"][CODES], sample_weight=weight, sample_id=ids)
    if not early:  # where rows are held out, the mean weight of the others is made 1
        np.testing.assert_allclose(subject.predict_proba(rows), other.predict_proba({"rows": X}), atol=1e-5)
    np.testing.assert_allclose(subject.predict_proba(rows), other.predict_proba({"rows": X}), atol=0.05)


def test_a_split_of_skorch_over_a_dict_with_labels() -> None:
    split = {"train_split": ValidSplit(4, stratified=True)}
    subject, rows = fitted("dict", NAMES["text"][CODES], **split)
    assert subject.history[-1]["valid_acc"] > 0.7
    assert subject.predict(rows).dtype.kind == "U"


def test_weights_with_nll_loss_weigh_logarithms() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Softmax(dim=-1))
    params = {"module": module, "criterion": nn.NLLLoss, "max_epochs": 3}
    plain = net(WarmStartClassifier, **params).fit(X, CODES)
    weighed = net(WarmStartClassifier, **params).fit(X, CODES, sample_weight=np.full(200, 3.0))
    np.testing.assert_allclose(weighed.predict_proba(X), plain.predict_proba(X), rtol=1e-4)
