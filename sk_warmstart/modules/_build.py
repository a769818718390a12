"""Building of a network from a module class, factory or template and the shape of the data."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from .._compat._torch import Dropout
from ._call import call
from ._masked_autoencoder import MaskedAutoencoder

_FROM_DATA = ("n_features", "n_outputs")
# Packages whose layers draw nothing but by the kinds listed in is_stochastic.
_DETERMINISTIC = ("torch.nn.", __name__.partition(".")[0] + ".")


def build_module(
    module: type[nn.Module] | nn.Module | Callable[..., nn.Module],
    params: Mapping[str, Any],
    shape: Mapping[str, int],
    redraw: bool = False,
) -> nn.Module:
    """Build a new network: a copy of a template, or made by a class or factory with its ``params``.

    Arguments named ``n_features`` and ``n_outputs`` come from ``shape``, unless they are among the params. Weights
    come from torch's global generator; ``redraw`` draws those of a template anew.
    """
    if isinstance(module, nn.Module) and not params:
        network = copy.deepcopy(module)
        if redraw:
            network.apply(_reset)
        return network
    factory = type(module) if isinstance(module, nn.Module) else module
    filled = {name: shape[name] for name in _accepted(factory) if name in shape and name not in params}
    missing = [
        name
        for name, parameter in _accepted(factory).items()
        if parameter.default is parameter.empty and name not in params and name not in filled
    ]
    if missing:
        raise ValueError(
            f"{getattr(factory, '__name__', factory)} learns {' and '.join(missing)} from the data, if these are "
            f"one array: call fit, or set {' and '.join(f'module__{name}' for name in missing)}"
        )
    network = _made(factory, filled, params)
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"module={getattr(factory, '__name__', factory)} must make a torch module, and made {network!r}"
        )
    return network


def materialize(network: nn.Module, example: Any) -> None:
    """Give lazy layers their shapes by calling the network on a few rows; other networks are left alone."""
    if any(is_lazy(p) for p in network.parameters()):
        was_training = network.training
        with torch.no_grad():
            call(network.eval(), example)
        network.train(was_training)


def _made(factory: Callable[..., Any], filled: Mapping[str, int], params: Mapping[str, Any]) -> Any:
    try:
        return factory(**filled, **params)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # from inside the constructor
        arguments = (
            ", ".join(f"module__{name}={value!r}" for name, value in params.items()) or "no module__ parameters"
        )
        name = getattr(factory, "__name__", factory)
        raise TypeError(f"the module {name} cannot be made with {arguments}: {error}") from error


def is_stochastic(network: nn.Module) -> bool:
    """Tell whether the forward pass may draw random numbers: dropout, RReLU, masks, a user's own ``forward``."""
    return any(
        (isinstance(layer, Dropout) and layer.p > 0)
        or isinstance(layer, nn.RReLU | MaskedAutoencoder)
        or not type(layer).__module__.startswith(_DETERMINISTIC)
        for layer in network.modules()
    )


def _accepted(factory: Callable[..., nn.Module]) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}
    return {name: parameters[name] for name in _FROM_DATA if name in parameters}


def _reset(layer: nn.Module) -> None:
    if callable(getattr(layer, "reset_parameters", None)):
        layer.reset_parameters()  # type: ignore[operator]
