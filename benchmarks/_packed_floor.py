"""The floor of a packed search: the arithmetic of all its fits, written by hand, and nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def floor(
    X: Tensor, y: Tensor, rates: list[float], n_epochs: int, hidden: tuple[int, int], size: int = 64
) -> Tensor:
    """Train a network of two hidden layers for each rate by Adam, all in one tensor program.

    Parameters
    ----------
    X, y : torch.Tensor
        Rows and codes of classes, the same for all.
    rates : list of float
        A learning rate for each member; equal ones are best neighbours.
    n_epochs, hidden, size
        Epochs, units of the hidden layers, rows of a batch.

    Returns
    -------
    torch.Tensor
        The mean loss of each member in its last batch.
    """
    n, n_features, n_classes, k = len(X), X.shape[1], int(y.max()) + 1, len(rates)
    shapes = []
    for n_in, n_out in zip((n_features, *hidden), (*hidden, n_classes), strict=True):
        shapes += [(n_out, n_in), (n_out,)]
    sizes = [torch.Size(shape).numel() for shape in shapes]
    flat, gradient, first, second = torch.zeros(4, k, -(-sum(sizes) // 16) * 16).unbind()
    flat.uniform_(-0.2, 0.2)

    def cut(tensor: Tensor) -> list[Tensor]:
        parts = tensor[:, : sum(sizes)].split(sizes, 1)
        return [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]

    w1, b1, w2, b2, w3, b3 = cut(flat)
    g1, h1, g2, h2, g3, h3 = cut(gradient)
    runs = runs_of(rates)
    tensors = [[tensor[run] for tensor in (flat, gradient, first, second)] for _, run in runs]
    numbers: dict[str, Any] = {"beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8}
    a1, d1, a2, d2 = (torch.zeros(k, size, width) for width in (hidden[0], hidden[0], hidden[1], hidden[1]))
    minus_one, loss, count = torch.tensor(-1.0), torch.zeros(k), torch.zeros(())
    for _ in range(n_epochs):
        order = torch.stack([torch.randperm(n) for _ in range(k)])
        for at in range(0, n, size):
            index = order[:, at : at + size]
            rows = index.shape[1]
            if rows < size:
                a1, d1, a2, d2 = (torch.zeros(k, rows, each.shape[2]) for each in (a1, d1, a2, d2))
            flat_index = index.reshape(-1)
            x = torch.index_select(X, 0, flat_index).view(k, rows, n_features)
            target = torch.index_select(y, 0, flat_index).view(k, 1, rows)
            torch.baddbmm(b1.unsqueeze(1), x, w1.mT, out=a1).clamp_min_(0)
            torch.baddbmm(b2.unsqueeze(1), a1, w2.mT, out=a2).clamp_min_(0)
            log_p = torch.log_softmax(torch.baddbmm(b3.unsqueeze(2), w3, a2.mT), 1)
            d3 = log_p.exp().scatter_add_(1, target, minus_one.expand_as(target)).div_(rows)
            torch.sum(d3, 2, out=h3)
            g3.copy_(torch.bmm(d3, a2))
            torch.bmm(d3.mT, w3, out=d2)
            torch.ops.aten.threshold_backward.grad_input(d2, a2, 0, grad_input=d2)
            torch.sum(d2, 1, out=h2)
            g2.copy_(torch.bmm(d2.mT, a1))
            torch.bmm(d2, w2, out=d1)
            torch.ops.aten.threshold_backward.grad_input(d1, a1, 0, grad_input=d1)
            torch.sum(d1, 1, out=h1)
            g1.copy_(torch.bmm(d1.mT, x))
            count += 1
            for (rate, _), (p, g, m, v) in zip(runs, tensors, strict=True):
                torch._fused_adam_(
                    [p], [g], [m], [v], [], [count], lr=rate, amsgrad=False, maximize=False, **numbers
                )
            loss = log_p.gather(1, target).mean((1, 2)).neg_()
        a1, d1, a2, d2 = (torch.zeros(k, size, each.shape[2]) for each in (a1, d1, a2, d2))
    return loss


def runs_of(rates: list[float]) -> list[tuple[float, slice]]:
    """Equal neighbours."""
    runs: list[tuple[float, slice]] = []
    for i, rate in enumerate(rates):
        if runs and runs[-1][0] == rate:
            runs[-1] = rate, slice(runs[-1][1].start, i + 1)
        else:
            runs.append((rate, slice(i, i + 1)))
    return runs
