"""Inputs of the layers of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..modules._tracing import hooked


def layer_inputs(network: nn.Module, X: Tensor) -> dict[str, Tensor]:
    """Record what each layer that holds weights of its own is given.

    The input of a layer is what the layers before it put out after activation, normalisation and whatever else
    lies in between, also where that is written in ``forward`` and no module of its own.

    Parameters
    ----------
    network : nn.Module
        The network; called once in evaluation mode, without gradients, and left in the mode that it was in.
    X : Tensor of shape (n_samples, ...)
        Rows as the network takes them.

    Returns
    -------
    dict of str to Tensor
        In the order in which the layers are called; of a layer that is called several times, the first call.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.diagnostics import layer_inputs
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> {name: tuple(given.shape) for name, given in layer_inputs(network, torch.ones(4, 2)).items()}
    {'0': (4, 2), '2': (4, 3)}
    """
    given: dict[str, Tensor] = {}
    modes = [(layer, layer.training) for layer in network.modules()]
    layers = {
        name for name, layer in network.named_modules() if next(layer.parameters(recurse=False), None) is not None
    }

    def record(name: str, tensor: Tensor) -> None:
        given.setdefault(name, tensor.detach().clone())

    try:
        network.eval()
        with torch.no_grad(), hooked(network, layers, before=record):
            network(X)
    finally:
        for layer, training in modes:
            layer.training = training
    return given
