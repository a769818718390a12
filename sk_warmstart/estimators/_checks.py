"""Parameters that are out of their range, said before anything is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any


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
    "early_stopping": ("True or False", lambda v: isinstance(v, bool | int) and v in (0, 1)),
    "validation_fraction": ("a number in (0, 1)", lambda v: _is_real(v) and 0 < float(v) < 1),
    "n_iter_no_change": (
        "an integer of at least 1, or infinity",
        lambda v: _is_int(v, 1) or v == math.inf,
    ),
    "tol": ("a number of at least 0", lambda v: _is_real(v) and float(v) >= 0),
}
