"""Calls of a network whose input may have several parts, and what is done with each part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def call(network: nn.Module, X: Any, **more: Any) -> Any:
    """Return what a network puts out: the parts of a dictionary are keyword arguments, as for skorch."""
    return network(**X, **more) if isinstance(X, Mapping) else network(X, **more)


def call_with(network: nn.Module, tensors: Mapping[str, Tensor], X: Any) -> Any:
    """Return what a network puts out with other tensors in place of its own."""
    args, kwargs = ((), dict(X)) if isinstance(X, Mapping) else ((X,), {})
    return torch.func.functional_call(network, dict(tensors), args, kwargs)


def each_part(function: Callable[..., Any], X: Any, *others: Any) -> Any:
    """Apply a function to a tensor, or to each tensor of a dictionary or tuple; ``others`` have the same parts."""
    if isinstance(X, Mapping):
        return {name: each_part(function, part, *(other[name] for other in others)) for name, part in X.items()}
    if isinstance(X, tuple | list):
        return tuple(each_part(function, *parts) for parts in zip(X, *others, strict=True))
    return function(X, *others)


def parts_of(X: Any) -> Iterator[Tensor]:
    """Yield the tensors that an input consists of."""
    if isinstance(X, Tensor):
        yield X
    elif isinstance(X, Mapping | tuple | list):
        for part in X.values() if isinstance(X, Mapping) else X:
            yield from parts_of(part)


def n_rows(X: Any) -> int:
    """Return the number of rows of an input, that of its first part."""
    if type(X) is dict:  # at no cost: each batch is asked
        X = next(iter(X.values()), ())
    if isinstance(X, Tensor):
        return len(X)
    first = next(parts_of(X), None)
    if first is not None:
        return len(first)
    return n_rows(next(iter(X.values()))) if isinstance(X, Mapping) else len(X)


def some_rows(X: Any, index: Any) -> Any:
    """Return what indexing each part gives."""
    return each_part(lambda part: part[index], X)
