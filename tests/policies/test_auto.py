"""Evidence, against independent calculations, and what is made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from sk_warmstart.policies import Auto, CandidateScores, DonorContext, PhaseData, PolicyContext
from sk_warmstart.policies.choosing._evidence import (
    drifted_columns,
    kept_skill,
    label_shift,
    score_donor,
    share_of_new,
)
from sk_warmstart.state import FeatureSummary, Lineage, NetState

RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.standard_normal((400, 3)))
Y = (X[:, 0] > 0).long()


@dataclass
class Table:
    X: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.X)

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor, None]:
        return self.X[index], self.y[index], None


def linear(weights: list[list[float]]) -> nn.Module:
    """A network of one layer, whose outputs are known."""
    layer = nn.Sequential(nn.Linear(3, len(weights), bias=False)).double()
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor(weights))
    return layer


GOOD = linear([[-4.0, 0, 0], [4.0, 0, 0]])
BAD = linear([[4.0, 0, 0], [-4.0, 0, 0]])
FRESH = linear([[0.1, 0, 0.1], [0.0, 0.1, 0]])


def entropy(output: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    return nn.functional.cross_entropy(output, y)


def square(output: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    return ((output - y) ** 2).mean()


def context(y: Tensor = Y, new: Any = None, valid: Any = None, **params: Any) -> PolicyContext:
    data = PhaseData(Table(X, y), entropy, valid, True, lambda: new)
    return PolicyContext(torch.Generator().manual_seed(0), GOOD, data=data, **params)


def start(donor: nn.Module, told: PolicyContext, **params: Any) -> NetState:
    return Auto(**params).start(NetState.from_module(donor), NetState.from_module(FRESH), told)


LATE = torch.arange(400) >= 200


def test_the_standing_is_a_paired_difference() -> None:
    valid = Table(X[::4], Y[::4])
    known = score_donor(NetState.from_module(GOOD), NetState.from_module(FRESH), context(valid=valid))
    major = int(Y.sum() > 200)
    hits, constant = np.ones(100), (Y[::4].numpy() == major).astype(float)
    assert known.n_rows == 100
    assert known.score == 1.0
    assert known.trivial == pytest.approx(constant.mean())
    assert known.z == pytest.approx(stats.ttest_rel(hits, constant).statistic)
    assert known.loss == pytest.approx(float(entropy(GOOD(X[::4]), Y[::4], None).detach()))
    assert known.fresh_loss == pytest.approx(float(entropy(FRESH(X[::4]), Y[::4], None).detach()))


def test_squared_errors_of_numbers() -> None:
    y = X[:, :1] * 2 + 0.1
    data = PhaseData(Table(X, y), square, None, False, lambda: LATE)
    told = PolicyContext(torch.Generator(), module := linear([[1.0, 0, 0]]), data=data)
    known = score_donor(NetState.from_module(module), NetState.from_module(linear([[0.0, 0, 0]])), told)
    late = y[LATE]
    assert known.score == pytest.approx(-float(((X[LATE, :1] - late) ** 2).mean()))
    assert known.trivial == pytest.approx(-float(((late - y.mean()) ** 2).mean()))
    skill = kept_skill(NetState.from_module(module), DonorContext(), told)
    assert skill is not None

    def r2(rows: Tensor) -> float:
        return 1 - float(((X[rows, :1] - y[rows]) ** 2).mean() / ((y[rows] - y.mean()) ** 2).mean())

    assert skill[0] == pytest.approx(r2(LATE) / r2(~LATE))


def test_kept_skill_is_the_lead_on_new_rows_by_the_lead_before() -> None:
    changed = torch.where(LATE & (torch.arange(400) % 2 == 0), 1 - Y, Y)
    skill = kept_skill(NetState.from_module(GOOD), DonorContext(), context(changed, LATE))
    major = int(changed.sum() > 200)
    new = (GOOD(X).argmax(1) == changed)[LATE].double().mean() - (changed[LATE] == major).double().mean()
    old = 1 - (changed[~LATE] == major).double().mean()
    assert skill is not None
    assert skill[0] == pytest.approx(float(new / old))
    ended = DonorContext(Lineage(scores={"valid_score": 0.8}))
    lower = kept_skill(NetState.from_module(GOOD), ended, context(changed, LATE))
    assert lower is not None
    assert lower[0] == pytest.approx(float(new / (0.8 - (changed[~LATE] == major).double().mean())))


def test_labels_that_are_spread_differently() -> None:
    new = Y.bool()
    y = torch.where(new & (torch.arange(400) % 3 > 0), torch.ones_like(Y), torch.zeros_like(Y))
    counts = [[int((y[side] == label).sum()) for label in (0, 1)] for side in (~new, new)]
    assert label_shift(context(y, new).phase_data()) == pytest.approx(stats.chi2_contingency(counts).pvalue)
    assert label_shift(context(y, None).phase_data()) is None
    numbers = PhaseData(Table(X, X[:, :1]), square, None, False, lambda: LATE)
    expected = stats.ks_2samp(X[~LATE, 0].numpy(), X[LATE, 0].numpy()).pvalue
    assert label_shift(numbers) == pytest.approx(expected)


def test_columns_that_drift_are_named_and_chance_is_not() -> None:
    before = RNG.standard_normal((3000, 4))
    now = RNG.standard_normal((3000, 4))
    now[:, 1] += 1
    known = DonorContext(features=FeatureSummary.from_rows(before), rows=lambda: now)
    assert drifted_columns(known) == ([1], 4)
    assert drifted_columns(replace(known, rows=lambda: RNG.standard_normal((3000, 4)))) == ([], 4)
    assert drifted_columns(replace(known, rows=lambda: now[:5])) == ([], 0)
    assert drifted_columns(replace(known, columns_added=["new"])) == ([], 0)
    assert share_of_new(context(new=LATE).phase_data()) == 0.5


def test_a_good_donor_is_a_warm_start_whose_patience_suits_what_is_new() -> None:
    told = context(new=torch.arange(400) >= 240)
    state = start(GOOD, told)
    assert torch.equal(state["0.weight"], GOOD[0].weight.detach())
    assert told.notes["chosen"] == "warm"
    assert told.notes["watch"] == "loss"
    assert told.notes["patience"] == pytest.approx(0.4)
    assert "40% of the rows are new" in told.notes["reasons"]
    few = context(new=torch.arange(400) >= 360)
    start(GOOD, few)
    assert few.notes["patience"] == 0.3
    start(GOOD, less := context(new=torch.arange(400) >= 360), patience=0.1)
    assert less.notes["patience"] == pytest.approx(0.1)


@pytest.mark.parametrize("valid", [None, Table(X[::4], Y[::4])])
def test_a_donor_that_is_wrong_is_no_start(valid: Any) -> None:
    told = context(new=torch.ones(400, dtype=torch.bool), valid=valid)
    state = start(BAD, told)
    assert torch.equal(state["0.weight"], FRESH[0].weight.detach())
    assert told.notes["chosen"] == "cold"
    assert "knows nothing" in told.notes["reasons"][-1]


def test_a_donor_whose_skill_is_gone_is_no_start() -> None:
    changed = torch.where(LATE, (X[:, 1] > 0).long(), Y)
    told = context(changed, LATE, Table(X[:200:4], Y[:200:4]))
    start(GOOD, told)
    assert told.notes["chosen"] == "cold"
    assert "no longer holds" in told.notes["reasons"][-1]
    assert told.notes["evidence"]["kept_skill"][0] < 0.3


def test_split_evidence_is_raced() -> None:
    class Race:
        def run(self, names: Any, epochs: int) -> dict[str, CandidateScores]:
            good = {name: float(name == "interpolate") for name in names}
            return {
                n: CandidateScores(torch.full((2,), s).double(), torch.zeros(2).double()) for n, s in good.items()
            }

    slightly = torch.where(LATE & (torch.arange(400) % 6 == 0), 1 - Y, Y)
    told = context(slightly, LATE, Table(X[:200:4], Y[:200:4]), race=lambda starts: Race())
    start(GOOD, told, policies=("cold", "interpolate"))
    assert told.notes["chosen"] == "interpolate"
    assert told.notes["epochs"] == 2
    assert "does clearly worse on the new rows" in " ".join(told.notes["reasons"])
    nowhere = Lineage(generation=1, epochs=3, scores={"start_loss": 0.1, "train_loss": 0.2})
    told = context(race=lambda starts: Race(), donor=DonorContext(nowhere))
    start(GOOD, told, policies=("cold", "interpolate"))
    assert "ended no better than it began" in " ".join(told.notes["reasons"])


def test_the_same_evidence_gives_the_same_choice_and_changes_nothing() -> None:
    previous, fresh = NetState.from_module(GOOD), NetState.from_module(FRESH)
    before = {name: tensor.clone() for name, tensor in previous.items()}
    notes = []
    for _ in range(2):
        told = context(new=LATE)
        Auto().start(previous, fresh, told)
        notes.append(told.notes)
    assert repr(notes[0]) == repr(notes[1])
    assert all(torch.equal(previous[name], tensor) for name, tensor in before.items())


def test_bad_parameters_and_missing_rows() -> None:
    with pytest.raises(ValueError, match="patience of Auto"):
        start(GOOD, context(), patience=0)
    with pytest.raises(ValueError, match="looks at the rows"):
        start(GOOD, PolicyContext(module=GOOD))
    assert not math.isnan(Auto().patience)
