"""Gradients of many members at once: those that each member has alone, whichever rule finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sk_warmstart.training.packed._state import PackState
from sk_warmstart.training.packed._vmap import (
    VmapEngine,
    gradient_inside,
    gradient_outside,
    keep_last,
    why_unpackable,
)

N_MEMBERS, N_ROWS = 3, 10


class Net(nn.Module):
    """Two layers, and something between them."""

    def __init__(self, between: Callable[[Any, Tensor], Tensor], **parts: nn.Module):
        super().__init__()
        self.first, self.last, self.between = nn.Linear(6, 8), nn.Linear(8, 3), between
        self.parts = nn.ModuleDict(parts)

    def forward(self, X: Tensor) -> Tensor:
        return self.last(self.between(self.parts, self.first(X)))


class Reversed(torch.autograd.Function):
    """The identity, with a gradient that is not its own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # type: ignore[override]
        return x * 1

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]


def halved(parts: Any, h: Tensor) -> Tensor:
    if h.requires_grad and parts.training:
        h.register_hook(lambda gradient: gradient / 2)
    return h


class Tempered(nn.Module):
    """A layer, and one number that multiplies what it puts out; a parameter without entries beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.temperature = nn.Linear(6, 3), nn.Parameter(torch.tensor(1.5))
        self.nothing = nn.Parameter(torch.zeros(0, 4))

    def forward(self, X: Tensor) -> Tensor:
        return self.layer(X) * self.temperature


def without_head() -> nn.Module:
    net = Net(halved)
    nn.init.zeros_(net.last.weight)  # at first no gradient comes to the hook
    return net


def looked_up(parts: Any, h: Tensor) -> Tensor:
    return h + parts["entries"]((h > 0.5).long().sum(1).clamp(max=3))


def attended(parts: Any, h: Tensor) -> Tensor:
    return parts["attention"](h[:, None], h[:, None], h[:, None])[0][:, 0]


def remembered(parts: Any, h: Tensor) -> Tensor:
    return parts["gru"](h[:, None])[0][:, 0]


# Whether autograd may look at all members at once: where it sees through vmap.
NETS: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "plain": (lambda: Net(lambda _, h: h.relu()), True),
    "dropout": (lambda: Net(lambda _, h: functional.dropout(h, 0.5)), True),
    "norm": (lambda: Net(lambda parts, h: parts["norm"](h), norm=nn.LayerNorm(8)), True),
    "attention": (lambda: Net(attended, attention=nn.MultiheadAttention(8, 2, batch_first=True)), True),
    "own backward": (lambda: Net(lambda _, h: Reversed.apply(h)), True),
    "parameter of one number": (Tempered, True),
    "part that is not used": (lambda: Net(lambda _, h: h, spare=nn.Linear(3, 3)), True),
    "nothing flows back": (lambda: Net(lambda _, h: h.detach()), True),
    "look-up": (lambda: Net(looked_up, entries=nn.Embedding(4, 8)), True),
    "look-up with padding": (lambda: Net(looked_up, entries=nn.Embedding(4, 8, padding_idx=2)), False),
    "look-up by frequency": (lambda: Net(looked_up, entries=nn.Embedding(4, 8, scale_grad_by_freq=True)), False),
    "hook on a tensor": (lambda: Net(halved), False),
    "hook behind a last layer of zeros": (without_head, False),
    "asks for requires_grad": (lambda: Net(lambda _, h: h * 2 if h.requires_grad else h), False),
    "gradient in forward": (
        lambda: Net(lambda _, h: h + torch.autograd.grad((h**2).sum(), h, create_graph=True)[0]),
        False,
    ),
    "recurrent": (
        lambda: Net(lambda p, h: p["gru"](h[:, None])[0][:, 0], gru=nn.GRU(8, 8, batch_first=True)),
        False,
    ),
}


def made(name: str) -> tuple[VmapEngine, list[nn.Module], Tensor, Tensor]:
    torch.manual_seed(0)
    nets = [NETS[name][0]().eval() for _ in range(N_MEMBERS)]  # as after a score
    X, y = torch.randn(N_MEMBERS, N_ROWS, 6), torch.randint(3, (N_MEMBERS, N_ROWS))
    state = PackState([(net, torch.optim.SGD(net.parameters())) for net in nets])
    # Two rows that look up no entry for padding.
    engine = VmapEngine(nets[0], nn.CrossEntropyLoss(), state, (torch.zeros(2, 6), y[0, :2], None))
    return engine, nets, X, y


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_each_member_alone(name: str) -> None:
    engine, nets, X, y = made(name)
    torch.manual_seed(1)
    gradient, losses = engine._rule(engine._state.flat, X, y, None)
    if name == "dropout":  # whose draws are others
        assert gradient.abs().sum() > 0
        return
    for i, net in enumerate(nets):
        net.train()
        loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
        assert losses[i].item() == pytest.approx(loss.item(), rel=1e-5)
        alone = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
        for view, own in zip(engine._state.views(gradient[i]), alone, strict=True):
            torch.testing.assert_close(view, torch.zeros_like(view) if own is None else own, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NETS)
def test_members_are_differentiated_at_once_where_autograd_sees_through(name: str) -> None:
    engine = made(name)[0]
    assert engine._rule.__qualname__.startswith("gradient_outside") == NETS[name][1]


@pytest.mark.parametrize("weighted", [False, True])
def test_both_rules_find_the_same_bits(weighted: bool) -> None:
    engine, _, X, y = made("plain")
    weight = torch.rand(N_MEMBERS, N_ROWS) if weighted else None
    one, other = (
        rule(engine._loss)(engine._state.flat, X, y, weight) for rule in (gradient_inside, gradient_outside)
    )
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
def test_gradients_are_recorded_whatever_the_caller_does(mode: Any) -> None:
    engine, _, X, y = made("plain")
    with mode():
        gradient, losses = engine._rule(engine._state.flat, X, y, None)
    assert gradient.abs().sum() > 0
    assert not losses.requires_grad
    assert not engine._state.flat.requires_grad


def test_a_loss_a_row_is_not_packed() -> None:
    rows = torch.randn(2, 6), torch.randint(3, (2,)), None
    assert why_unpackable(NETS["plain"][0](), nn.CrossEntropyLoss(), rows) is None
    assert why_unpackable(NETS["plain"][0](), nn.CrossEntropyLoss(reduction="none"), rows) is not None


def test_the_last_gradient_of_each_member_is_kept() -> None:
    kept, gradient = torch.zeros(3, 2), torch.ones(3, 2)
    keep_last(kept, gradient, [])
    assert kept.sum() == 0
    keep_last(kept, gradient, [1])
    assert kept.sum(1).tolist() == [0, 2, 0]
    keep_last(kept, gradient, [0, 1, 2])
    assert torch.equal(kept, gradient)
