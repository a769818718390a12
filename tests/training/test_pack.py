"""Packs: members trained together equal members trained one by one (law 10)."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Generator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sk_warmstart.modules import MLP
from sk_warmstart.training import Losses, Member, Rows, Stopwatch, TensorBatches, weighted_loss
from sk_warmstart.training.packed import _rendezvous
from sk_warmstart.training.packed._pack import train_together
from sk_warmstart.training.packed._rendezvous import PackAborted, Participant, Rendezvous, current_rendezvous

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


def train(members: list[Member]) -> list[Member]:
    train_together(members, lambda: False)
    return members


def is_trained(member: Member) -> bool:
    return member.outcome.done() and member.outcome.exception() is None and member.outcome.result()


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
    assert all(is_trained(one) for one in train([one for one, _ in made]))
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
    trained = train([one for one, _ in made])
    assert [is_trained(one) for one in trained] == [True, False, True]
    assert isinstance(trained[1].outcome.exception(), ValueError)
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
    trained = train([one for one, _ in [*small, *large, *lonely]])
    assert [is_trained(one) for one in trained] == [True] * 4 + [False]  # one is no pack: its own loop is faster


def test_a_member_whose_rows_fail_goes_on_alone_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own loop says what is wrong; the others of its pack, and other packs, train as without it."""
    made = [member(i, 20 + i, "own", "adam", 0.01, 3, torch.float64) for i in range(5)]
    large = [member(i, 20, "relu", "adam", 0.01, 3, torch.float64, hidden=[9]) for i in range(2)]
    order, calls = TensorBatches.order, []

    def fails(self: TensorBatches) -> Any:
        if self is made[1][0].batches:
            calls.append(1)
            if len(calls) > 1:  # in its second epoch, and whenever that is tried again
                raise MemoryError
        return order(self)

    monkeypatch.setattr(TensorBatches, "order", fails)
    trained = train([one for one, _ in [*made, *large]])
    assert [is_trained(one) for one in trained] == [False, False, True, True, True, True, True]
    assert not any(one.outcome.done() for one in trained[:2])
    monkeypatch.undo()
    for i, (one, told) in enumerate(made):
        alone_ = member(i, 20 + i, "own", "adam", 0.01, 0, torch.float64)[0]
        n_epochs = 1 if i < 2 else 3
        one_by_one(alone_, n_epochs)
        assert len(told) == n_epochs
        assert_equal(one, alone_, 1e-8)
        with one.batches.order() as mine_next, alone_.batches.order() as its_next:
            assert mine_next is not None
            assert its_next is not None
            assert torch.equal(mine_next, its_next)


@pytest.mark.parametrize("bad", [4, -1])
def test_a_number_that_cannot_be_looked_up_finds_no_other_members_entry(bad: int) -> None:
    made = []
    for i in range(4):
        module = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 2)).double()
        X = torch.tensor([[0, 1], [2, 3], [3, 0], [1, bad if i == 1 else 2]])
        y = torch.tensor([0, 1, 1, 0])
        batches = TensorBatches(Rows(X, y), 2)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        made.append(Member(module, nn.CrossEntropyLoss(), optimizer, batches, course(2, [], None)))
    before = {name: tensor.clone() for name, tensor in made[1].network.state_dict().items()}
    train(made)
    assert [is_trained(one) for one in made] == [False, False, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in made[1].network.state_dict().items())


def test_packs_split_where_they_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sk_warmstart.training.packed._pack._LIMIT", 1)
    monkeypatch.setattr("sk_warmstart.training.packed._data._LAID_OUT", 1)
    monkeypatch.setattr("sk_warmstart.training.packed._joined._MOST", 1)
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
        train(members)
    assert not any(one.outcome.done() for one in members)
    assert "run alone" in caplog.text
    assert members[0].course.gi_frame is not None  # type: ignore[attr-defined]


# ------------------------------------------------------------------ the rendezvous


def test_everyone_who_runs_is_waited_for() -> None:
    packs: list[list[int]] = []

    def train_all(participants: Any, aborted: Any) -> None:
        packs.append([each.place for each in participants])
        for each in participants:
            each.outcome.set_result(True)

    rendezvous = Rendezvous(train_all, n_places=8)
    gate = threading.Barrier(6)

    def task(i: int) -> None:
        with rendezvous.running_task(i):
            gate.wait()
            if i < 6:
                assert rendezvous.join(Participant())

    places = [rendezvous.add_task() for _ in range(6)]
    threads = [threading.Thread(target=task, args=(i,)) for i in places]
    for thread in threads:
        thread.start()
    with rendezvous.all_added():
        for thread in threads:
            thread.join(20)
    assert packs == [[1, 2, 3, 4, 5]]
    assert current_rendezvous() is None


