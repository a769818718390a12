"""A CUDA graph for the CPU: the operations of a function, repeated on the tensors that they had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class Recorder:
    """Records as CUDA does: Python runs once, no tensor changes, and every address stays what it was.

    Attributes
    ----------
    captured, replayed : int
        How often something was.
    """

    def __init__(self, fails: bool = False):
        self.fails, self.captured, self.replayed, self.warmed = fails, 0, 0, 0

    def warm(self, function: Callable[[], None]) -> str | None:
        self.warmed += 1
        with _Log() as log:
            function()
        return "it waits for the device" if log.waits else None

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        drawn = torch.get_rng_state()
        with _Log() as log:
            function()
        torch.set_rng_state(drawn)
        with torch.no_grad():
            for tensor, before in reversed(log.changed):
                tensor.copy_(before)
        self.captured += 1
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")

        def replay() -> None:
            self.replayed += 1
            with torch.no_grad():
                for operation, args, kwargs, results in log.done:
                    for new, there in zip(tree_flatten(operation(*args, **kwargs))[0], results, strict=True):
                        if isinstance(there, torch.Tensor) and new.data_ptr() != there.data_ptr():
                            there.copy_(new)

        return replay


class _Log(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.done: list[Any] = []
        self.changed: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.waits = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.waits |= func is torch.ops.aten._local_scalar_dense.default
        given = {
            argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)
        } | kwargs
        for argument in func._schema.arguments:
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in tree_flatten(given.get(argument.name))[0]:
                    if isinstance(tensor, torch.Tensor):
                        self.changed.append((tensor, tensor.clone()))
        if func is torch.ops.aten.native_batch_norm.default:  # its schema does not tell
            self.changed += [(tensor, tensor.clone()) for tensor in args[3:5]]
        result = func(*args, **kwargs)
        self.done.append((func, args, kwargs, tree_flatten(result)[0]))
        return result
