"""Policies inside policies: donors at any depth, and objects that can start and nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from torch import nn

from sk_warmstart import DataIncremental, WarmStartClassifier, WarmStartComparator
from sk_warmstart.policies import (
    Auto,
    BestOf,
    CandidateScores,
    Compose,
    Interpolate,
    PolicyContext,
    resolve_policy,
)
from sk_warmstart.state import NetState

X, Y = load_digits(n_class=4, return_X_y=True)
X = (X / 16).astype(np.float32)


def net(**params: Any) -> WarmStartClassifier:
    settings: dict[str, Any] = {"max_epochs": 5, "random_state": 0, "module__hidden_layer_sizes": (8,)}
    return WarmStartClassifier(**(settings | params))


@pytest.fixture(scope="module")
def good() -> FrozenEstimator:
    return FrozenEstimator(net(max_epochs=40).fit(X[:300], Y[:300]))


@pytest.fixture(scope="module")
def misled() -> FrozenEstimator:
    return FrozenEstimator(net(max_epochs=40).fit(X[:300], np.random.default_rng(0).permutation(Y[:300])))


class Fullest:
    """A race that the start with the greatest mean of its weights wins."""

    def __init__(self, starts: dict[str, NetState]):
        self.starts = starts

    def run(self, names: Sequence[str], epochs: int) -> dict[str, CandidateScores]:
        def worth(name: str) -> torch.Tensor:
            return self.starts[name]["weight"].mean().double().expand(2)

        return {name: CandidateScores(worth(name), -worth(name)) for name in names}


def filled(value: float) -> NetState:
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.fill_(value)
    return NetState.from_module(layer)


trees = st.recursive(
    st.sampled_from(["warm", "interpolate"]),
    lambda inner: st.builds(
        lambda kind, policies, n: ("best_of", policies, n) if kind else ("compose", policies, 0),
        st.booleans(),
        st.lists(inner, min_size=1, max_size=2, unique_by=repr),
        st.integers(0, 2),
    ),
    max_leaves=4,
)


def built(tree: Any, values: list[float]) -> Any:
    """Make policies of a tree; each source is the value that its state is filled with."""
    if isinstance(tree, str):
        return tree
    kind, policies, n = tree
    own = [float(len(values) + i) for i in range(n)]
    values += own
    inner = [built(each, values) for each in policies]
    return BestOf(inner, sources=own) if kind == "best_of" else Compose(inner)


@given(tree=trees, has_donor=st.booleans())
def test_each_policy_gets_the_sources_that_it_brings_at_any_depth(tree: Any, has_donor: bool) -> None:
    policy = resolve_policy(built(tree, []))
    brought = list(policy.donors())
    assert sorted(brought) == [float(i) for i in range(len(brought))]
    sources = [filled(value) for value in brought]
    previous = filled(-1.0) if has_donor or not sources else sources[0]
    made = PolicyContext(torch.Generator().manual_seed(0), nn.Linear(2, 2), race=Fullest, sources=sources)
    start = policy.start(previous, filled(-2.0), made)
    if "source" in made.notes:
        # Interpolation only takes from what a source is filled with.
        assert float(start["weight"].mean()) <= brought[made.notes["source"]]
    assert all(
        torch.equal(state["weight"], filled(v)["weight"]) for state, v in zip(sources, brought, strict=True)
    )


@pytest.mark.parametrize(
    ("make", "has_donor"),
    [
        (lambda best: best, True),
        (lambda best: Compose([best]), False),
        (lambda best: Compose(["warm", ("race", best)]), True),
        (lambda best: BestOf([best]), False),
        (lambda best: BestOf(["cold", Compose([Compose([best])])]), True),
    ],
    ids=["alone", "compose", "composed later", "best of", "deep"],
)
def test_a_source_that_is_nested_can_win(make: Any, has_donor: bool, good: Any, misled: Any) -> None:
    policy = make(BestOf(["warm"], sources=[misled, good]))
    donor = misled if has_donor else None
    fitted = clone(net(init_policy=policy, warm_start_from=donor)).fit(X[300:], Y[300:])
    assert fitted.start_.donor == "init_policy"
    assert fitted.start_.source == 1
    winner = clone(net(init_policy="warm", warm_start_from=good)).fit(X[300:], Y[300:])
    assert fitted.start_.donor_id == winner.start_.donor_id
    np.testing.assert_array_equal(fitted.predict_proba(X), winner.predict_proba(X))


def test_what_may_race_for_auto_brings_its_donors_too() -> None:
    assert Auto(["cold", Compose([BestOf(sources=["a"])]), BestOf(sources=["b", "c"])]).donors() == ["a", "b", "c"]


class Half:
    """Half of what was learned, by an object that knows nothing of the library."""

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        return previous.map(lambda name, tensor: tensor / 2 if tensor.is_floating_point() else tensor.clone())


class Part(Half):
    """The same with a parameter."""

    def __init__(self, share: float = 0.5):
        self.share = share

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"share": self.share}

    def set_params(self, **params: Any) -> Part:
        self.share = params["share"]
        return self

    def start(self, previous: Any, fresh: Any, context: Any) -> Any:
        return previous.map(lambda name, t: t * self.share if t.is_floating_point() else t.clone())


@pytest.mark.parametrize(
    "policy", [Half(), Part(), Compose([Half()]), Compose([("part", Part(1.0)), Half()]), BestOf([Half()])]
)
def test_an_object_needs_nothing_but_start(policy: Any, good: Any) -> None:
    fitted = clone(net(init_policy=policy, warm_start_from=good, max_epochs=0)).fit(X, Y)
    weights = good.estimator.module_.output.weight
    assert torch.equal(fitted.module_.output.weight, weights / 2)
    assert fitted.start_.policy == type(policy).__name__
    again = pickle.loads(pickle.dumps(fitted)).fit(X, Y)
    assert torch.equal(again.module_.output.weight, weights / 2)


def test_an_object_that_can_be_set_is_searched_like_a_policy(good: Any) -> None:
    policy = Part()
    assert resolve_policy(policy, share=0.1).get_params() == {"share": 0.1}
    assert policy.share == 0.5
    with pytest.raises(ValueError, match="the policy Half has no parameter 'share'"):
        resolve_policy(Half(), share=0.1)
    composed = Compose([Part(), Interpolate()]).set_params(part__share=0.25)
    assert composed.get_params()["part__share"] == 0.25
    assert clone(resolve_policy(policy)).get_params() == {"share": 0.5}
    assert repr(resolve_policy(Half())) == "Half()"


def test_an_object_can_be_an_arm() -> None:
    compared = WarmStartComparator(
        net(max_epochs=2),
        ["cold", Half(), Compose([Part(0.9)])],
        DataIncremental(2),
        n_repeats=2,
        random_state=0,
    ).fit(X[:200], Y[:200])
    assert list(compared.gain_.index)[:2] == ["cold", "Half()"]
