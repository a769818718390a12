"""The table of measures of a fitted estimator."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import iris, net, regressor
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sk_warmstart import diagnose
from sk_warmstart.diagnostics import (
    distance,
    dormant_fraction,
    effective_rank,
    gradient_norm,
    layer_inputs,
    sharpness,
    srank,
)
from sk_warmstart.state import NetState

X, Y = iris()
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


def value(table: pd.DataFrame, measure: str, layer: str = "") -> float:
    """Return the value of one row."""
    found = table[(table["measure"] == measure) & (table["layer"] == layer)]["value"]
    assert len(found) == 1
    return float(found.iloc[0])


def test_a_row_for_each_measure_and_layer() -> None:
    fitted = net().fit(X, Y)
    found = diagnose(fitted, X, Y)
    assert found.columns.tolist() == ["measure", "layer", "value", "meaning"]
    layers = {name: group["layer"].tolist() for name, group in found.groupby("measure", sort=False)}
    assert layers == {
        "loss": [""],
        "dormant_share": ["", "hidden.0"],
        "effective_rank": ["output"],
        "srank": ["output"],
        "gradient_norm": ["", "hidden.0", "output"],
        "sharpness": [""],
        "distance_from_origin": ["", "hidden.0", "output"],
    }
    assert np.isfinite(found["value"]).all()
    assert found["meaning"].str.endswith(".").all()


def test_values_are_those_of_the_functions() -> None:
    fitted = net().fit(X, Y)
    found = diagnose(fitted, X, Y, rng=3)
    network, loss = fitted.module_, nn.CrossEntropyLoss()
    rows, targets = torch.from_numpy(X), torch.from_numpy(Y)
    drawn = sharpness(network, loss, rows, targets, rng=3)
    assert value(found, "sharpness") == pytest.approx(drawn.value)
    assert value(found, "loss") == pytest.approx(drawn.loss)
    assert value(found, "gradient_norm") == pytest.approx(gradient_norm(network, loss, rows, targets))
    assert value(found, "dormant_share") == dormant_fraction(network, rows)
    features = layer_inputs(network, rows)["output"]
    assert value(found, "effective_rank", "output") == pytest.approx(effective_rank(features))
    assert value(found, "srank", "output") == srank(features)
    moved = distance(NetState.from_module(network), fitted.origin_, scale="relative")
    assert value(found, "distance_from_origin") == moved


def test_labels_of_any_kind_and_rows_as_the_network_takes_them() -> None:
    expected = diagnose(net(standardize=True).fit(X, Y), X, Y)
    pd.testing.assert_frame_equal(diagnose(net(standardize=True).fit(X, NAMES), X, NAMES), expected)
    framed = pd.DataFrame(X, columns=list("abcd"))
    fitted = net(standardize=True).fit(framed, pd.Series(NAMES))
    pd.testing.assert_frame_equal(diagnose(fitted, framed, pd.Series(NAMES)), expected)
    piped = make_pipeline(StandardScaler(), net()).fit(X, NAMES)
    assert value(diagnose(piped, X, NAMES), "loss") == pytest.approx(value(expected, "loss"), rel=1e-4)
    few = np.flatnonzero(NAMES == "virginica")
    assert value(diagnose(fitted, framed.iloc[few], NAMES[few]), "loss") > 0


def test_sparse_rows() -> None:
    for standardize in (False, True):
        fitted = net(standardize=standardize).fit(sparse.csr_matrix(X), Y)
        found = diagnose(fitted, sparse.csr_matrix(X), Y)
        predicted = fitted.predict_proba(X)[np.arange(len(Y)), Y]
        assert value(found, "loss") == pytest.approx(-np.log(predicted).mean(), rel=1e-4)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_a_regressor(n_targets: int) -> None:
    y = X[:, 0] if n_targets == 1 else X[:, :2]
    fitted = regressor(standardize=True).fit(X, y)
    expected = np.mean((fitted.predict(X) - y) ** 2)
    assert value(diagnose(fitted, X, y), "loss") == pytest.approx(expected, rel=1e-5)


def test_a_search_over_a_pipeline() -> None:
    search = GridSearchCV(make_pipeline(StandardScaler(), net()), {"warmstartclassifier__lr": [0.01]}, cv=2)
    search.fit(X, NAMES)
    pd.testing.assert_frame_equal(diagnose(search, X, NAMES), diagnose(search.best_estimator_, X, NAMES))


@pytest.mark.parametrize("cls", [NeuralNetClassifier, NeuralNetRegressor])
def test_nets_of_skorch(cls: Any) -> None:
    layers = [nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3 if cls is NeuralNetClassifier else 1)]
    if cls is NeuralNetClassifier:
        layers.append(nn.Softmax(dim=1))
    y = Y if cls is NeuralNetClassifier else X[:, :1].astype(np.float32)
    fitted = cls(nn.Sequential(*layers), train_split=None, max_epochs=2, verbose=0).fit(X.astype(np.float32), y)
    found = diagnose(fitted, X.astype(np.float32), y)
    outputs = fitted.predict_proba(X.astype(np.float32))
    expected = (
        -np.log(outputs[np.arange(len(Y)), Y]).mean() if outputs.shape[1] == 3 else np.mean((outputs - y) ** 2)
    )
    assert value(found, "loss") == pytest.approx(expected, rel=1e-5)
    assert "distance_from_origin" not in set(found["measure"])


class Counting(nn.Module):
    """A network with a buffer that it changes, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.head(self.body(X))


