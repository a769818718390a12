"""Donors whose layers moved, do not fit, or mean something else."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import net, regressor
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier, WarmStartRegressor
from sk_warmstart.state import NetState
from sk_warmstart.state._layer_names import match_layers

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(60, 3)), np.resize([0, 1, 2], 60)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    norm=st.sampled_from([None, "batch", "layer"]),
    rates=st.tuples(st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.5])),
    schema=st.sampled_from(["strict", "adapt"]),
)
@settings(max_examples=15, deadline=None)
def test_dropout_on_or_off_keeps_all_layers(sizes: Any, norm: Any, rates: Any, schema: str) -> None:
    params = {"module__hidden_layer_sizes": sizes, "module__norm": norm, "schema": schema}
    old = net(module__dropout=rates[0], **params).fit(X, Y)
    heir = net(module__dropout=rates[1], warm_start_from=FrozenEstimator(old), max_epochs=0, **params).fit(X, Y)
    assert set(heir.start_.kept.values()) == {1.0}
    np.testing.assert_array_equal(heir.predict_proba(X), old.predict_proba(X))


def test_a_grid_over_dropout_from_a_donor() -> None:
    donor = FrozenEstimator(net(module__hidden_layer_sizes=(8, 8)).fit(X + 5, Y))
    grid = GridSearchCV(
        net(module__hidden_layer_sizes=(8, 8), warm_start_from=donor), {"module__dropout": [0.0, 0.2, 0.5]}, cv=2
    )
    assert np.isfinite(grid.fit(X, Y).cv_results_["mean_test_score"]).all()


def _as_named_before(fitted: Any) -> Any:
    """Give the network of a net with dropout the names that it had in version 0.1."""
    layers = list(fitted.module_.hidden)
    fitted.module_.hidden = nn.Sequential(*layers)
    fitted.learned_ = replace(fitted.learned_, origin=NetState.from_module(fitted.module_))
    return fitted


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_old_names_of_layers_behind_dropout(dropout: float, tmp_path: Any) -> None:
    sizes = {"module__hidden_layer_sizes": (8, 8)}
    old = _as_named_before(net(module__dropout=0.3, **sizes).fit(X, Y))
    file = tmp_path / "old.safetensors"
    Checkpoint.from_estimator(old).save(file)
    assert "hidden.3.weight" in Checkpoint.load(file).donor().state
    heir = net(module__dropout=dropout, warm_start_from=file, max_epochs=0, optimizer_state="keep", **sizes)
    np.testing.assert_array_equal(heir.fit(X, Y).predict_proba(X), old.predict_proba(X))
    assert len(heir.optimizer_.state) == 6
    back = Checkpoint.load(file).to_estimator(net(module__dropout=dropout, **sizes))
    np.testing.assert_array_equal(back.predict_proba(X), old.predict_proba(X))


def test_an_own_sequential_with_a_layer_put_in() -> None:
    layers = [nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)]
    old = net(module=nn.Sequential(*layers)).fit(X, Y)
    wider = nn.Sequential(*layers[:2], nn.Dropout(0.5), *layers[2:4], nn.Dropout(0.5), layers[4])
    params = {"warm_start_from": FrozenEstimator(old), "max_epochs": 0}
    heir = net(module=wider, schema="adapt", **params).fit(X, Y)
    np.testing.assert_array_equal(heir.predict_proba(X), old.predict_proba(X))
    assert heir.start_.layers_fresh == []
    with pytest.raises(ValueError, match="does not fit"):
        net(module=wider, **params).fit(X, Y)


def test_layers_are_matched_in_their_order_and_by_shape() -> None:
    def tensors(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
        return {name.replace("_", "."): torch.zeros(shape) for name, shape in shapes.items()}

    old = tensors(a_0_weight=(4, 3), a_2_weight=(4, 4), head_weight=(2, 4))
    assert match_layers(old, old) == {}
    normed = tensors(a_0_weight=(4, 3), a_1_weight=(4,), a_3_weight=(4, 4), head_weight=(2, 4))
    assert match_layers(old, normed) == {"a.2.weight": "a.3.weight"}
    assert match_layers(old, tensors(a_0_weight=(4, 4), head_weight=(2, 4))) == {"a.2.weight": "a.0.weight"}
    nested = tensors(a_0_b_0_weight=(4, 3)), tensors(a_0_b_1_weight=(4, 3))
    assert match_layers(*nested) == {"a.0.b.0.weight": "a.0.b.1.weight"}


def test_kept_counts_what_the_donor_held() -> None:
    few = net(schema="adapt", warm_start=True).fit(X[Y < 2], Y[Y < 2])
    start = few.set_params(max_epochs=0).fit(X, Y).start_
    assert start.kept["output.weight"] == pytest.approx(2 / 3)
    assert start.kept["hidden.0.weight"] == 1.0
    with pytest.warns(UserWarning, match="nothing that fits the layers hidden.0, output"):
        start = few.set_params(module__hidden_layer_sizes=(16,)).fit(X, Y).start_
    assert [start.kept[name] for name in ("hidden.0.weight", "hidden.0.bias", "output.weight")] == [0.0] * 3
    assert start.kept["output.bias"] == 1.0
    assert start.layers_fresh == ["hidden.0", "output"]


@pytest.mark.parametrize("labels_first", [True, False])
def test_a_donor_of_another_task(labels_first: bool) -> None:
    tasks = [(WarmStartClassifier, Y), (WarmStartRegressor, rng.normal(size=(60, 3)))]
    (first, theirs), (second, ours) = tasks if labels_first else reversed(tasks)
    old = net(first).fit(X, theirs)
    params = {"warm_start_from": FrozenEstimator(old), "max_epochs": 0}
    with pytest.raises(ValueError, match=r"its outputs mean something else.*schema='adapt'"):
        net(second, **params).fit(X, ours)
    with pytest.warns(UserWarning, match="nothing that fits the layers output"):
        heir = net(second, schema="adapt", **params).fit(X, ours)
    assert heir.start_.kept == {
        "hidden.0.weight": 1.0, "hidden.0.bias": 1.0, "output.weight": 0.0, "output.bias": 0.0
    }  # fmt: skip
    assert heir.start_.layers_fresh == ["output"]
    assert not (heir.module_.output.weight == old.module_.output.weight).any()


class Shaped(nn.Sequential):
    def __init__(self, n_features: int, n_outputs: int, activation: Any = nn.ReLU):
        super().__init__(nn.Linear(n_features, 5), activation(), nn.Linear(5, n_outputs))


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [(None, "relu", "tanh"), (None, "relu", "identity"), (None, "tanh", "gelu"), (Shaped, nn.ReLU, nn.Tanh)],
)
def test_a_changed_activation(module: Any, before: Any, after: Any) -> None:
    params = {} if module is None else {"module": module}
    fitted = net(warm_start=True, module__activation=before, **params).fit(X, Y)
    fitted.set_params(module__activation=after, max_epochs=0)
    with pytest.raises(ValueError, match=r"module__activation was .* and is"):
        fitted.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted.set_params(schema="adapt").fit(X, Y).start_.layers_fresh == []
    cold = net(init_policy="cold", warm_start=True, **params).fit(X, Y)
    assert cold.set_params(module__activation=after).fit(X, Y).start_.policy == "Cold"


def test_a_regressor_from_a_regressor_is_no_other_task() -> None:
    y = X[:, 0]
    old = regressor().fit(X, y)
    assert regressor(warm_start_from=FrozenEstimator(old)).fit(X, y).start_.kept["output.bias"] == 1.0
