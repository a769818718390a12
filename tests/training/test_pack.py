"""Packs: members trained together equal members trained one by one (law 10)."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.modules import MLP
from sk_warmstart.training import Losses, Member, Rows, TensorBatches, weighted_loss
from sk_warmstart.training.packed._pack import train_together
from sk_warmstart.training.packed._rendezvous import Job, Meeting, PackAborted, current_meeting

ACTIVATIONS = ["relu", "tanh", "logistic", "gelu", "silu", "leaky_relu", "identity"]
OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "nesterov": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.8, nesterov=True, weight_decay=0.01),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr, weight_decay=0.01),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr, betas=(0.8, 0.95)),
    "fused": lambda p, lr: torch.optim.AdamW(p, lr=lr, fused=True),
}


class Own(nn.Module):
    """A module that only vmap can run."""

    def __init__(self, n_features: int, n_outputs: int, width: int):
        super().__init__()
        self.first, self.norm = nn.Linear(n_features, width), nn.LayerNorm(width)
        self.last = nn.Linear(width + n_features, n_outputs, bias=False)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.last(torch.cat([self.norm(torch.sin(self.first(X))), X], 1))


def member(
    seed: int, n: int, kind: str, optimizer: str, lr: float, epochs: int, dtype: torch.dtype, **options: Any
) -> tuple[Member, list[Losses]]:
    draws = torch.Generator().manual_seed(seed)
    X = torch.randn(n, 4, generator=draws, dtype=torch.float64).to(dtype)
    regression = options.get("regression", False)
    y = torch.randn(n, 3, generator=draws).to(dtype) if regression else torch.randint(3, (n,), generator=draws)
    weight = torch.rand(n, generator=draws).to(dtype) if options.get("weighted") else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module: nn.Module = Own(4, 3, 5) if kind == "own" else MLP(4, 3, options["hidden"], activation=kind)
    module = module.to(dtype)
    batches = TensorBatches(Rows(X, y, weight), options.get("batch_size", 8), shuffle=True, generator=draws)
    told: list[Losses] = []
    made = OPTIMIZERS[optimizer](module.parameters(), lr)
    criterion = nn.MSELoss() if regression else nn.CrossEntropyLoss()
    return Member(module, criterion, made, batches, course(epochs, told, options.get("fails_at"))), told


def course(epochs: int, told: list[Losses], fails_at: int | None) -> Generator[None, Losses, None]:
    for epoch in range(epochs):
        if epoch == fails_at:
            raise ValueError("this member fails")
        told.append((yield))


def one_by_one(one: Member, epochs: int) -> list[list[float]]:
    """The loop that autograd and torch's own optimiser would run."""
    losses = []
    for _ in range(epochs):
        losses.append([])
        for X, y, *weight in one.batches:
            one.optimizer.zero_grad()
            output = one.network(X)
            loss = weighted_loss(one.criterion, output, y, weight[0]) if weight else one.criterion(output, y)
            loss.backward()
            one.optimizer.step()
            losses[-1].append(float(loss.detach()))
    return losses


def train(members: list[Member]) -> list[Job]:
    jobs = [Job(each) for each in members]
    train_together(jobs, lambda: False)
    return jobs


def assert_equal(packed: Member, single: Member, tolerance: float) -> None:
    theirs = dict(single.network.named_parameters())
    for name, parameter in packed.network.named_parameters():
        assert parameter.is_contiguous()
        assert torch.allclose(parameter, theirs[name], rtol=tolerance, atol=tolerance), name
        mine, its = packed.optimizer.state[parameter], single.optimizer.state[theirs[name]]
        assert mine.keys() == its.keys() or not its
        for key in its:
            if its[key] is not None:
                assert torch.allclose(mine[key].double(), its[key].double(), rtol=tolerance, atol=tolerance), key