def test_a_task_that_is_added_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is: what makes up a pack does not depend on how fast tasks are handed in."""
    monkeypatch.setattr(_rendezvous, "_QUIET", 0.0)
    rendezvous = Rendezvous(lambda participants, aborted: None, n_places=4, patience=60.0)

    def task(i: int) -> None:
        with rendezvous.running_task(i):
            rendezvous.join(Participant())

    threads = []
    for n in range(1, 4):
        threads.append(threading.Thread(target=task, args=(rendezvous.add_task(),)))
        threads[-1].start()
        while len(rendezvous._waiting) < n and threads[-1].is_alive():
            time.sleep(0)
    with rendezvous.all_added():
        for thread in threads:
            thread.join(20)
    assert rendezvous.packs == [3]


def test_a_rendezvous_that_is_given_up_lets_everyone_go() -> None:
    rendezvous = Rendezvous(lambda participants, aborted: None, n_places=4)
    rendezvous.add_task()  # a task that never runs: without an end the others would wait for it
    errors: list[BaseException] = []

    def task() -> None:
        try:
            with rendezvous.running_task():
                rendezvous.join(Participant())
        except PackAborted as error:
            errors.append(error)

    rendezvous.add_task()
    thread = threading.Thread(target=task)
    thread.start()
    while not rendezvous._waiting:
        time.sleep(0)
    rendezvous.abort()
    thread.join(20)
    assert len(errors) == 1


def test_a_task_is_counted_as_running_at_the_moment_when_it_leaves_the_queue() -> None:
    """Between the two a rendezvous without patience would believe that everyone waits."""
    rendezvous = Rendezvous(lambda participants, aborted: None, n_places=2, patience=float("inf"))
    seen: list[tuple[int, int]] = []
    touch = rendezvous._touch

    def noted() -> None:
        seen.append((rendezvous._n_queued, rendezvous._n_running))
        touch()

    rendezvous._touch = noted  # type: ignore[method-assign]
    with rendezvous.running_task(rendezvous.add_task()):
        assert current_rendezvous() is rendezvous
        with rendezvous.away():
            assert current_rendezvous() is None
        assert not rendezvous.join(Participant())
        assert current_rendezvous() is rendezvous
    assert current_rendezvous() is None
    assert seen == [(1, 0), (0, 1), (0, 0), (0, 1), (0, 1), (0, 0)]
    assert rendezvous.packs == [1]


def test_whoever_trains_raises_what_went_wrong_with_everyone() -> None:
    def fails(participants: Any, aborted: Any) -> None:
        participants[0].outcome.set_result(True)
        raise MemoryError

    rendezvous = Rendezvous(fails, n_places=3, patience=float("inf"))
    found: dict[int, Any] = {}

    def task(place: int) -> None:
        with rendezvous.running_task(place):
            try:
                found[place] = rendezvous.join(Participant())
            except MemoryError as error:
                found[place] = type(error)

    threads = [threading.Thread(target=task, args=(rendezvous.add_task(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {1: True, 2: MemoryError, 3: MemoryError}


@given(shares=st.lists(st.floats(0, 10), min_size=1, max_size=5))
def test_seconds_of_a_task_are_its_share_and_not_its_neighbours(shares: list[float]) -> None:
    def train(participants: Any, aborted: Any) -> None:
        for each, share in zip(participants, shares, strict=True):
            each.seconds += share

    rendezvous = Rendezvous(train, n_places=len(shares), patience=float("inf"))
    found: dict[int, float] = {}

    def task(place: int) -> None:
        with rendezvous.running_task(place):
            watch = Stopwatch(shared=True)
            rendezvous.join(Participant())
            found[place] = watch.seconds

    threads = [threading.Thread(target=task, args=(rendezvous.add_task(),)) for _ in shares]
    with patch("time.thread_time", lambda: 0.0):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert [found[i + 1] for i in range(len(shares))] == pytest.approx(shares)
