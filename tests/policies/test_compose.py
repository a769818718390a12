"""Compose: order, parameters of its policies, notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.base import clone

from sk_warmstart.policies import (
    Compose,
    Dash,
    InitPolicy,
    Interpolate,
    PolicyContext,
    ShrinkPerturb,
    resolve_policy,
)
from sk_warmstart.state import NetState

Case = Callable[..., tuple[NetState, NetState, Callable[[], PolicyContext]]]


def test_compose_is_in_order(case: Case) -> None:
    previous, fresh, context = case("mlp")
    start = Compose([ShrinkPerturb(0.5, 0, buffers="keep"), "reset_layers"]).start(previous, fresh, context())
    assert torch.equal(start["output.weight"], fresh["output.weight"])
    assert torch.equal(start["hidden.0.weight"], previous["hidden.0.weight"] * 0.5)


def test_parameters_of_the_policies_are_seen_and_set() -> None:
    policy = Compose([("first", ShrinkPerturb()), Interpolate(), "interpolate", "interpolate"])
    params = policy.get_params()
    assert params["first__shrink"] == 0.4
    assert {"first", "interpolate", "interpolate_2", "interpolate_3", "interpolate_2__fresh_share"} < set(params)
    assert set(policy.get_params(deep=False)) == {"steps"}
    assert policy.set_params(first__shrink=0.7, interpolate_3__fresh_share=0.5) is policy
    assert policy.get_params()["first__shrink"] == 0.7
    assert [policy.get_params()[f"interpolate{i}__fresh_share"] for i in ("", "_2", "_3")] == [0.2, 0.2, 0.5]


def test_a_policy_can_be_replaced_by_its_name_and_set_at_once() -> None:
    policy = Compose([("first", "warm"), "reset_layers"]).set_params(first="interpolate", first__fresh_share=0.9)
    assert policy.get_params()["first__fresh_share"] == 0.9
    assert policy.set_params(steps=["cold"]).steps == ["cold"]
    assert (
        resolve_policy(Compose(["interpolate"]), interpolate__fresh_share=1).get_params()[
            "interpolate__fresh_share"
        ]
        == 1
    )


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="Invalid parameter 'second' for Compose"):
        Compose(["warm"]).set_params(second__c=1)
    with pytest.raises(ValueError, match="has no parameter 'c'"):
        Compose(["warm"]).set_params(warm__c=1)


def test_a_clone_shares_nothing(case: Case, equal: Any) -> None:
    policy = Compose([("first", ShrinkPerturb()), Interpolate(0.1)])
    twin = clone(policy).set_params(first__shrink=0.9, interpolate__fresh_share=0.5)
    assert policy.get_params()["first__shrink"] == 0.4
    assert policy.get_params()["interpolate__fresh_share"] == 0.1
    previous, fresh, context = case("mlp")
    assert not equal(policy.start(previous, fresh, context()), twin.start(previous, fresh, context()))


class Noted(InitPolicy):
    def __init__(self, said: str = "x"):
        self.said = said

    def start(self, previous: NetState, fresh: NetState, context: PolicyContext) -> NetState:
        assert not context.notes
        context.notes["said"] = self.said
        return previous.copy()


@pytest.mark.filterwarnings("ignore::sk_warmstart.policies.PlainShrinkWarning")
def test_notes_are_merged_and_none_is_lost(case: Case) -> None:
    previous, fresh, context = case("mlp")
    made = context()
    Compose([Noted("a"), Dash(), ("last", Noted("b"))]).start(previous, fresh, made)
    assert set(made.notes) == {"said", "frac_clamped", "last__said"}
    assert (made.notes["said"], made.notes["last__said"]) == ("a", "b")


def test_the_old_name_of_the_steps_works_and_warns(case: Case, equal: Any) -> None:
    old = clone(Compose(policies=[("first", Interpolate(0.1))])).set_params(first__fresh_share=0.3)
    previous, fresh, context = case("mlp")
    with pytest.warns(FutureWarning, match="the parameter policies of Compose is called steps"):
        start = old.start(previous, fresh, context())
    assert equal(start, Compose([Interpolate(0.3)]).start(previous, fresh, context()))
