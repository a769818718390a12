"""Sharpness: the rise of the loss when weights are moved."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..._parameters import check_integer, check_number
from ..._warning import warn_renamed
from .._measuring import Loss, Rows, as_rows_and_targets, mean_gradient, mean_loss, norm, own_tensors, untouched
from .._rng import Rng, torch_rng


class Sharpness(NamedTuple):
    """The rise of the loss under random noise on the weights.

    Parameters
    ----------
    value : float
        Mean rise.
    standard_error : float
        Its standard error over the draws; NaN of one draw.
    loss : float
        The loss without noise.

    Examples
    --------
    >>> from sk_warmstart.diagnostics import Sharpness
    >>> Sharpness(value=0.2, standard_error=0.01, loss=0.5).value
    0.2
    """

    value: float
    standard_error: float
    loss: float


def sharpness(
    network: nn.Module,
    loss: Loss,
    X: Rows,
    y: Rows,
    *,
    scale: float = 0.05,
    n_draws: int = 10,
    rng: Rng = None,
    batch_size: int | None = None,
    generator: Any = "deprecated",
) -> Sharpness:
    r"""Measure the expected rise of the loss under noise in proportion to the weights.

    Each parameter tensor is moved by a given share of its norm in a random direction:
    :math:`E[L(\theta + s \|\theta_l\| \xi_l / \|\xi_l\|)] - L(\theta)` with Gaussian :math:`\xi_l`. The noise does
    not depend on the scale of the weights, so networks of unequal weight norm compare. Every direction is taken
    forth and back, which cancels the slope and leaves the curvature.

    Parameters
    ----------
    network : nn.Module
        The network; measured in evaluation mode and not changed.
    loss : callable
        ``loss(output, y)``, the mean over the rows as a tensor of one number.
    X : Tensor or ndarray of shape (n_samples, ...)
        Rows as the network takes them. An array gets the network's dtype and device.
    y : Tensor or ndarray of shape (n_samples, ...)
        Targets as the loss takes them.
    scale : float, default=0.05
        Length of the move as a share of each tensor's norm, above 0.
    n_draws : int, default=10
        Directions, each taken forth and back.
    rng : int, Generator, RandomState, torch.Generator or None, default=None
        Draws the directions; a generator moves on. None draws the same ones at every call, so two networks of one
        architecture are moved alike.
    batch_size : int or None, default=None
        Rows that are in memory at a time; None takes all.
    generator : torch.Generator or None
        Old name of ``rng``.

        .. deprecated:: 0.2
            Use ``rng``.

    Returns
    -------
    Sharpness
        Mean rise, its standard error, and the loss without noise.

    Raises
    ------
    ValueError
        If rows and targets do not match or have missing values, or a setting is out of its range.

    References
    ----------
    .. [1] Jiang et al., "Fantastic Generalization Measures and Where to Find Them", ICLR 2020, arXiv:1912.02178.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import sharpness
    >>> network = nn.Linear(1, 1, bias=False).double()
    >>> _ = network.weight.data.fill_(2.0)
    >>> rows = torch.ones(4, 1, dtype=torch.float64)
    >>> round(sharpness(network, nn.MSELoss(), rows, 0 * rows, scale=0.1).value, 6)  # (0.1 * 2) ** 2
    0.04
    """
    if not isinstance(generator, str):
        warn_renamed("the parameter generator of sharpness", "rng")
        rng = generator
    check_number("scale", scale, 0, exclude="low")
    check_integer("n_draws", n_draws)
    rows, targets = as_rows_and_targets(network, X, y)
    source = torch_rng(rng)
    parameters, buffers = own_tensors(network)
    with untouched(network, rows):
        base = mean_loss(network, {**parameters, **buffers}, loss, rows, targets, batch_size)
        rises = []
        for _ in range(n_draws):
            move = {name: _direction(tensor, scale, source) for name, tensor in parameters.items()}
            pair = [
                mean_loss(network, {**_moved(parameters, move, sign), **buffers}, loss, rows, targets, batch_size)
                for sign in (1, -1)
            ]
            rises.append(sum(pair) / 2 - base)
    mean = sum(rises) / n_draws
    if n_draws == 1:
        return Sharpness(mean, math.nan, base)
    variance = sum((rise - mean) ** 2 for rise in rises) / (n_draws - 1)
    return Sharpness(mean, math.sqrt(variance / n_draws), base)


def ascent_sharpness(
    network: nn.Module, loss: Loss, X: Rows, y: Rows, *, radius: float = 0.05, batch_size: int | None = None
) -> float:
    r"""Measure the rise of the loss one step of given length up the gradient.

    The first-order estimate of the worst rise in a ball:
    :math:`L(\theta + \rho g / \|g\|) - L(\theta)`, where g is the gradient of the trainable parameters.

    Parameters
    ----------
    network : nn.Module
        The network; measured in evaluation mode and not changed, nor is any ``grad``.
    loss : callable
        ``loss(output, y)``, the mean over the rows as a tensor of one number.
    X : Tensor or ndarray of shape (n_samples, ...)
        Rows as the network takes them. An array gets the network's dtype and device.
    y : Tensor or ndarray of shape (n_samples, ...)
        Targets as the loss takes them.
    radius : float, default=0.05
        Length of the step in the space of the parameters, above 0.
    batch_size : int or None, default=None
        Rows that are in memory at a time; None takes all.

    Returns
    -------
    float
        The rise; 0 where the gradient is zero.

    Raises
    ------
    ValueError
        If rows and targets do not match or have missing values, if nothing is trainable, or ``radius`` is out of
        its range.

    References
    ----------
    .. [1] Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR 2021,
       arXiv:2010.01412, equation 2.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import ascent_sharpness
    >>> network = nn.Linear(1, 1, bias=False).double()
    >>> _ = network.weight.data.fill_(2.0)
    >>> rows = torch.ones(4, 1, dtype=torch.float64)
    >>> round(ascent_sharpness(network, nn.MSELoss(), rows, 0 * rows, radius=0.5), 6)  # 2.5 ** 2 - 2 ** 2
    2.25
    """
    check_number("radius", radius, 0, exclude="low")
    rows, targets = as_rows_and_targets(network, X, y)
    parameters, buffers = own_tensors(network)
    with untouched(network, rows):
        base, gradient = mean_gradient(network, loss, rows, targets, batch_size)
        length = norm(gradient)
        if not length:
            return 0.0
        moved = _moved(parameters, gradient, radius / length)
        return mean_loss(network, {**moved, **buffers}, loss, rows, targets, batch_size) - base


def _direction(tensor: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """A random direction as long as a share of the tensor's norm; drawn alike whatever dtype and device."""
    drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64, device=generator.device)
    length = float(tensor.double().norm())
    return (drawn * (scale * length / max(float(drawn.norm()), 1e-300))).to(tensor)


def _moved(parameters: dict[str, Tensor], move: dict[str, Tensor], factor: float) -> dict[str, Tensor]:
    """Return the parameters after a move, scaled by a factor; those not in it stay."""
    return {name: t + factor * move[name] if name in move else t for name, t in parameters.items()}
