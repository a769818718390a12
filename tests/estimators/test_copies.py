"""Copies of nets: alone, shared and among other objects."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from helpers import net
from torch import nn

from sk_warmstart import WarmStartClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 3)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)


def test_nets_among_other_objects() -> None:
    """What is copied after a net is not taken for what was made while it was copied."""
    nets = [net(WarmStartClassifier, max_epochs=1).fit(X, y) for _ in range(3)]
    many: list[Any] = []
    for number in range(200):
        many += [nets[number % 3], {"number": number, "inside": [number, {number: "text"}]}]
    copies = copy.deepcopy(many)
    assert copies[1::2] == many[1::2]
    assert len({id(each) for each in copies[::2]}) == 3  # shared as before
    assert not {id(each) for each in copies[::2]} & {id(each) for each in nets}
    np.testing.assert_array_equal(copies[0].predict_proba(X), nets[0].predict_proba(X))


class Keeps(nn.Module):
    """Keeps a tensor that torch copies by its pickle only."""

    def __init__(self, n_features: int, n_outputs: int):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.seen = self.layer(X)
        return self.seen


def test_a_copy_trains_on_as_the_original() -> None:
    for module in ({}, {"module": Keeps}):
        fitted = WarmStartClassifier(**module, max_epochs=2, random_state=0, dtype="float32").fit(X, y)
        twin = copy.deepcopy(fitted)
        for each in (fitted, twin):
            each.partial_fit(X, y)
        np.testing.assert_array_equal(twin.predict_proba(X), fitted.predict_proba(X))
        assert twin.module_ is not fitted.module_
        assert twin.optimizer_.param_groups[0]["params"][0] is next(twin.module_.parameters())
