"""Augmentation of training batches, where they lie."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ._random import RandomStreams


class Augmentation:
    """What changes the rows of each training batch: the user's ``(X, generator) -> X``.

    Each batch has a seed of its own, from a stream on the CPU: where it stands does not depend on the device.
    """

    def __init__(self, function: Callable[[Any, torch.Generator], Any], streams: RandomStreams, device: Any):
        self._function, self._streams, self._device = function, streams, device
        self._generator: torch.Generator | None = None
        self._finite: bool | None = None

    def drawn(self) -> Callable[[], None]:
        """Return what puts its random numbers back to where they stand."""
        return functools.partial(self._streams.restore, self._streams.state())

    def __call__(self, X: Any) -> Any:
        """Return a batch augmented, of the same kind; the one given may be changed in place."""
        X = _moved(X, self._device)
        tensors = _tensors(X)
        device = tensors[0].device if tensors else torch.device("cpu")
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device)
        self._generator.manual_seed(self._streams.augmentation_seed())
        kind, finite = _kind(X), self._finite is None and _is_finite(tensors)
        with torch.no_grad():
            result = self._function(X, self._generator)
        if _kind(result) != kind:
            raise ValueError(
                f"augment must return rows of the shape, dtype and device that it is given: {_said(kind)}; "
                f"{self._function!r} returned {_said(_kind(result))}"
            )
        if self._finite is None:  # looked at once: it waits for the device
            if finite and not _is_finite(_tensors(result)):
                raise ValueError(f"augment must return finite numbers, and {self._function!r} returned others")
            self._finite = True
        return result


def _moved(X: Any, device: Any) -> Any:
    """What a DataLoader gives may still be elsewhere."""
    if isinstance(X, Tensor):
        return X if device is None else X.to(device)
    if isinstance(X, Mapping):
        return {name: _moved(part, device) for name, part in X.items()}
    return tuple(_moved(part, device) for part in X) if isinstance(X, tuple | list) else X


def _tensors(X: Any) -> list[Tensor]:
    if isinstance(X, Tensor):
        return [X]
    parts = X.values() if isinstance(X, Mapping) else X if isinstance(X, tuple | list) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _is_finite(tensors: list[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors if tensor.is_floating_point())


def _kind(X: Any) -> Any:
    """Shapes, dtypes and devices, to compare."""
    if isinstance(X, Tensor):
        return X.shape, X.dtype, X.device
    if isinstance(X, Mapping):
        return {name: _kind(part) for name, part in X.items()}
    return [_kind(part) for part in X] if isinstance(X, tuple | list) else type(X)


def _said(kind: Any) -> str:
    if isinstance(kind, dict):
        return "{" + ", ".join(f"{name!r}: {_said(part)}" for name, part in kind.items()) + "}"
    if isinstance(kind, list):
        return f"({', '.join(map(_said, kind))})"
    if isinstance(kind, tuple):
        shape, dtype, device = kind
        return f"a tensor of shape {tuple(shape)}, {str(dtype).removeprefix('torch.')}, on {device}"
    return f"a {kind.__name__}"
