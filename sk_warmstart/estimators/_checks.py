"""Parameters that are out of their range, said before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import torch

from ..training import AUTOCAST
from ._contract import resolve_device


def check_params(params: Mapping[str, Any]) -> None:
    """Check the parameters that this library adds, and skorch's that would fail late.

    Parameters
    ----------
    params : mapping
        Values by name; names without a rule are not checked.

    Raises
    ------
    ValueError
        Naming the parameter, what it may be and what it is.
    """
    for name, (allowed, rule) in _RULES.items():
        if name in params and not rule(params[name]):
            raise ValueError(f"The {name!r} parameter must be {allowed}, got {params[name]!r} instead")
    _check_autocast(params)


def _check_autocast(params: Mapping[str, Any]) -> None:
    autocast = params.get("autocast")
    if autocast is None:
        return
    if params.get("dtype") == "float64":
        raise ValueError(f"autocast={autocast!r} leaves float64 as it is: set dtype to 'float32' or 'auto'")
    device = torch.device(resolve_device(params.get("device")) or "cpu")
    if autocast == "float16" and device.type != "cuda":
        raise ValueError(
            f"autocast='float16' needs its gradients scaled, which torch does on CUDA, not on {device.type!r}: "
            "use autocast='bfloat16'"
        )


def _is_int(value: Any, low: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(float(value))


def _one_of(*options: str) -> tuple[str, Callable[[Any], bool]]:
    listed = ", ".join(map(repr, options))
    return (
        f"one of {listed}" if len(options) > 1 else listed,
        lambda value: isinstance(value, str) and value in options,
    )


_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "max_epochs": ("an integer of at least 0", lambda v: _is_int(v, 0)),
    "batch_size": ("a positive integer, or -1 for all rows", lambda v: _is_int(v, 1) or v == -1),
    "lr": ("a number of at least 0", lambda v: not _is_real(v) or float(v) >= 0),
    "warm_start": ("True or False", lambda v: isinstance(v, bool | int) and v in (0, 1)),
    "optimizer_state": _one_of("reset", "keep", "mask"),
    "schema": _one_of("strict", "adapt"),
    "standardize": ("True or False", lambda v: isinstance(v, bool | int) and v in (0, 1)),
    "dtype": _one_of("auto", "float32", "float64"),
    "autocast": (
        "None or one of 'bfloat16', 'float16'",
        lambda v: v is None or (isinstance(v, str) and v in AUTOCAST),
    ),
    "early_stopping": ("True or False", lambda v: isinstance(v, bool | int) and v in (0, 1)),
    "validation_fraction": ("a number in (0, 1)", lambda v: _is_real(v) and 0 < float(v) < 1),
    "n_iter_no_change": (
        "an integer of at least 1, or infinity",
        lambda v: _is_int(v, 1) or v == math.inf,
    ),
    "tol": ("a number of at least 0", lambda v: _is_real(v) and float(v) >= 0),
}
