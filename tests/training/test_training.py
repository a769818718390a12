"""Batches, losses, random numbers and the monitor."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from sk_warmstart.training import (
    RandomStreams,
    Rows,
    TensorBatches,
    ValidationMonitor,
    as_tensor,
    child_seed,
    draw_seed,
    normalised,
    peek_seed,
    seeded,
    weighted_loss,
)


def rows(n: int, weighted: bool = False) -> Rows:
    X = torch.arange(2.0 * n).reshape(n, 2)
    return Rows(X, torch.arange(n), torch.rand(n) if weighted else None)


def same(batches: Any, others: Any) -> bool:
    left, right = list(batches), list(others)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(left, right, strict=True)
    )


@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    weighted=st.booleans(),
    own=st.booleans(),
)
def test_batches_equal_those_of_a_dataloader(
    n: int, batch_size: int, shuffle: bool, drop_last: bool, weighted: bool, own: bool
) -> None:
    data = rows(n, weighted)
    settings = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last}

    def generator() -> torch.Generator | None:
        return torch.Generator().manual_seed(3) if own else None

    ours, theirs = (
        TensorBatches(data, generator=generator(), **settings),
        DataLoader(data, generator=generator(), **settings),
    )
    assert len(ours) == len(theirs)
    for _ in range(2):  # the second epoch has another order: both must have drawn as often
        torch.manual_seed(5)
        expected = list(theirs)
        after = torch.get_rng_state()
        torch.manual_seed(5)
        assert same(ours, expected)
        assert torch.equal(torch.get_rng_state(), after)


def test_large_data_are_not_permuted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from sk_warmstart.training.rows import _batches

    def order() -> TensorBatches:
        return TensorBatches(rows(23), 5, shuffle=True, generator=torch.Generator().manual_seed(0))

    whole = list(order())
    monkeypatch.setattr(_batches, "_PERMUTED_COPY_LIMIT", 0)
    assert same(whole, order())


def test_rows_taken() -> None:
    data = rows(10, weighted=True)
    assert data.take(np.array([1, 3])).y.tolist() == [1, 3]  # type: ignore[union-attr]
    assert data.take(data.y > 7).X.tolist() == data.X[8:].tolist()  # type: ignore[operator]
    assert len(data.evenly(3)) <= 3
    assert len(data.evenly(10)) == 10


def test_a_read_only_array_is_copied() -> None:
    array = np.arange(4.0)
    assert as_tensor(array, None, "cpu").data_ptr() == array.ctypes.data
    array.flags.writeable = False
    assert as_tensor(array, None, "cpu").data_ptr() != array.ctypes.data
    assert as_tensor(np.arange(4.0)[::-1], torch.float32, "cpu").tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("criterion", "outputs"),
    [(nn.CrossEntropyLoss(), 3), (nn.MSELoss(), 3), (nn.SmoothL1Loss(reduction="sum"), 2)],
)
def test_weight_k_is_k_copies(criterion: nn.Module, outputs: int) -> None:
    torch.manual_seed(0)
    y_pred = torch.randn(6, outputs, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    if not isinstance(criterion, nn.CrossEntropyLoss):
        y = torch.randn(6, outputs, dtype=torch.float64)
    copies = torch.tensor([0, 1, 2, 3, 1, 1])
    repeated = criterion(y_pred.repeat_interleave(copies, 0), y.repeat_interleave(copies, 0))
    weight = normalised(copies.double())
    assert weight is not None
    loss = weighted_loss(criterion, y_pred, y, weight)
    scale = copies.double().mean() if criterion.reduction == "sum" else 1.0
    assert torch.allclose(loss * scale, repeated)
    assert criterion.reduction in ("mean", "sum")


def test_equal_weights_change_nothing_also_with_weights_of_classes() -> None:
    torch.manual_seed(0)
    y_pred, y = torch.randn(8, 3), torch.randint(0, 3, (8,))
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]))
    assert torch.allclose(weighted_loss(criterion, y_pred, y, torch.ones(8)), criterion(y_pred, y))


def test_a_criterion_without_reduction_cannot_be_weighted() -> None:
    class Odd(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return (a - b).abs().max()

    with pytest.raises(ValueError, match="need a criterion with torch's `reduction` attribute; Odd has none"):
        weighted_loss(Odd(), torch.zeros(2), torch.zeros(2), torch.ones(2))


def test_the_reduction_comes_back_after_an_error() -> None:
    criterion = nn.CrossEntropyLoss()
    with pytest.raises(IndexError):
        weighted_loss(criterion, torch.zeros(1, 2), torch.tensor([5]), torch.ones(1))
    assert criterion.reduction == "mean"


def test_seeds() -> None:
    assert draw_seed(None) is None
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    kinds = {child_seed(1, kind, g) for kind in ("fresh", "policy", "order", "forward") for g in range(5)}
    assert len(kinds) == 20


def test_peeking_and_seeding_leave_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert peek_seed() == peek_seed()
    with seeded(5):
        first = torch.rand(3)
    with seeded(5):
        assert torch.equal(first, torch.rand(3))
    with pytest.raises(RuntimeError, match="stop"), seeded(5):
        raise RuntimeError("stop")
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(None):
        torch.rand(1)
    assert not torch.equal(torch.get_rng_state(), before)


def test_streams_go_on_where_they_stopped_also_after_pickling() -> None:
    def draws(stream: RandomStreams, n: int) -> torch.Tensor:
        with stream.forward(stochastic=True):
            forward = torch.rand(n)
        return torch.cat([forward, torch.rand(n, generator=stream.order)])

    whole, parts = RandomStreams(4), RandomStreams(4)
    first = draws(parts, 2)
    parts = pickle.loads(pickle.dumps(parts))
    rest = draws(parts, 3)
    with whole.forward(stochastic=True):
        forward = torch.rand(5)
    order = torch.rand(5, generator=whole.order)
    assert torch.equal(forward, torch.cat([first[:2], rest[:3]]))
    assert torch.allclose(order, torch.cat([first[2:], rest[3:]]))


def test_threads_draw_what_they_would_draw_alone() -> None:
    expected = {}
    for seed in range(8):
        with seeded(seed):
            expected[seed] = torch.rand(50)
    seen: dict[int, list[bool]] = {seed: [] for seed in range(8)}

    def work(seed: int) -> None:
        for _ in range(20):
            with seeded(seed):
                seen[seed].append(torch.equal(torch.rand(50), expected[seed]))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(all(values) and len(values) == 20 for values in seen.values())


class TestMonitor:
    def trained(self, scores: list[float], **settings: Any) -> tuple[ValidationMonitor, nn.Linear, int]:
        net = nn.Linear(1, 1, bias=False)
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
        monitor = ValidationMonitor(**{"early_stopping": True, "n_iter_no_change": 2, "tol": 0.1, **settings})
        with torch.no_grad():
            net.weight.fill_(0)
        monitor.begin(scores[0], -scores[0], net, optimizer)
        epochs = 0
        for epochs, score in enumerate(scores[1:], start=1):
            with torch.no_grad():
                net.weight.fill_(epochs)
            if monitor.update(score, -score, net, optimizer):
                break
        monitor.finish(net, optimizer)
        return monitor, net, epochs

    @pytest.mark.parametrize(
        ("scores", "best", "epochs"),
        [
            ([0.9, 0.5, 0.6, 0.7], 0, 2),  # the start was best: it is put back
            ([0.1, 0.5, 0.6, 0.55, 0.9], 2, 3),  # 0.6 is better, but by less than tol from then on
            ([0.1, 0.5, 0.5, 0.5, 0.5], 3, 3),  # a tie keeps the later epoch
            ([0.0, 1.0, 2.0, 3.0], 3, 3),
        ],
    )
    def test_best_epoch_is_returned(self, scores: list[float], best: int, epochs: int) -> None:
        _, net, done = self.trained(scores, tol=0.11)
        assert (float(net.weight.detach()), done) == (best, epochs)

    def test_without_early_stopping_only_the_start_is_put_back(self) -> None:
        _, net, done = self.trained([0.5, 0.9, 0.6], early_stopping=False)
        assert (float(net.weight.detach()), done) == (2, 2)
        _, net, _ = self.trained([0.5, 0.9, 0.4], early_stopping=False)
        assert float(net.weight.detach()) == 0
