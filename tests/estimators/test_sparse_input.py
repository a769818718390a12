"""Sparse rows give the numbers of dense ones, and no dense table is made of them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from sk_warmstart import WarmStartClassifier, WarmStartMixin, WarmStartRegressor
from sk_warmstart.training import SparseMatrix
from sk_warmstart.training.rows import _parts

rng = np.random.default_rng(0)
DENSE = rng.normal(size=(90, 12)) * (rng.random((90, 12)) < 0.3)
SPARSE = sparse.csr_array(DENSE)
SIGNAL = DENSE @ rng.normal(size=12)
LABELS = np.array(["no", "yes"])[(SIGNAL > 0).astype(int)]
WEIGHT = rng.random(90)

CLASSIFIER = (WarmStartClassifier, LABELS)
REGRESSOR = (WarmStartRegressor, SIGNAL)
both = pytest.mark.parametrize("kind", [CLASSIFIER, REGRESSOR], ids=["classifier", "regressor"])


def net(cls: Any, **params: Any) -> Any:
    defaults: dict[str, Any] = {
        "module__hidden_layer_sizes": (8,),
        "max_epochs": 4,
        "batch_size": 16,
        "random_state": 0,
    }
    return cls(**{**defaults, **params})


def state(net: Any) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in net.module_.state_dict().items()}


def assert_same(ours: Any, dense: Any) -> None:
    assert state(ours) == state(dense)
    assert ours.loss_curve_ == dense.loss_curve_
    assert (ours.start_.loss, ours.start_.score) == (dense.start_.loss, dense.start_.score)
    outputs = "predict_proba" if hasattr(dense, "predict_proba") else "predict"
    expected = getattr(dense, outputs)(DENSE)
    for X in (SPARSE, DENSE):
        assert np.array_equal(getattr(ours, outputs)(X), expected)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "validation_fraction": 0.3}, {"batch_size": -1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_equals_that_on_the_dense_table(kind: Any, dtype: Any, params: Any, weighted: bool) -> None:
    cls, y = kind
    weight = WEIGHT if weighted else None
    dense = net(cls, **params).fit(DENSE.astype(dtype), y, sample_weight=weight)
    ours = net(cls, **params).fit(SPARSE.astype(dtype), y, sample_weight=weight)
    assert_same(ours, dense)
    assert [row.get("valid_score") for row in ours.history] == [row.get("valid_score") for row in dense.history]
    assert ours.score(SPARSE, y) == dense.score(DENSE, y)


@both
def test_warm_fits_partial_fits_and_donors(kind: Any) -> None:
    cls, y = kind
    nets = []
    for X in (DENSE, SPARSE):
        warm = net(cls, warm_start=True, module__dropout=0.2).fit(X[:60], y[:60]).fit(X, y).partial_fit(X, y)
        frozen = net(cls, warm_start_from=FrozenEstimator(warm), init_policy="shrink_perturb").fit(X, y)
        nets.append((warm, frozen))
    for dense, ours in zip(*nets, strict=True):
        assert_same(ours, dense)
    streams = []
    for X in (DENSE, SPARSE):
        stream = net(cls)
        for part in (slice(0, 30), slice(30, 90)):
            known = {"classes": ["no", "yes"]} if cls is WarmStartClassifier else {}
            stream.partial_fit(X[part], y[part], **known)
        streams.append(stream)
    assert state(streams[0]) == state(streams[1])


@pytest.mark.parametrize("name", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix])
def test_formats(name: str, make: Any) -> None:
    X = make(DENSE).asformat(name)
    ours, dense = net(WarmStartClassifier).fit(X, LABELS), net(WarmStartClassifier).fit(DENSE, LABELS)
    assert_same(ours, dense)
    assert np.array_equal(ours.predict_proba(X), dense.predict_proba(DENSE))


def test_the_numbers_of_an_integer_table_and_another_dtype() -> None:
    counts = np.round(DENSE).astype(np.int64)
    for params in ({}, {"dtype": "float32"}):
        ours = net(WarmStartClassifier, **params).fit(sparse.csr_array(counts), LABELS)
        assert state(ours) == state(net(WarmStartClassifier, **params).fit(counts, LABELS))


def test_validation_rows_of_ones_own_may_be_either() -> None:
    nets = [
        net(WarmStartClassifier, early_stopping=True).fit(X[:60], LABELS[:60], X_val=V[60:], y_val=LABELS[60:])
        for X in (DENSE, SPARSE)
        for V in (DENSE, SPARSE)
    ]
    for ours in nets[1:]:
        assert_same(ours, nets[0])


def test_entries_that_are_zero_or_occur_twice() -> None:
    halves = sparse.csr_array(
        (np.repeat(SPARSE.data / 2, 2), np.repeat(SPARSE.indices, 2), SPARSE.indptr * 2), shape=SPARSE.shape
    )
    zeros = SPARSE.copy()
    zeros.data[::3] = 0
    for odd in (halves, zeros):
        before = odd.data.copy()
        nets = [net(WarmStartClassifier, early_stopping=True).fit(X, LABELS) for X in (odd, odd.toarray())]
        assert_same(*nets)
        assert np.array_equal(odd.data, before)  # it is the user's


def test_data_frames_of_sparse_columns() -> None:
    names = list("abcdefghijkl")
    columns = pd.DataFrame.sparse.from_spmatrix(SPARSE, columns=names)
    ours = net(WarmStartClassifier, early_stopping=True).fit(columns, LABELS)
    dense = net(WarmStartClassifier, early_stopping=True).fit(pd.DataFrame(DENSE, columns=names), LABELS)
    assert state(ours) == state(dense)
    assert list(ours.feature_names_in_) == names
    assert ours.score(columns, LABELS) == dense.score(pd.DataFrame(DENSE, columns=names), LABELS)


def test_pipelines_and_searches() -> None:
    texts = [f"{'warm' if i % 2 else 'cold'} start number {i}" for i in range(60)]
    y = np.arange(60) % 2
    search = GridSearchCV(
        make_pipeline(TfidfVectorizer(), net(WarmStartClassifier, max_epochs=20, lr=0.02)),
        {"warmstartclassifier__batch_size": [8, 16]},
        cv=3,
    ).fit(texts, y)
    assert search.best_score_ == 1
    kinds = np.array([["a", "b", "c"][i % 3] for i in range(60)], dtype=object)[:, None]
    pipe = make_pipeline(OneHotEncoder(), net(WarmStartRegressor, max_epochs=80, lr=0.05))
    assert pipe.fit(kinds, np.arange(60.0) % 3).score(kinds, np.arange(60.0) % 3) > 0.9


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    bad = SPARSE.copy()
    bad.data[3] = value
    with pytest.raises(ValueError, match="Input X contains"):
        net(WarmStartClassifier).fit(bad, LABELS)
    fitted = net(WarmStartClassifier).fit(SPARSE, LABELS)
    with pytest.raises(ValueError, match="Input X contains"):
        fitted.predict(bad)
    with pytest.raises(ValueError, match="X has 11 features"):
        fitted.predict(SPARSE[:, :11])


def test_no_dense_table_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    dense = SparseMatrix.dense

    def spy(self: SparseMatrix) -> torch.Tensor:
        sizes.append(len(self))
        return dense(self)

    monkeypatch.setattr(SparseMatrix, "dense", spy)
    monkeypatch.setattr(_parts, "_MOST_NUMBERS", 10 * 3000)
    wide = sparse.random_array((200, 3000), density=1e-2, random_state=0, format="csr")
    y = np.arange(200) % 2
    params = {"early_stopping": True, "max_epochs": 1, "module__hidden_layer_sizes": (2,)}
    fitted = net(WarmStartClassifier, **params).fit(wide, y, sample_id=np.arange(200))
    fitted.partial_fit(wide, y).predict(wide)
    assert max(sizes) == 16


def test_what_is_fitted_holds_no_rows() -> None:
    X = sparse.random_array((3000, 100), density=0.5, random_state=0, format="csr")
    y = np.arange(3000) % 2
    params = {"early_stopping": True, "max_epochs": 1, "module__hidden_layer_sizes": (2,), "batch_size": 500}
    fitted = net(WarmStartClassifier, **params).fit(X, y, sample_id=np.arange(3000)).partial_fit(X, y)
    assert "run_" not in vars(fitted)
    for kept in (fitted, copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted)), clone(fitted)):
        assert len(pickle.dumps(kept)) < X.data.nbytes / 5


class Linear(nn.Module):
    """Of the user's own."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        assert type(X) is torch.Tensor
        assert X.layout is torch.strided
        return self.layer(X)


