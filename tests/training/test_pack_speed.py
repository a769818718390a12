"""What makes packs fast changes no numbers: shared rows, threads by the clock, turns, updates of neighbours."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sk_warmstart.modules import MLP
from sk_warmstart.training import FlatUpdate, Member, Rows, TensorBatches, run_together
from sk_warmstart.training.mlp._activations import ACTIVATIONS
from sk_warmstart.training.packed import _pace, _rendezvous
from sk_warmstart.training.packed._engines import ClosedFormEngine
from sk_warmstart.training.packed._joined import Joined
from sk_warmstart.training.packed._pace import Pace
from sk_warmstart.training.packed._pack import Pack, train_together
from sk_warmstart.training.packed._turns import Turns


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def members(
    places: range, activation: str = "relu", hidden: tuple[int, ...] = (33, 17), n_epochs: int = 2
) -> list[Member]:
    """Members whose batches have odd sizes, three of them to a table, as in a search of three folds."""
    made = []
    for i in places:
        table = torch.Generator().manual_seed(i % 3)
        X = torch.randn(117 + i % 2, 7, generator=table)
        y = torch.randint(3, (len(X),), generator=table)
        with torch.random.fork_rng():
            torch.manual_seed(i)
            network = MLP(7, 3, hidden, activation=activation)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3 * (1 + i // 4))
        batches = TensorBatches(Rows(X, y), 53, shuffle=True, generator=torch.Generator().manual_seed(i))
        made.append(Member(network, nn.CrossEntropyLoss(), optimizer, batches, course(n_epochs)))
    return made


def course(n_epochs: int) -> Any:
    for _ in range(n_epochs):
        yield


def trained(pack: list[Member]) -> list[list[Tensor]]:
    train_together(pack, lambda: False)
    assert all(member.outcome.result() for member in pack)
    return [[parameter.detach() for parameter in member.network.parameters()] for member in pack]


def same_bits(some: list[list[Tensor]], others: list[list[Tensor]]) -> bool:
    return all(
        torch.equal(a, b) for one, two in zip(some, others, strict=True) for a, b in zip(one, two, strict=True)
    )


# ------------------------------------------------------------------ threads


@pytest.mark.parametrize("activation", sorted(name for name, each in ACTIVATIONS.items() if each.rounds_alike))
def test_two_threads_change_no_bit(activation: str, two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    step = Pace.step

    def noted(self: Pace) -> None:
        step(self)
        used.append(torch.get_num_threads())

    monkeypatch.setattr(Pace, "step", noted)
    monkeypatch.setattr(_pace, "_SLOWER", float("inf"))
    monkeypatch.setattr(_pace, "_TRIAL", 1)
    shared = trained(members(range(31), activation))
    assert torch.get_num_threads() == 2
    assert used == [1, 2, 2, 2, 2, 2]
    torch.set_num_threads(1)
    assert same_bits(shared, trained(members(range(31), activation)))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_member_does_not_depend_on_its_neighbours(activation: str) -> None:
    whole = trained(members(range(11), activation))
    assert same_bits(whole, trained(members(range(11), activation)))
    parts = trained(members(range(5), activation)) + trained(members(range(5, 11), activation))
    assert same_bits(whole, parts)


def test_threads_come_back_after_an_error(two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, *args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(FlatUpdate, "step", fails)
    pack = members(range(16))
    train_together(pack, lambda: False)
    assert not any(member.outcome.done() for member in pack)  # each goes on alone
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("n_members", "activation", "most"), [(64, "relu", 2), (9, "relu", 1), (64, "silu", 1)])
def test_who_may_share_steps(n_members: int, activation: str, most: int, two_threads: None) -> None:
    engine = Pack(members(range(n_members), activation), 0)._engine
    assert isinstance(engine, ClosedFormEngine)
    assert engine._pace._most == most


def steps_of(
    pace: Pace, seconds: Callable[[int, int], float], n: int, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Threads of n steps, of which each takes what ``seconds(step, threads)`` says."""
    now, used = [0.0], []
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    with pace.epoch():
        for step in range(n):
            pace.step()
            used.append(torch.get_num_threads())
            now[0] += seconds(step, used[-1])
    return used


def test_faster_threads_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    used = steps_of(Pace(2), lambda step, threads: 1 / threads, 200, monkeypatch)
    assert used == [1] * 4 + [2] * 196
    assert torch.get_num_threads() == before


