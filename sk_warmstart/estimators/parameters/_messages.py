"""Errors for modules, criteria and optimisers that cannot be made or do not fit the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .._protocol import WarmStartNet

# Words of torch's about what does not fit, as against what fails by itself.
_MISFIT = ("shape", "size", "channel", "dimension", "dtype", "scalar type", "cannot be multiplied", "elements")


def check_buildable(params: Mapping[str, Any]) -> None:
    """Check what is built as soon as it is set."""
    for name, (allowed, rule) in BUILT_AT_ONCE.items():
        if name in params and not rule(params[name]):
            raise ValueError(f"The {name!r} parameter must be {allowed}, got {params[name]!r} instead")


def _are_callbacks(value: Any) -> bool:
    """Whether each entry is a callback or the class of one, perhaps with a name."""
    if value is None or (isinstance(value, str) and value == "disable"):
        return True
    if not isinstance(value, list | tuple):
        return False
    given = [entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry for entry in value]
    return all(callback is None or hasattr(callback, "on_train_begin") for callback in given)


BUILT_AT_ONCE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "criterion": ("a loss or its class, such as torch.nn.CrossEntropyLoss", callable),
    "callbacks": ("None, 'disable', or a list of callbacks or of (name, callback)", _are_callbacks),
}


def unmakeable(what: str, cls: Any, params: Mapping[str, Any], error: Exception) -> TypeError:
    """Return what to say of a part whose constructor refuses its arguments."""
    given = ", ".join(f"{name}={value!r}" for name, value in params.items()) or "no arguments"
    name = getattr(cls, "__name__", cls)
    return TypeError(f"the {what} {name} cannot be made with {given}: {_first_line(error)}")


def is_misfit(error: RuntimeError) -> bool:
    """Tell whether an error of torch's says that shapes or dtypes do not go together."""
    return not isinstance(error, torch.OutOfMemoryError) and any(word in str(error) for word in _MISFIT)


def is_misfit_of_loss(criterion: Any, error: Exception) -> bool:
    """Tell whether a loss failed because of what it was given; one of the user's own may fail in other ways."""
    if isinstance(error, RuntimeError) and is_misfit(error):
        return True
    known = type(criterion).__module__.startswith("torch.")
    return known and not isinstance(error, torch.OutOfMemoryError) and "CUDA" not in str(error)


def misfit_of_module(module: Any, X: Any, error: Exception) -> ValueError:
    """Return what to say of a module that cannot take the rows."""
    if isinstance(X, Mapping) and all(isinstance(part, torch.Tensor) for part in X.values()):
        parts = ", ".join(
            f"{name!r} of shape {tuple(part.shape[1:])} and {part.dtype}" for name, part in X.items()
        )
        rows, advice = f"rows with the parts {parts}", "Its forward is given the parts by name, in these shapes"
    else:
        rows = f"rows of shape {tuple(X.shape[1:])} and {X.dtype}" if isinstance(X, torch.Tensor) else "these rows"
        advice = (
            "Let it take an argument n_features, which is filled in, or give it as many inputs as X has columns"
        )
    return ValueError(
        f"the module {type(module).__name__} does not fit the data, {rows}. {advice}. torch says: "
        f"{_first_line(error)}"
    )


@contextmanager
def words_for_lookups(net: WarmStartNet, X: Any) -> Iterator[None]:
    """Say what rows hold and what embeddings have where torch only says that an index is out of range."""
    try:
        yield
    except IndexError as error:
        if "index out of range in self" not in str(error):
            raise
        sizes = [
            f"{name or type(layer).__name__} has {layer.num_embeddings}"
            for name, layer in net._network().named_modules()
            if isinstance(layer, nn.Embedding | nn.EmbeddingBag)
        ]
        parts = (
            X.items() if isinstance(X, Mapping) else enumerate(X) if isinstance(X, list | tuple) else [("X", X)]
        )
        held = [f"{name!r} holds {part.min()} to {part.max()}" for name, part in parts if _is_whole(part)]
        raise ValueError(
            f"the rows hold a whole number that the network cannot look up: {', '.join(held) or 'X'}, and "
            f"{', '.join(sizes[:5])} entries, numbered from 0. Build it with as many as the tokenizer's "
            "vocabulary or the encoder's categories, and encode what is unknown as one of them"
        ) from error


def _is_whole(part: Any) -> bool:
    dtype = str(getattr(part, "dtype", "")).removeprefix("torch.")
    return dtype.startswith(("int", "uint")) and len(part) > 0


def misfit_of_criterion(criterion: Any, y_pred: Any, y_true: Any, error: Exception) -> ValueError:
    """Return what to say of a criterion that cannot take output and target."""
    sides = [
        f"{name} of shape {tuple(part.shape)} and {part.dtype}" if isinstance(part, torch.Tensor) else name
        for name, part in (("an output", y_pred), ("a target", y_true))
    ]
    if not isinstance(y_pred, torch.Tensor):
        sides[0] += f" that is a {type(y_pred).__name__}"
    return ValueError(
        f"the criterion {type(criterion).__name__} cannot compare {' with '.join(sides)}. Use one that suits the "
        f"targets, and a module with as many outputs as they need. torch says: {_first_line(error)}"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