@given(
    kind=st.sampled_from([*ACTIVATIONS, "own"]),
    hidden=st.lists(st.integers(1, 6), max_size=3),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    rates=st.lists(st.floats(1e-3, 0.1), min_size=2, max_size=5),
    rows=st.lists(st.integers(1, 40), min_size=5, max_size=5),
    epochs=st.lists(st.integers(0, 4), min_size=5, max_size=5),
    batch_size=st.sampled_from([1, 7, 8, 64]),
    regression=st.booleans(),
    weighted=st.booleans(),
)
def test_10_members_equal_their_one_by_one_fits(
    kind: str,
    hidden: list[int],
    optimizer: str,
    rates: list[float],
    rows: list[int],
    epochs: list[int],
    batch_size: int,
    regression: bool,
    weighted: bool,
) -> None:
    options = {"hidden": hidden, "batch_size": batch_size, "regression": regression, "weighted": weighted}
    made = [
        member(i, rows[i], kind, optimizer, lr, epochs[i], torch.float64, **options) for i, lr in enumerate(rates)
    ]
    single = [
        member(i, rows[i], kind, optimizer, lr, 0, torch.float64, **options)[0] for i, lr in enumerate(rates)
    ]
    jobs = train([one for one, _ in made])
    assert all(job.trained and job.error is None for job in jobs)
    for i, (one, told) in enumerate(made):
        losses = one_by_one(single[i], epochs[i])
        assert_equal(one, single[i], 1e-8)
        assert len(told) == epochs[i]
        for (mine, sizes), expected in zip(told, losses, strict=True):
            assert mine == pytest.approx(expected, abs=1e-8)
            assert sum(sizes) == rows[i]
        # The orders were drawn alike: the next pass is the same too.
        with one.batches.order() as mine_next, single[i].batches.order() as its_next:
            assert torch.equal(mine_next, its_next)


@pytest.mark.parametrize("kind", ["relu", "own"])
def test_10_in_single_precision_over_one_epoch(kind: str) -> None:
    made = [member(i, 40 + i % 2, kind, "adamw", 1e-3, 1, torch.float32, hidden=[8]) for i in range(4)]
    single = [member(i, 40 + i % 2, kind, "adamw", 1e-3, 0, torch.float32, hidden=[8])[0] for i in range(4)]
    train([one for one, _ in made])
    for (one, _), alone_ in zip(made, single, strict=True):
        one_by_one(alone_, 1)
        assert_equal(one, alone_, 1e-5)


def test_training_goes_on_from_moments_and_rates_that_changed() -> None:
    made = [member(i, 30, "tanh", "adam", 0.01 * (i + 1), 2, torch.float64, hidden=[5]) for i in range(3)]
    single = [copy.deepcopy((m.network, m.optimizer)) for m, _ in made]
    single = [member(i, 30, "tanh", "adam", 0.01 * (i + 1), 0, torch.float64, hidden=[5])[0] for i in range(3)]  # type: ignore[misc]
    train([one for one, _ in made])
    again = []
    for one, told in made:
        one.optimizer.param_groups[0]["lr"] *= 0.5
        again.append(Member(one.network, one.criterion, one.optimizer, one.batches, course(2, told, None)))
    train(again)
    for one, alone_ in zip(again, single, strict=True):
        one_by_one(alone_, 2)  # type: ignore[arg-type]
        alone_.optimizer.param_groups[0]["lr"] *= 0.5  # type: ignore[attr-defined]
        one_by_one(alone_, 2)  # type: ignore[arg-type]
        assert_equal(one, alone_, 1e-8)  # type: ignore[arg-type]


def test_a_member_that_fails_fails_alone() -> None:
    made = [
        member(i, 20, "relu", "adam", 0.01, 3, torch.float64, hidden=[4], fails_at=1 if i == 1 else None)
        for i in range(3)
    ]
    jobs = train([one for one, _ in made])
    assert [job.trained for job in jobs] == [True, False, True]
    assert isinstance(jobs[1].error, ValueError)
    for i in (0, 2):
        alone_ = member(i, 20, "relu", "adam", 0.01, 0, torch.float64, hidden=[4])[0]
        one_by_one(alone_, 3)
        assert_equal(made[i][0], alone_, 1e-8)


def test_nan_in_one_member_stays_there() -> None:
    made = [member(i, 20, "relu", "adam", 0.01, 2, torch.float64, hidden=[4]) for i in range(3)]
    made[1][0].rows.X[0] = float("nan")
    train([one for one, _ in made])
    finite = [all(p.isfinite().all() for p in one.network.parameters()) for one, _ in made]
    assert finite == [True, False, True]


