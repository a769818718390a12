"""Networks, states and rows on which policies are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sk_warmstart.modules import MLP
from sk_warmstart.policies import PhaseData, PolicyContext
from sk_warmstart.state import NetState


class Table:
    """Rows in memory."""

    def __init__(self, X: Tensor, y: Tensor | None, weight: Tensor | None = None):
        self.X, self.y, self.weight = X, y, weight

    def __len__(self) -> int:
        return len(self.X)

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor | None, Tensor | None]:
        y = None if self.y is None else self.y[index]
        return self.X[index].clone(), y, None if self.weight is None else self.weight[index]


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(3 * 4, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(self.body(X))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, 3), nn.Linear(3, 3)
        self.decoder.weight = self.encoder.weight
        self.head = nn.Linear(3, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.head(torch.relu(self.decoder(torch.relu(self.encoder(X)))))


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp": (lambda: MLP(4, 3, hidden_layer_sizes=(5, 6)), (4,), 3),
    "mlp_batch": (lambda: MLP(4, 3, hidden_layer_sizes=(5,), norm="batch").double(), (4,), 3),
    "mlp_layer": (lambda: MLP(4, 3, hidden_layer_sizes=(5,), norm="layer"), (4,), 3),
    "conv": (Conv, (1, 4, 4), 2),
    "tied": (Tied, (3,), 2),
}


def cross_entropy(output: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    losses = functional.cross_entropy(output, y, reduction="none")
    return losses.mean() if weight is None else (losses * weight).mean()


def squared_error(output: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    losses = (output - y).square().mean(1)
    return losses.mean() if weight is None else (losses * weight).mean()


def draw(name: str, seed: int) -> tuple[nn.Module, NetState]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = NETS[name][0]()
        for key, buffer in net.named_buffers():
            buffer.copy_(torch.full_like(buffer, seed + 1) if "num" in key else torch.rand_like(buffer))
    return net, NetState.from_module(net)


def rows_for(name: str, seed: int, n: int = 30) -> Table:
    generator = torch.Generator().manual_seed(seed)
    _, shape, n_classes = NETS[name]
    dtype = torch.float64 if name == "mlp_batch" else torch.float32
    X = torch.randn(n, *shape, generator=generator, dtype=dtype)
    y = torch.randint(n_classes, (n,), generator=generator)
    return Table(X, y, torch.rand(n, generator=generator, dtype=dtype))


@pytest.fixture(scope="session", params=list(NETS))
def net(request: Any) -> str:
    """The name of a network."""
    return request.param


@pytest.fixture(scope="session")
def case() -> Callable[..., tuple[NetState, NetState, Callable[[], PolicyContext]]]:
    """``case(name, seed=0)``: previous and fresh state, and what makes contexts that are alike."""

    def make(name: str, seed: int = 0) -> tuple[NetState, NetState, Callable[[], PolicyContext]]:
        (_, previous), (net, fresh), (_, original) = (draw(name, 3 * seed + i) for i in range(3))
        data = PhaseData(rows_for(name, seed), cross_entropy)

        def context() -> PolicyContext:
            return PolicyContext(torch.Generator().manual_seed(7), net, original, data)

        return previous, fresh, context

    return make


@pytest.fixture(scope="session")
def context_of() -> Callable[..., PolicyContext]:
    """``context_of(net, X, y, weight=None, valid=None)``: a context for a network and rows; floats are numbers."""

    def make(
        net: nn.Module,
        X: Tensor,
        y: Tensor | None,
        weight: Tensor | None = None,
        valid: tuple[Tensor, Tensor] | None = None,
    ) -> PolicyContext:
        classifies = y is None or not y.is_floating_point()
        loss = cross_entropy if classifies else squared_error
        data = PhaseData(Table(X, y, weight), loss, None if valid is None else Table(*valid), classifies)
        return PolicyContext(torch.Generator().manual_seed(7), net, data=data)

    return make


@pytest.fixture(scope="session")
def equal() -> Callable[[NetState, NetState], bool]:
    """Tell whether two states are the same, bit for bit."""

    def same(a: NetState, b: NetState) -> bool:
        return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)

    return same