def test_threads_that_wait_for_a_busy_core_are_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    used = steps_of(Pace(2), lambda step, threads: 1.0 if threads == 1 else 40.0, 630, monkeypatch)
    assert used.count(2) <= 5
    busy = range(100, 300)
    used = steps_of(
        Pace(2), lambda step, threads: 40.0 if threads == 2 and step in busy else 1 / threads, 1200, monkeypatch
    )
    assert set(used[4:100]) == {2}
    assert used[100:300].count(2) <= 4
    assert set(used[-400:]) == {2}  # tried again


def test_one_thread_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch, "set_num_threads", lambda n: pytest.fail("set") if n != torch.get_num_threads() else 0
    )
    assert set(steps_of(Pace(1), lambda step, threads: 1.0, 20, monkeypatch)) == {torch.get_num_threads()}


# ------------------------------------------------------------------ rows


@given(
    kinds=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=6),
    at_once=st.booleans(),
    data=st.data(),
)
def test_rows_are_taken_from_each_members_own_tensor(
    kinds: list[tuple[int, int]], at_once: bool, data: st.DataObject
) -> None:
    tensors = [torch.arange(n * 2).reshape(n, 2) * (kind + 1) for kind, n in kinds]
    with pytest.MonkeyPatch.context() as patch:
        if not at_once:
            patch.setattr("sk_warmstart.training.packed._joined._MOST", 0)
        joined = Joined(tensors)
    for width in (1, 3, 1):
        index = torch.tensor([[data.draw(st.integers(0, n - 1)) for _ in range(width)] for _, n in kinds])
        expected = torch.stack([tensor[rows] for tensor, rows in zip(tensors, index, strict=True)])
        assert torch.equal(joined.take(index), expected)


def test_equal_tables_are_kept_once() -> None:
    folds = [torch.randn(50, 3) for _ in range(3)]
    joined = Joined([folds[i % 3].clone() for i in range(12)])
    assert joined._all is not None
    assert len(joined._all) == 150


# ------------------------------------------------------------------ turns


def test_turns_are_few_and_end() -> None:
    turns, running, most = Turns(at_a_time=2, patience=30), [0], [0]
    lock = threading.Lock()

    def run() -> None:
        for _ in range(20):
            assert turns.take()
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            with lock:
                running[0] -= 1
            turns.give_back()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert running == [0]
    assert 1 <= most[0] <= 2


def test_who_waits_in_vain_goes_without_a_turn() -> None:
    turns = Turns(at_a_time=1, patience=0.01)
    assert turns.take()
    assert not turns.take()
    turns.give_back()
    assert turns.take()


def test_tasks_that_train_alone_are_not_all_begun_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rendezvous, "Turns", functools.partial(Turns, patience=0.001))
    lock, crowd, running = threading.Lock(), threading.Event(), [0]

    def task() -> bool:
        with lock:
            running[0] += 1
            if running[0] > 2:
                crowd.set()
        crowded = crowd.wait(0.02)  # long after the patience of those that wait
        with lock:
            running[0] -= 1
        return crowded

    assert run_together([task] * 8) == [False] * 8


def test_a_task_that_fails_lets_no_further_one_begin() -> None:
    begun, never = [], threading.Event()

    def task(number: int) -> None:
        begun.append(number)
        if not number:
            raise ValueError("as asked")
        never.wait(0.02)

    with pytest.raises(ValueError, match="as asked"):
        run_together([functools.partial(task, number) for number in range(50)])
    assert len(begun) < 50


# ------------------------------------------------------------------ updates


@given(
    kind=st.sampled_from(["sgd", "adam", "adamw"]),
    rates=st.lists(st.sampled_from([0.1, 0.01]), min_size=1, max_size=6),
    data=st.data(),
)
def test_neighbours_are_updated_as_each_would_be_alone(kind: str, rates: list[float], data: st.DataObject) -> None:
    n = len(rates)
    start = torch.randn(n, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    numbers = {"weight_decay": 0.1, "momentum": 0.9, "nesterov": True, "betas": (0.8, 0.99), "eps": 1e-6}
    together, alone = start.clone(), [start[i : i + 1].clone() for i in range(n)]
    gradient = torch.zeros_like(start)
    update = FlatUpdate(kind, together, gradient)
    update.set_numbers([{"lr": rate, **numbers} for rate in rates])
    singles = [FlatUpdate(kind, one, gradient[i : i + 1]) for i, one in enumerate(alone)]
    for single, rate in zip(singles, rates, strict=True):
        single.set_numbers([{"lr": rate, **numbers}])
    for step in range(5):
        gradient.copy_(torch.randn(n, 16, generator=torch.Generator().manual_seed(step)))
        moving = data.draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
        update.step(moving)
        for i, single in enumerate(singles):
            if moving is None or moving[i]:
                single.step()
    assert torch.equal(together, torch.cat(alone))
