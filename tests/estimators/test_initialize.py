"""Estimators that are initialised from a donor, and predict without having seen a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import iris, net
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.state import NetState

X, Y = iris()
FRAME = pd.DataFrame(X, columns=list("abcd"))
TEXT = np.array(["setosa", "versicolor", "virginica"])[Y]


def sources(fitted: Any, folder: Any) -> list[Any]:
    file = folder / "net.safetensors"
    Checkpoint.from_estimator(fitted).save(file)
    return [file, Checkpoint.load(file), FrozenEstimator(fitted)]


@given(
    classifies=st.booleans(),
    sizes=st.lists(st.integers(1, 6), max_size=2),
    activation=st.sampled_from(["relu", "tanh", "gelu"]),
    standardize=st.booleans(),
)
@settings(max_examples=10, deadline=None)
def test_it_predicts_as_the_donor_does(
    tmp_path_factory: Any, classifies: bool, sizes: Any, activation: str, standardize: bool
) -> None:
    cls = WarmStartClassifier if classifies else WarmStartRegressor
    params = {"module__hidden_layer_sizes": sizes, "module__activation": activation, "standardize": standardize}
    old = cls(max_epochs=2, random_state=0, **params).fit(FRAME, TEXT if classifies else X[:, :2])
    for source in sources(old, tmp_path_factory.mktemp("f")):
        new = cls(warm_start_from=source, standardize=standardize).initialize()
        np.testing.assert_array_equal(new.predict(FRAME), old.predict(FRAME))
        assert list(new.feature_names_in_) == list("abcd")
        assert new.start_.donor == "warm_start_from"
        new.partial_fit(FRAME, TEXT if classifies else X[:, :2])


def test_a_fit_after_it_is_the_fit_without_it(tmp_path: Any) -> None:
    old = net().fit(X, Y)
    for source in sources(old, tmp_path):
        plain = net(warm_start_from=source).fit(X, Y)
        after = net(warm_start_from=source).initialize().fit(X, Y)
        np.testing.assert_array_equal(after.predict_proba(X), plain.predict_proba(X))
        assert after.start_.donor_id == plain.start_.donor_id


def test_parameters_that_are_set_are_kept(tmp_path: Any) -> None:
    old = net(module__activation="tanh").fit(X, Y)
    for source in sources(old, tmp_path):
        with pytest.raises(ValueError, match="module__activation was 'tanh' and is 'relu'"):
            net(module__activation="relu", warm_start_from=source).initialize()
        assert net(warm_start_from=source).initialize().module__activation == "tanh"
    copy = Checkpoint.from_estimator(old).to_estimator(WarmStartClassifier())
    np.testing.assert_array_equal(copy.predict_proba(X), old.predict_proba(X))


def test_a_policy_that_keeps_nothing_begins_anew(tmp_path: Any) -> None:
    old = net(module__n_features=4, module__n_outputs=3).fit(X, Y)
    params = {"module__n_features": 4, "module__n_outputs": 3, "init_policy": "cold"}
    cold = net(warm_start_from=FrozenEstimator(old), **params).initialize()
    assert not np.array_equal(cold.predict_proba(X), old.predict_proba(X))


class Own(nn.Module):
    def __init__(self, n_features: int, n_outputs: int, width: int = 3, path: str = "", act: str = "relu"):
        super().__init__()
        self.path = path
        self.body, self.head = nn.Linear(n_features, width), nn.Linear(width, n_outputs)

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.body(rows).tanh())


def test_a_file_gives_a_module_of_ones_own_numbers_and_no_text(tmp_path: Any) -> None:
    old = net(module=Own, module__width=7, module__path="/somewhere").fit(X, TEXT)
    new = net(module=Own, warm_start_from=sources(old, tmp_path)[0]).initialize()
    np.testing.assert_array_equal(new.predict(X), old.predict(X))
    assert new.module_.path == ""


def test_what_was_learned_is_replaced() -> None:
    old = net().fit(X, TEXT)
    new = net(warm_start_from=FrozenEstimator(old)).fit(X[:, :4], TEXT)
    np.testing.assert_array_equal(new.initialize().predict_proba(X), old.predict_proba(X))


@pytest.mark.parametrize("sizes", [[10**9], [3, 10**9], [3] * 1000, 10**9])
def test_a_network_that_a_file_claims_and_does_not_hold_is_not_made(sizes: Any) -> None:
    old = Checkpoint.from_estimator(net(module__hidden_layer_sizes=(3,)).fit(X, Y)).donor()
    old = replace(old, description={**old.description, "params": {"hidden_layer_sizes": sizes}})
    claimed = Checkpoint.from_donor(old)
    with pytest.raises(ValueError, match="none of its tensors has: set module__hidden_layer_sizes"):
        WarmStartClassifier(warm_start_from=claimed).initialize()
    with pytest.raises(ValueError, match="none of its tensors has"):
        claimed.to_estimator(WarmStartClassifier())


def test_weights_of_one_byte_are_a_donor() -> None:
    old = Checkpoint.from_estimator(net().fit(X, Y)).donor()
    tensors = {name: tensor.to(torch.float8_e5m2) for name, tensor in old.state.items()}
    small = replace(old, state=NetState(tensors, set(tensors)), origin=None)
    new = net(warm_start_from=Checkpoint.from_donor(small), max_epochs=0).fit(X, Y)
    assert new.start_.kept["output.weight"] == 1.0
