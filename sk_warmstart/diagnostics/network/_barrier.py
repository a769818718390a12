"""Loss barrier between two states of a network."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..._parameters import check_integer
from ...state import NetState
from .._measuring import Loss, Rows, as_rows_and_targets, mean_loss, own_tensors, untouched


class Barrier(NamedTuple):
    """The loss on the straight line between two states.

    Parameters
    ----------
    value : float
        Height of the barrier, at least 0.
    position : float
        Where it is highest: 0 at the first state, 1 at the second.
    losses : tuple of float
        The loss at each point, both ends included.

    Examples
    --------
    >>> from sk_warmstart.diagnostics import Barrier
    >>> Barrier(value=0.5, position=0.5, losses=(0.0, 0.5, 0.0)).position
    0.5
    """

    value: float
    position: float
    losses: tuple[float, ...]


def interpolation_barrier(
    network: nn.Module,
    a: NetState,
    b: NetState,
    loss: Loss,
    X: Rows,
    y: Rows,
    n_points: int = 11,
    *,
    batch_size: int | None = None,
) -> Barrier:
    r"""Measure how far the loss rises above the straight line between two states.

    The height is :math:`\max_c L((1-c)\theta_a + c\theta_b) - [(1-c)L(\theta_a) + cL(\theta_b)]`. At a
    height of 0 both states lie in one basin, as a warm start and what it is trained to often do. Networks trained
    from different draws are apart for the order of their units alone. Running statistics lie on the same line.

    Parameters
    ----------
    network : nn.Module
        The network that the states are of; measured in evaluation mode and not changed.
    a, b : NetState
        The ends of the line.
    loss : callable
        ``loss(output, y)``, the mean over the rows as a tensor of one number.
    X : Tensor or ndarray of shape (n_samples, ...)
        Rows as the network takes them. An array gets the network's dtype and device.
    y : Tensor or ndarray of shape (n_samples, ...)
        Targets as the loss takes them.
    n_points : int, default=11
        Evenly spaced points, both ends included; at least 3.
    batch_size : int or None, default=None
        Rows that are in memory at a time; None takes all.

    Returns
    -------
    Barrier
        Height, where, and the losses. A loss in between that is not a number counts as infinite.

    Raises
    ------
    ValueError
        If a state is not of this network, the loss at an end is not finite, or an input is out of its range.

    References
    ----------
    .. [1] Frankle et al., "Linear Mode Connectivity and the Lottery Ticket Hypothesis", ICML 2020,
       arXiv:1912.05671, section 2.
    .. [2] Neyshabur, Sedghi and Zhang, "What is being transferred in transfer learning?", NeurIPS 2020,
       arXiv:2008.11687.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import interpolation_barrier
    >>> from sk_warmstart.state import NetState
    >>> network = nn.Linear(1, 1, bias=False)
    >>> a, b = (NetState({"weight": torch.tensor([[w]])}, {"weight"}) for w in (-1.0, 1.0))
    >>> rows = torch.ones(4, 1)
    >>> interpolation_barrier(network, a, b, lambda out, y: (out.square() - y).square().mean(), rows, rows).value
    1.0
    """
    check_integer("n_points", n_points, 3)
    rows, targets = as_rows_and_targets(network, X, y)
    parameters, buffers = own_tensors(network)
    own = {**parameters, **buffers}
    persistent = set(network.state_dict(keep_vars=True))
    ends = [_of_network(state, name, own, persistent) for name, state in (("a", a), ("b", b))]
    positions = [point / (n_points - 1) for point in range(n_points)]
    losses = []
    with untouched(network, rows):
        for c in positions:
            tensors = {name: _between(ends[0][name], ends[1][name], c) for name in own}
            losses.append(mean_loss(network, tensors, loss, rows, targets, batch_size))
    if not (math.isfinite(losses[0]) and math.isfinite(losses[-1])):
        raise ValueError(f"the loss at the ends must be finite, got {losses[0]} of a and {losses[-1]} of b")
    losses = [math.inf if math.isnan(value) else value for value in losses]
    # The ends stand by themselves: on the line at 1 their difference rounds.
    heights = [value - (losses[0] * (1 - c) + losses[-1] * c) for value, c in zip(losses, positions, strict=True)]
    heights[0] = heights[-1] = 0.0
    highest = max(range(n_points), key=heights.__getitem__)
    return Barrier(heights[highest], positions[highest], tuple(losses))


def _of_network(state: NetState, end: str, own: dict[str, Tensor], persistent: set[str]) -> dict[str, Tensor]:
    """The state's tensors for the network's; buffers that no state holds are the network's own."""
    tensors = {}
    for name, mine in own.items():
        if name not in persistent:
            tensors[name] = mine
        elif name not in state or state[name].shape != mine.shape:
            found = f"shape {tuple(state[name].shape)}" if name in state else "nothing of that name"
            raise ValueError(
                f"{end} is not a state of this network: {name!r} has shape {tuple(mine.shape)}, {end} has {found}"
            )
        else:
            tensors[name] = state[name].detach().to(mine)
    return tensors


def _between(a: Tensor, b: Tensor, c: float) -> Tensor:
    """Return the tensor at c between 0 (a) and 1 (b); a copy of a where it holds no decimals."""
    # lerp is exact at both ends, and where the ends are equal. Copies: a module may count in its buffers.
    return torch.lerp(a, b, c) if a.is_floating_point() else a.clone()
