"""Dormant units of a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..._compat._torch import Convolution
from ..._parameters import check_number
from ...modules import call, some_rows
from ...modules._tracing import Call, hooked
from .._activations import layer_inputs
from .._measuring import Rows, as_rows, untouched

# Their weights may have several axes and still mix nothing; those of other normalisations have one.
_NORMALISATION = (nn.LayerNorm, nn.RMSNorm)


def dormant_scores(network: nn.Module, X: Rows) -> dict[str, Tensor]:
    """Score how active each hidden unit is, against the mean of its layer.

    The activation of a unit is what the next layer with weights is given: after activation, normalisation and
    pooling. Units are those of linear layers and the channels of convolutions. The next layer is found by
    following the computation, so branches are told apart; where a layer is given a sum (a residual branch), the
    sum is scored. A layer whose units cannot be told apart in what the next one is given (joined with others) is
    left out, and so is the output layer.

    Parameters
    ----------
    network : nn.Module
        The network; measured in evaluation mode and not changed.
    X : Tensor or ndarray of shape (n_samples, ...), or a dictionary or tuple of them
        Rows as the network takes them. An array gets the network's dtype and device.

    Returns
    -------
    dict of str to Tensor
        By the name of the layer that has the units, in the order of the calls: for each unit the mean absolute
        activation over rows (and positions), divided by the mean over the units of the layer; float64, at least
        0, mean 1. All zero where the whole layer is silent.

    Raises
    ------
    ValueError
        If X has no rows or missing values, or activations are not finite.

    References
    ----------
    .. [1] Sokar et al., "The Dormant Neuron Phenomenon in Deep Reinforcement Learning", ICML 2023,
       arXiv:2302.12902, equation 1.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import dormant_scores
    >>> network = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> _ = network[0].weight.data.copy_(torch.tensor([[1.0], [-1.0]])), network[0].bias.data.zero_()
    >>> {name: scores.tolist() for name, scores in dormant_scores(network, torch.ones(4, 1)).items()}
    {'0': [2.0, 0.0]}
    """
    rows = as_rows(network, X)
    with untouched(network, rows):
        makers = _makers(network, some_rows(rows, slice(1)))
        given = layer_inputs(network, rows)
    layers = dict(network.named_modules())
    found: dict[str, Tensor] = {}
    for reader in given:
        for maker in makers.get(reader, []):
            if maker in found:
                continue
            activity = _activity(given[reader], layers[maker], layers[reader], sole=len(makers[reader]) == 1)
            if activity is None:
                continue
            if not bool(activity.mean().isfinite()):
                raise ValueError(f"the units of layer {maker!r} are not finite on X: the network has diverged")
            found[maker] = relative_activity(activity)
    return {name: found[name] for name in given if name in found}


def dormant_fraction(network: nn.Module, X: Rows, tau: float = 0.0) -> float:
    """Return the share of hidden units whose dormancy score is at most ``tau``.

    Parameters
    ----------
    network : nn.Module
        The network; measured in evaluation mode and not changed.
    X : Tensor or ndarray of shape (n_samples, ...)
        Rows as the network takes them.
    tau : float, default=0.0
        Threshold of the score, at least 0; 0 counts the units that are silent on all rows. Published values are
        0.025 and 0.1.

    Returns
    -------
    float
        Share in [0, 1] over the units of all scored layers together; 0 where there are none.

    Raises
    ------
    ValueError
        If ``tau`` is negative, or as for :func:`dormant_scores`.

    References
    ----------
    .. [1] Sokar et al., "The Dormant Neuron Phenomenon in Deep Reinforcement Learning", ICML 2023,
       arXiv:2302.12902, definitions 3.1 and 3.2.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import dormant_fraction
    >>> network = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> _ = network[0].weight.data.copy_(torch.tensor([[1.0], [-1.0]])), network[0].bias.data.zero_()
    >>> dormant_fraction(network, torch.ones(4, 1))
    0.5
    """
    check_number("tau", tau, 0)
    scores = dormant_scores(network, X).values()
    units = sum(len(score) for score in scores)
    return sum(int((score <= tau).sum()) for score in scores) / units if units else 0.0


def relative_activity(activity: Tensor) -> Tensor:
    """Return ReDo's score of each unit of a layer: its mean activity over that of the layer, 0 in a silent one."""
    mean = activity.mean()
    return activity / mean if float(mean) > 0 else torch.zeros_like(activity)


def _makers(network: nn.Module, row: Any) -> dict[str, list[str]]:
    """For each layer with weights, the layers whose units reach it through no other such layer."""
    made: list[tuple[Tensor, str]] = []
    nodes: dict[str, Any] = {}
    layers = {
        name
        for name, layer in network.named_modules()
        if not isinstance(layer, _NORMALISATION) and any(t.ndim > 1 for t in layer.parameters(recurse=False))
    }

    def note(name: str, given: Tensor) -> None:
        nodes.setdefault(name, given.grad_fn)

    def cut(call: Call) -> Tensor | None:
        if not call.result.is_floating_point():
            return None
        # A leaf here ends the way back from the layers that follow.
        made.append((call.result.requires_grad_(), call.name))
        return call.result.clone()  # activations in place refuse a leaf

    with torch.enable_grad(), hooked(network, layers, before=note, after=cut):
        call(network, row)
    names = {id(leaf): name for leaf, name in made}
    return {reader: list(dict.fromkeys(_reached(node, names))) for reader, node in nodes.items()}


def _reached(node: Any, names: dict[int, str]) -> list[str]:
    """Names of the leaves that an autograd node comes from."""
    reached, seen, waiting = [], set(), [node]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) in names:
            reached.append(names[id(variable)])
        waiting.extend(earlier for earlier, _ in node.next_functions)
    return reached


def _activity(given: Tensor, maker: nn.Module, reader: nn.Module, sole: bool) -> Tensor | None:
    """Mean absolute activation per unit of the maker in what the reader is given; None if they are mixed there."""
    if isinstance(maker, nn.Linear):
        units, channels = maker.out_features, False
    elif isinstance(maker, Convolution):
        units, channels = maker.out_channels, True
    else:
        return None
    size = given.abs().double()
    n_rows = len(size)
    if isinstance(reader, Convolution):
        if size.shape[1] == units:
            return size.transpose(0, 1).reshape(units, -1).mean(dim=1)
        fits = not channels and size[0].numel() == units  # a row unfolded to an image
        return size.reshape(n_rows, units).mean(dim=0) if fits else None
    if size.shape[-1] == units:
        return size.reshape(-1, units).mean(dim=0)
    if channels and size.ndim > 2 and size.shape[1] == units:
        return size.transpose(0, 1).reshape(units, -1).mean(dim=1)
    # Flattening lays out channel after channel; of several makers it could be a concatenation instead.
    if channels and sole and size.ndim == 2 and size.shape[1] % units == 0:
        return size.reshape(n_rows, units, -1).mean(dim=(0, 2))
    return None
