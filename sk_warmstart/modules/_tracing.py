"""Forward hooks on the layers of a network: what each layer is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Call:
    """One call of a layer; the tensors are the network's own, detached."""

    name: str
    layer: nn.Module
    given: Tensor
    result: Tensor


@contextmanager
def hooked(
    network: nn.Module,
    layers: Collection[str],
    before: Callable[[str, Tensor], None] | None = None,
    after: Callable[[Call], Tensor | None] | None = None,
) -> Iterator[None]:
    """Call ``before(name, given)`` and ``after(call)`` around each call of the layers that maps tensor to tensor.

    A tensor that ``after`` returns replaces the layer's result.
    """
    handles = []

    def hook(name: str, layer: nn.Module) -> None:
        def on_input(_: nn.Module, args: tuple, kwargs: dict) -> None:
            given = _first_argument(args, kwargs)
            if before is not None and isinstance(given, Tensor):
                before(name, given)

        def on_result(_: nn.Module, args: tuple, kwargs: dict, result: Any) -> Tensor | None:
            given = _first_argument(args, kwargs)
            if after is None or not isinstance(given, Tensor) or not isinstance(result, Tensor):
                return None
            return after(Call(name, layer, given.detach(), result.detach()))

        if before is not None:
            handles.append(layer.register_forward_pre_hook(on_input, with_kwargs=True))
        if after is not None:
            handles.append(layer.register_forward_hook(on_result, with_kwargs=True))

    for name, layer in network.named_modules():
        if name in layers:
            hook(name, layer)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _first_argument(args: tuple, kwargs: dict[str, Any]) -> Any:
    """Return what a layer is given, be it by position or by keyword."""
    return next(iter([*args, *kwargs.values()]), None)
