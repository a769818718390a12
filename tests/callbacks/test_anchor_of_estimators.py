"""What an estimator tells an Anchor of its start."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator

from sk_warmstart import WarmStartClassifier
from sk_warmstart.callbacks import Anchor
from sk_warmstart.policies import InitPolicy
from sk_warmstart.state import NetState

X, Y = load_iris(return_X_y=True)


class Half(InitPolicy):
    """Between the donor and the fresh draw; remembers both."""

    seen: dict[str, NetState] = {}

    def start(self, previous: Any, fresh: Any, context: Any) -> NetState:
        Half.seen.update(donor=previous.copy(), fresh=fresh.copy())
        return previous.map(lambda name, tensor: (tensor + fresh[name]) / 2)


@pytest.mark.parametrize("to", ["fresh", "donor"])
def test_an_anchor_holds_on_to_what_the_policy_was_given(to: str) -> None:
    donor = WarmStartClassifier(max_epochs=20, random_state=0).fit(X, Y)
    anchor = Anchor(strength=100.0, to=to, scope="all")
    net = WarmStartClassifier(
        warm_start_from=FrozenEstimator(donor),
        init_policy=Half(),
        callbacks=[("anchor", anchor)],
        optimizer=torch.optim.SGD,
        lr=5e-3,
        max_epochs=60,
        random_state=1,
    ).fit(X, Y)
    held = Half.seen[to]
    distances = {name: NetState.from_module(net.module_).distance(state) for name, state in Half.seen.items()}
    assert distances[to] < 0.1 * held.distance(Half.seen["fresh" if to == "donor" else "donor"])
    assert "run_" not in vars(net)  # nothing of it outlives the fit
