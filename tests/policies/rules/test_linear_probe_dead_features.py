"""Linear probes of features that are dead, or nearly so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_warmstart import WarmStartClassifier, WarmStartRegressor
from sk_warmstart.diagnostics.transfer._probe import Probe, Sample

X, Y = load_digits(return_X_y=True)
X = (X[:600] / 16).astype("float32")
Y = Y[:600]


class Normed(nn.Module):
    def __init__(self, n_outputs: int, scale: float = 1.0, bias: bool = True):
        super().__init__()
        self.body, self.norm = nn.Linear(64, 16), nn.LayerNorm(16)
        self.head = nn.Linear(16, n_outputs, bias=bias)
        with torch.no_grad():
            self.norm.weight[3:6], self.norm.bias[3:6] = scale, -scale

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.body(rows)))


@pytest.mark.parametrize("scale", [0.0, 6e-33, 1e-20, 1e-9])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cls", [WarmStartClassifier, WarmStartRegressor])
def test_dead_units_get_no_weights(scale: float, bias: bool, cls: Any) -> None:
    y = Y if cls is WarmStartClassifier else X[:, 10] * 5.0
    params = {
        "module__n_outputs": 10 if cls is WarmStartClassifier else 1,
        "module__bias": bias,
        "random_state": 0,
    }
    first = cls(Normed, module__scale=scale, max_epochs=0, **params).initialize()
    probed = cls(
        Normed, module__scale=scale, warm_start_from=FrozenEstimator(first), init_policy="linear_probe",
        max_epochs=0, **params,
    ).fit(X, y)  # fmt: skip
    weights = probed.module_.head.weight.detach()
    assert weights[:, 3:6].abs().max() < 1e3 * weights.abs().median()
    score = probed.start_.score
    assert probed.set_params(warm_start=True, init_policy="warm", max_epochs=1, lr=1e-4).fit(X, y).score(X, y) > (
        score - 0.1
    )


@given(
    factor=st.sampled_from([1e-6, 1e-3, 1.0, 1e4]),
    tiny=st.sampled_from([0.0, 1e-35, 1e-15, 1e-7]),
    classifies=st.booleans(),
    intercept=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_solutions_are_of_the_size_of_the_features(
    factor: float, tiny: float, classifies: bool, intercept: bool
) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 4)) * [1, 2, tiny, 1] * factor
    targets = (features[:, 0] > 0).astype(int) if classifies else features[:, :1] * 1e9
    sample = Sample(features, targets, np.ones(80))
    weight, _ = Probe(classifies, intercept).weights(sample, 1.0)
    assert np.isfinite(weight).all()
    assert abs(weight[0, 2]) <= 1e3 * np.abs(weight).max(initial=0.0, where=np.array([True, True, False, True]))


def test_a_head_that_is_not_finite_is_refused() -> None:
    sample = Sample(np.eye(4), np.full((4, 1), np.inf), np.ones(4))
    with pytest.raises(ValueError, match=r"not finite|infinity"):
        Probe(classifies=False).weights(sample, 1.0)