class Own(WarmStartMixin, NeuralNetClassifier):
    """A net of the user's own."""


class OwnLoader(DataLoader):
    """No class that this library knows."""


class OwnDataset(Dataset):
    """skorch's own makes rows dense one at a time."""


def n_predicted(net: Any, X: Any, y: Any = None) -> float:
    """A score that predicts on whatever rows it is given."""
    return float(len(net.predict(X)))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"module": nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 2))},
        {"iterator_train": OwnLoader, "iterator_valid": OwnLoader},
        {"train_split": ValidSplit(3), "callbacks": [EpochScoring(n_predicted, use_caching=False)]},
        {"optimizer": torch.optim.LBFGS, "lr": 0.1},
    ],
    ids=["plain", "lazy", "loader", "split", "lbfgs"],
)
def test_modules_loaders_and_nets_of_ones_own(params: dict[str, Any]) -> None:
    nets = []
    for X in (DENSE, SPARSE):
        torch.manual_seed(0)  # lazy layers draw from the global generator
        settings = {
            "module": Linear,
            "criterion": nn.CrossEntropyLoss,
            "verbose": 0,
            "train_split": None,
            **params,
        }
        fitted = Own(**settings, max_epochs=3, batch_size=16, random_state=0).fit(X.astype(np.float32), LABELS)
        assert fitted.predict(X.astype(np.float32)).shape == (90,)
        nets.append(fitted)
    assert state(nets[1]) == state(nets[0])
    assert np.array_equal(nets[1].history[:, "train_loss"], nets[0].history[:, "train_loss"])


def test_a_dataset_of_ones_own_gets_the_sparse_matrix() -> None:
    X = sparse.csr_matrix(DENSE.astype(np.float32))
    fitted = net(WarmStartClassifier, dataset=OwnDataset).fit(X, LABELS)
    assert fitted.predict(X).shape == (90,)
    dense = net(WarmStartClassifier, dataset=OwnDataset).fit(X.toarray(), LABELS)
    assert state(fitted) == state(dense)


def test_a_net_that_was_initialised_by_hand() -> None:
    params = {"module__n_features": 12, "module__n_outputs": 2}
    by_hand = net(WarmStartClassifier, classes=[0, 1], **params).initialize()
    X = SPARSE.astype(np.float32)
    for given in (X, X.tocsc(), X.tocoo()):
        assert np.array_equal(by_hand.predict_proba(given), by_hand.predict_proba(X.toarray()))


def test_tags() -> None:
    for cls in (WarmStartClassifier, WarmStartRegressor, Own):
        tags = (Own(Linear) if cls is Own else cls()).__sklearn_tags__()
        assert tags.input_tags.sparse
