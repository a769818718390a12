"""Fire: the polar factor, its scale, its iteration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import polar
from torch import nn

from sk_warmstart.policies import Fire, PolicyContext
from sk_warmstart.state import NetState


def fired(net: nn.Module, n_iter: int | None = None) -> tuple[NetState, NetState]:
    previous = NetState.from_module(net)
    return previous, Fire(n_iter).start(previous, previous, PolicyContext(module=net))


def newton_schulz(W: np.ndarray, n_iter: int) -> np.ndarray:
    X = W / np.sqrt((W**2).sum())
    if X.shape[0] < X.shape[1]:
        X = X.T
    for _ in range(n_iter):
        X = 1.5 * X - 0.5 * X @ X.T @ X
    return X if X.shape == W.shape else X.T


@given(n_in=st.integers(1, 9), n_out=st.integers(1, 9), seed=st.integers(0, 1000))
def test_linear_layers_by_hand(n_in: int, n_out: int, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Linear(n_in, n_out).double()
    previous, start = fired(net)
    scale = np.sqrt(n_out / n_in)
    # W (W'W)^(-1/2), by an implementation that is not ours.
    side = "right" if n_out >= n_in else "left"
    np.testing.assert_allclose(start["weight"], scale * polar(previous["weight"].numpy(), side)[0], atol=1e-7)
    np.testing.assert_allclose(np.linalg.svd(start["weight"], compute_uv=False), scale, rtol=1e-10)
    assert torch.equal(start["bias"], previous["bias"])
    _, iterated = fired(net, 4)
    np.testing.assert_allclose(
        iterated["weight"], scale * newton_schulz(previous["weight"].numpy(), 4), atol=1e-10
    )


@pytest.mark.parametrize("n_iter", [None, 3])
@pytest.mark.parametrize("n_in", [2, 6])
def test_convolutions_by_hand(n_in: int, n_iter: int | None) -> None:
    previous, start = fired(nn.Conv2d(n_in, 4, (2, 3)).double(), n_iter)
    W, scale = previous["weight"].numpy(), np.sqrt(4 / n_in) / 6
    for i in range(2):
        for j in range(3):
            slice_ = W[:, :, i, j]
            factor = (
                polar(slice_, "right" if n_in <= 4 else "left")[0] if n_iter is None else newton_schulz(slice_, 3)
            )
            np.testing.assert_allclose(start["weight"][:, :, i, j], scale * factor, atol=1e-8)


def test_each_group_of_a_convolution_is_a_map_of_its_own() -> None:
    grouped = nn.Conv1d(4, 6, 2, groups=2).double()
    previous, start = fired(grouped)
    for g in range(2):
        alone = nn.Conv1d(2, 3, 2).double()
        with torch.no_grad():
            alone.weight.copy_(previous["weight"][3 * g : 3 * g + 3])
        assert torch.allclose(fired(alone)[1]["weight"], start["weight"][3 * g : 3 * g + 3])
    depthwise = nn.Conv1d(4, 4, 1, groups=4).double()
    previous, start = fired(depthwise)
    assert torch.allclose(start["weight"], previous["weight"].sign())


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_maps_the_other_way(groups: int) -> None:
    net = nn.ConvTranspose2d(4, 6, 2, groups=groups).double()
    _, start = fired(net)
    for part in start["weight"].chunk(groups):
        for i in range(2):
            values = np.linalg.svd(part[:, :, i, i].numpy(), compute_uv=False)
            np.testing.assert_allclose(values, np.sqrt(6 / 4) / 4, rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_exact_is_idempotent(dtype: torch.dtype) -> None:
    net = nn.Sequential(nn.Conv2d(2, 5, 3), nn.Conv2d(5, 4, 1, groups=1), nn.Flatten(), nn.Linear(8, 30)).to(dtype)
    _, once = fired(net)
    twice = Fire().start(once, once, PolicyContext(module=net))
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    for name in once:
        assert once[name].dtype == dtype
        assert torch.allclose(once[name], twice[name], atol=tolerance)


def test_many_steps_approach_the_exact_factor() -> None:
    torch.manual_seed(0)
    net = nn.Linear(30, 8).double()
    _, exact = fired(net)
    errors = [float((fired(net, k)[1]["weight"] - exact["weight"]).norm()) for k in (1, 2, 4, 12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-10


def test_only_linear_maps_change_and_shared_ones_once() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.norm = nn.Embedding(5, 3), nn.LayerNorm(3)
            self.twin, self.head = nn.Linear(3, 5), nn.Linear(3, 5)
            self.head.weight = self.twin.weight

    previous, start = fired(Words())
    for name in ("words.weight", "norm.weight", "norm.bias", "twin.bias", "head.bias"):
        assert torch.equal(start[name], previous[name])
    assert start["head.weight"] is start["twin.weight"]
    values = torch.linalg.svdvals(start["head.weight"])
    assert torch.allclose(values, torch.full((3,), (5 / 3) ** 0.5))


def test_degenerate_weights_give_finite_starts() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    nn.init.zeros_(net[0].weight)  # type: ignore[arg-type]
    nn.init.ones_(net[1].weight)  # type: ignore[arg-type]
    for n_iter in (None, 5):
        _, start = fired(net, n_iter)
        assert all(bool(torch.isfinite(tensor).all()) for tensor in start.values())
    assert not start["0.weight"].any()


def test_broken_weights_are_named() -> None:
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight[0, 0] = float("inf")
    with pytest.raises(ValueError, match="Fire cannot start from previous weights that are not finite: weight"):
        fired(net)