def test_nothing_changes() -> None:
    fitted = net(module=Counting, standardize=True).fit(X, NAMES)
    fitted.module_.train()
    before = copy.deepcopy(fitted.module_.state_dict())
    attributes, expected = set(vars(fitted)), copy.deepcopy(fitted).predict_proba(X)
    order = copy.deepcopy(fitted.learned_.streams.state())
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = diagnose(fitted, X, NAMES)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    torch.testing.assert_close(fitted.learned_.streams.state(), order, rtol=0, atol=0)
    assert all(layer.training for layer in fitted.module_.modules())
    assert set(vars(fitted)) == attributes
    after = fitted.module_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    pd.testing.assert_frame_equal(diagnose(fitted, X, NAMES), first)
    assert (fitted.predict_proba(X) == expected).all()


def test_rng_draws_the_directions() -> None:
    fitted = net().fit(X, Y)

    def found(rng: Any) -> float:
        return value(diagnose(fitted, X, Y, rng=rng), "sharpness")

    assert found(None) == found(0) == found(torch.Generator().manual_seed(0)) != found(1)
    for make in (np.random.default_rng, np.random.RandomState):
        assert found(make(1)) == found(make(1)) != found(make(2))
    for bad in (-1, 1.5, "seed", True):
        with pytest.raises(ValueError, match="rng must be an integer from 0"):
            found(bad)


def test_what_a_network_lacks_is_left_out() -> None:
    fitted = net(module=nn.Linear, module__in_features=4, module__out_features=3).fit(X, Y)
    for parameter in fitted.module_.parameters():
        parameter.requires_grad_(False)
    found = diagnose(fitted, X, Y)
    assert found["measure"].tolist() == ["loss", "effective_rank", "srank", "sharpness", "distance_from_origin"]


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="WarmStartClassifier is not fitted: call fit first"):
        diagnose(net(), X, Y)
    with pytest.raises(ValueError, match="is not fitted: call fit first"):
        diagnose(make_pipeline(StandardScaler(), net()), X, Y)
    with pytest.raises(TypeError, match="LogisticRegression holds no torch network"):
        diagnose(LogisticRegression().fit(X, Y), X, Y)
    fitted = net().fit(X, NAMES)
    with pytest.raises(ValueError, match=r"labels that the estimator does not know: \['rose'\]"):
        diagnose(fitted, X, np.where(Y == 0, "rose", NAMES))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        diagnose(fitted, X, NAMES[1:])
    with pytest.raises(ValueError, match="y must hold a target"):
        diagnose(fitted, X, None)
    with pytest.raises(ValueError, match="3 features"):
        diagnose(fitted, X[:, :3], NAMES)
    with pytest.raises(ValueError, match="NaN"):
        diagnose(fitted, np.where(X > 1, np.nan, X), NAMES)
