"""WiSE-FT and model soups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from torch import nn

from sk_warmstart import Checkpoint, WarmStartClassifier
from sk_warmstart.state import NetState, interpolate, soup

X, y = make_classification(60, 5, n_informative=4, n_redundant=0, random_state=0)


def draw(seed: int, width: int = 3) -> NetState:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
    for _ in range(seed + 1):
        module(torch.randn(4, 2))
    return NetState.from_module(module)


def make(**params: Any) -> WarmStartClassifier:
    defaults: dict[str, Any] = {"module__hidden_layer_sizes": (4,), "max_epochs": 2, "random_state": 0}
    return WarmStartClassifier(**(defaults | params))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_interpolation_is_on_the_line(alpha: float) -> None:
    a, b = draw(0), draw(1)
    mixed = interpolate(a, b, alpha)
    count = "1.num_batches_tracked"
    for name in a:
        if name != count:
            expected = (1 - alpha) * a[name].numpy() + alpha * b[name].numpy()
            np.testing.assert_allclose(mixed[name].numpy(), expected, rtol=1e-6)
    assert mixed[count].dtype == torch.int64
    assert torch.equal(mixed[count], (b if alpha >= 0.5 else a)[count])
    if alpha in (0.0, 1.0):
        end = b if alpha else a
        assert all(torch.equal(mixed[name], end[name]) for name in end)
    mixed["0.weight"].fill_(7.0)
    assert not (a["0.weight"] == 7).any()
    assert not (b["0.weight"] == 7).any()


def test_soups() -> None:
    states = [draw(i) for i in range(3)]
    mean = soup(states)
    for name in ("0.weight", "1.running_mean"):
        np.testing.assert_allclose(mean[name].numpy(), np.mean([s[name].numpy() for s in states], 0), rtol=1e-6)
    assert int(mean["1.num_batches_tracked"]) == 3

    def near_last(state: NetState) -> float:
        return -state.distance(states[2])

    greedy = soup(states, how="greedy", score=near_last)
    assert all(torch.equal(greedy[name], states[2][name]) for name in greedy)
    tasted: list[NetState] = []
    even = soup(states, how="greedy", score=lambda s: tasted.append(s) or 1.0)  # type: ignore[func-returns-value]
    assert len(tasted) == 5
    assert even.distance(mean) < 1e-6


def test_tied_weights_stay_tied() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    mixed = interpolate(NetState.from_module(module), NetState.from_module(module), 0.4)
    assert mixed["0.weight"] is mixed["1.weight"]


def test_checkpoints_stay_checkpoints() -> None:
    base = Checkpoint.from_estimator(make().fit(X[:40], y[:40]))
    tuned = [
        Checkpoint.from_estimator(make(warm_start_from=base, random_state=i).fit(X[20:], y[20:])) for i in (1, 2)
    ]
    mixed = interpolate(base, tuned[0], 0.25)
    assert isinstance(mixed, Checkpoint)
    assert mixed.lineage["params"] == {"of": [base.id, tuned[0].id], "weights": [0.75, 0.25]}
    assert mixed.lineage["generation"] == 1
    assert mixed.parent == tuned[0].id
    donor = mixed.donor()
    assert donor.optimizer is None
    assert donor.memory.own.n_rows == 60  # whoever trained a part of it has trained it
    net = make(warm_start_from=soup(tuned), max_epochs=0).fit(X, y)
    expected = np.mean([tuned[i].state["output.weight"].numpy() for i in (0, 1)], 0)
    np.testing.assert_allclose(net.module_.output.weight.detach().cpu().numpy(), expected, rtol=1e-6)
    assert net.start_.donor_id == soup(tuned).id
    kept = make(warm_start_from=mixed, optimizer_state="keep").fit(X, y)
    kept.partial_fit(X, y)

    def score(checkpoint: Checkpoint) -> float:
        return make(warm_start_from=checkpoint, max_epochs=0).fit(X, y).score(X, y)

    best = soup(tuned, how="greedy", score=score)
    assert score(best) >= max(map(score, tuned))


def test_errors_say_what_does_not_fit() -> None:
    a = draw(0)
    with pytest.raises(ValueError, match="alpha must be"):
        interpolate(a, a, 1.5)
    with pytest.raises(ValueError, match="weight' is"):
        interpolate(a, draw(0, width=4))
    with pytest.raises(ValueError, match="only one of them has"):
        interpolate(a, NetState.from_module(nn.Linear(2, 1)))
    with pytest.raises(TypeError, match="all NetState or all Checkpoint"):
        interpolate(a, Checkpoint.from_estimator(make().fit(X, y)))  # type: ignore[type-var]
    with pytest.raises(TypeError, match="all NetState or all Checkpoint"):
        interpolate(nn.Linear(1, 1), nn.Linear(1, 1))  # type: ignore[type-var]
    for arguments, message in (
        ({"states": []}, "at least one"),
        ({"states": [a], "how": "thick"}, "how must be"),
        ({"states": [a], "how": "greedy"}, "needs score"),
        ({"states": [a], "score": len}, "score is for"),
        ({"states": [a], "how": "greedy", "score": lambda s: float("nan")}, "nan"),
    ):
        with pytest.raises(ValueError, match=message):
            soup(**arguments)  # type: ignore[arg-type]


def test_checkpoints_of_other_meaning_do_not_mix() -> None:
    one = Checkpoint.from_estimator(make(standardize=True).fit(X, y))
    with pytest.raises(ValueError, match="classes"):
        interpolate(one, Checkpoint.from_estimator(make(standardize=True).fit(X, y + 1)))
    with pytest.raises(ValueError, match="standardise"):
        interpolate(one, Checkpoint.from_estimator(make(standardize=True).fit(X * 2, y)))
    moved = make(warm_start_from=one, standardize=True, max_epochs=0).fit(X * 2, y)
    other = Checkpoint.from_estimator(make(standardize=True).fit(X * 2, y))
    interpolate(Checkpoint.from_estimator(moved), other)