def test_architectures_form_packs_of_their_own() -> None:
    small = [member(i, 20, "relu", "adam", 0.01, 2, torch.float64, hidden=[4]) for i in range(2)]
    large = [member(i, 20, "relu", "adam", 0.01, 2, torch.float64, hidden=[9]) for i in range(2)]
    lonely = [member(0, 20, "tanh", "adam", 0.01, 2, torch.float64, hidden=[9])]
    jobs = train([one for one, _ in [*small, *large, *lonely]])
    assert [job.trained for job in jobs] == [True] * 4 + [False]  # one is no pack: its own loop is faster


def test_a_pack_that_fails_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [member(i, 20, "relu", "adam", 0.01, 2, torch.float64, hidden=[4]) for i in range(2)]
    large = [member(i, 20, "relu", "adam", 0.01, 2, torch.float64, hidden=[9]) for i in range(2)]
    order = TensorBatches.order

    def fails(self: TensorBatches) -> Any:
        if self is small[0][0].batches:
            raise MemoryError
        return order(self)

    monkeypatch.setattr(TensorBatches, "order", fails)
    jobs = train([one for one, _ in [*small, *large]])
    assert [type(job.error) for job in jobs] == [MemoryError, MemoryError, type(None), type(None)]
    assert [job.trained for job in jobs] == [False, False, True, True]


def test_packs_split_where_they_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sk_warmstart.training.packed._pack._LIMIT", 1)
    monkeypatch.setattr("sk_warmstart.training.packed._data._LAID_OUT", 1)
    made = [member(i, 21 + i, "relu", "adam", 0.01, 2, torch.float64, hidden=[4]) for i in range(5)]
    train([one for one, _ in made])
    for i, (one, _) in enumerate(made):
        alone_ = member(i, 21 + i, "relu", "adam", 0.01, 0, torch.float64, hidden=[4])[0]
        if i < 4:
            one_by_one(alone_, 2)
        assert_equal(one, alone_, 1e-8)


class Branching(nn.Module):
    """Looks at numbers, which vmap cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layer(X) if float(X.sum()) > 0 else self.layer(-X)


def test_what_torch_cannot_pack_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    members = []
    for i in range(2):
        one, told = member(i, 20, "relu", "adam", 0.01, 2, torch.float32, hidden=[4])
        module = Branching()
        optimizer = torch.optim.Adam(module.parameters())
        members.append(Member(module, one.criterion, optimizer, one.batches, course(2, told, None)))
    with caplog.at_level(logging.INFO, "sk_warmstart"):
        jobs = train(members)
    assert not any(job.trained or job.error for job in jobs)
    assert "run alone" in caplog.text
    assert members[0].course.gi_frame is not None  # type: ignore[attr-defined]


# ------------------------------------------------------------------ the meeting


def test_everyone_who_runs_is_waited_for() -> None:
    packs: list[list[int]] = []

    def train_all(jobs: Any, aborted: Any) -> None:
        packs.append(sorted(job.work for job in jobs))
        for job in jobs:
            job.trained = True

    meeting = Meeting(train_all, n_places=8)
    gate = threading.Barrier(6)

    def task(i: int) -> None:
        with meeting.attended():
            gate.wait()
            if i < 5:
                assert meeting.join(i)

    for _ in range(6):
        meeting.submitted()
    threads = [threading.Thread(target=task, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert packs == [[0, 1, 2, 3, 4]]
    assert current_meeting() is None


def test_a_meeting_that_is_given_up_lets_everyone_go() -> None:
    meeting = Meeting(lambda jobs, aborted: None, n_places=4)
    meeting.submitted()  # a task that never runs: without an end the others would wait for it
    errors: list[BaseException] = []

    def task() -> None:
        try:
            with meeting.attended():
                meeting.join(None)
        except PackAborted as error:
            errors.append(error)

    meeting.submitted()
    thread = threading.Thread(target=task)
    thread.start()
    while not meeting._waiting:
        time.sleep(0)
    meeting.abort()
    thread.join(20)
    assert len(errors) == 1
