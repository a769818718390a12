"""Successive halving by result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from sklearn.base import clone
from torch import nn

from sk_warmstart.policies import BestOf, CandidateScores, PolicyContext, Warm
from sk_warmstart.state import NetState


class Told:
    """A race whose outcome is written down: a score for each candidate after each number of epochs."""

    def __init__(self, script: dict[str, list[float]], n: int = 4):
        self.script, self.n = script, n
        self.calls: list[tuple[tuple[str, ...], int]] = []
        self.trained = dict.fromkeys(script, 0)

    def __call__(self, starts: Any) -> Told:
        self.starts = starts
        return self

    def run(self, names: Sequence[str], epochs: int) -> dict[str, CandidateScores]:
        self.calls.append((tuple(names), epochs))
        for name in names:
            self.trained[name] += epochs
        scored = {}
        for name in names:
            score = self.script[name][sum(name in called for called, _ in self.calls) - 1]
            if not math.isnan(score):
                scored[name] = CandidateScores(
                    torch.full((self.n,), score).double(), torch.full((self.n,), 1 - score).double()
                )
        return scored


def states() -> tuple[NetState, NetState, nn.Module]:
    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2)]
    return NetState.from_module(nets[0]), NetState.from_module(nets[1]), nets[0]


def context(race: Any, module: nn.Module, **params: Any) -> PolicyContext:
    return PolicyContext(torch.Generator().manual_seed(0), module, race=race, **params)


def test_the_better_half_goes_on_for_twice_as_long() -> None:
    previous, fresh, module = states()
    race = Told({"cold": [0.1], "warm": [0.6, 0.5], "shrink_perturb": [0.5, 0.7], "interpolate": [0.4]})
    told = context(race, module)
    start = BestOf(list(race.script), n_epochs=3).start(previous, fresh, told)
    assert race.calls == [
        (("cold", "warm", "shrink_perturb", "interpolate"), 3),
        (("warm", "shrink_perturb"), 6),
    ]
    assert told.notes["chosen"] == "shrink_perturb"
    assert told.notes["epochs"] == 4 * 3 + 2 * 6
    assert [(row["candidate"], row["epochs"]) for row in told.notes["race"]][-2:] == [
        ("shrink_perturb", 9),
        ("warm", 9),
    ]
    assert told.notes["margin"] == pytest.approx(0.2)
    assert all(torch.equal(start[name], race.starts["shrink_perturb"][name]) for name in start)


def test_equal_scores_are_decided_by_the_loss_and_failures_are_left_out() -> None:
    previous, fresh, module = states()

    class Even(Told):
        def run(self, names: Sequence[str], epochs: int) -> dict[str, CandidateScores]:
            self.calls.append((tuple(names), epochs))
            loss = {"cold": 0.3, "warm": 0.9}
            return {
                n: CandidateScores(torch.ones(3).double(), torch.full((3,), loss[n]).double())
                for n in names
                if n in loss
            }

    told = context(Even({"cold": [], "warm": [], "fire": []}), module)
    BestOf(["warm", "fire", "cold"]).start(previous, fresh, told)
    assert told.notes["chosen"] == "cold"
    nan = Told({"cold": [math.nan], "warm": [math.nan]})
    with pytest.raises(ValueError, match="all candidates of the race failed"):
        BestOf(["cold", "warm"]).start(previous, fresh, context(nan, module))


def test_every_donor_races_and_cold_only_once() -> None:
    previous, fresh, module = states()
    other = previous.map(lambda name, tensor: tensor + 1)
    race = Told({"cold": [0.2, 0.2], "warm": [0.1], "warm of source 0": [0.9, 0.9]})
    told = context(race, module, sources=[other])
    start = BestOf(["cold", "warm"], sources=["elsewhere"]).start(previous, fresh, told)
    assert set(race.starts) == {"cold", "warm", "warm of source 0"}
    assert told.notes["source"] == 0
    assert all(torch.equal(start[name], other[name]) for name in start)


def test_one_candidate_needs_no_second_round_and_notes_of_the_winner_are_kept() -> None:
    previous, fresh, module = states()
    race = Told({"warm": [0.2]})
    told = context(race, module)
    BestOf(["warm"]).start(previous, fresh, told)
    assert len(race.calls) == 1
    assert math.isnan(told.notes["margin"])


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (BestOf([]), "several policies"),
        (BestOf("warm"), "several policies"),
        (BestOf(["warm", "warm"]), "holds 'warm' twice"),
        (BestOf(["warm", "cold"], n_epochs=0), "n_epochs of BestOf"),
        (BestOf(["lukewarm"]), "init_policy must be one of"),
    ],
)
def test_what_cannot_race_is_an_error(policy: BestOf, message: str) -> None:
    previous, fresh, module = states()
    with pytest.raises(ValueError, match=message):
        policy.start(previous, fresh, context(Told({"warm": [1.0], "cold": [0.0]}), module))


def test_without_rows_it_says_what_it_needs() -> None:
    previous, fresh, module = states()
    with pytest.raises(ValueError, match="looks at the rows"):
        BestOf().start(previous, fresh, PolicyContext(module=module))


def test_it_is_a_policy_of_scikit_learns_kind() -> None:
    policy = BestOf([Warm(), "cold"], n_epochs=2)
    again = clone(policy)
    assert again.n_epochs == 2
    assert policy.keeps_previous()
    assert not BestOf(["cold"]).keeps_previous()
    assert list(BestOf(sources=["a"]).donors()) == ["a"]
