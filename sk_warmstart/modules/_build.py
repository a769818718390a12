"""From a module class, factory or template and the shape of the data to a new network."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_FROM_DATA = ("n_features", "n_outputs")


def build_module(
    module: type[nn.Module] | nn.Module | Callable[..., nn.Module],
    params: Mapping[str, Any],
    shape: Mapping[str, int],
    redraw: bool = False,
) -> nn.Module:
    """Build a new network.

    Arguments named ``n_features`` and ``n_outputs`` are filled from the data, unless given. Weights come
    from torch's global generator, as the module's own constructor draws them.

    Parameters
    ----------
    module : class, callable or nn.Module
        What to build from. An instance is a template: it is copied with its weights and never changed.
    params : mapping
        Arguments of the constructor. With a template they make a new instance of its class.
    shape : mapping
        Values for ``n_features`` and ``n_outputs``.
    redraw : bool, default=False
        Draw the weights of a copied template anew, by each layer's own ``reset_parameters``.

    Returns
    -------
    nn.Module
        A new network.

    Raises
    ------
    ValueError
        If the constructor needs a size that is neither given nor known yet.
    TypeError
        If the constructor does not take the arguments, or makes something else.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.modules import build_module
    >>> class Linear(nn.Linear):
    ...     def __init__(self, n_features, n_outputs):
    ...         super().__init__(n_features, n_outputs)
    >>> build_module(Linear, params={}, shape={"n_features": 4, "n_outputs": 3})
    Linear(in_features=4, out_features=3, bias=True)
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
            f"{getattr(factory, '__name__', factory)} learns {' and '.join(missing)} from the data: call fit, "
            f"or set {' and '.join(f'module__{name}' for name in missing)}"
        )
    network = _made(factory, filled, params)
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"module={getattr(factory, '__name__', factory)} must make a torch module, and made {network!r}"
        )
    return network


def materialize(network: nn.Module, example: Tensor) -> None:
    """Give lazy layers their shapes by showing them a few rows; other networks are left alone.

    Parameters
    ----------
    network : nn.Module
        The network.
    example : Tensor
        Some rows of the data.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_warmstart.modules import materialize
    >>> network = nn.Sequential(nn.LazyLinear(3))
    >>> materialize(network, torch.zeros(2, 5))
    >>> network[0].in_features
    5
    """
    if any(is_lazy(p) for p in network.parameters()):
        was_training = network.training
        with torch.no_grad():
            network.eval()(example)
        network.train(was_training)


def _made(factory: Callable[..., Any], filled: Mapping[str, int], params: Mapping[str, Any]) -> Any:
    try:
        return factory(**filled, **params)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # from inside the constructor
        told = ", ".join(f"module__{name}={value!r}" for name, value in params.items()) or "no module__ parameters"
        name = getattr(factory, "__name__", factory)
        raise TypeError(f"the module {name} cannot be made with {told}: {error}") from error


_KNOWN = ("torch.nn.", __name__.partition(".")[0] + ".")


def is_stochastic(network: nn.Module) -> bool:
    """Tell whether a network may draw random numbers in its forward pass.

    Parameters
    ----------
    network : nn.Module
        The network.

    Returns
    -------
    bool
        True if it has an active dropout, a randomised activation, or a layer of a user's own class, whose
        ``forward`` may do anything.

    Examples
    --------
    >>> from torch import nn
    >>> from sk_warmstart.modules import is_stochastic
    >>> is_stochastic(nn.Linear(2, 2)), is_stochastic(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))
    (False, True)
    """
    return any(
        (isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0)
        or isinstance(layer, nn.RReLU)
        or not type(layer).__module__.startswith(_KNOWN)
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
