"""Checks of numbers, counts, options and flags that a user sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np


def is_integer(value: Any, least: int | None = None) -> bool:
    """Tell whether a value is a whole number; True and False are none."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    return whole and (least is None or int(value) >= least)


def is_number(value: Any) -> bool:
    """Tell whether a value is a real number; True, False and NaN are none."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not math.isnan(float(value))


def is_flag(value: Any) -> bool:
    """Tell whether a value is True or False, or 1 or 0."""
    return isinstance(value, bool | np.bool_ | Integral) and value in (0, 1)


def check_integer(name: str, value: Any, least: int = 1, optional: bool = False) -> int:
    """Return a whole number, or raise a ValueError; an optional one may also be None, which is returned as 0."""
    if optional and value is None:
        return 0
    if not is_integer(value, least):
        rest = " or None" if optional else ""
        raise ValueError(f"{name} must be an integer of at least {least}{rest}, got {value!r}")
    return int(value)


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    exclude: str = "",
) -> float:
    """Return a finite number within the bounds, or raise a ValueError; exclude="low" or "high" opens an end."""
    number = float(value) if is_number(value) else math.nan
    below = not low <= number or ("low" in exclude and number == low)
    above = not number <= high or ("high" in exclude and number == high)
    if below or above or math.isinf(number):
        raise ValueError(f"{name} must be a number {_bounds(low, high, exclude)}, got {value!r}")
    return number


def check_option(name: str, value: Any, options: Sequence[str]) -> str:
    """Return one of the options, or raise a ValueError."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {list(options)}, got {value!r}")
    return value


def check_flag(name: str, value: Any) -> bool:
    """Return True or False, or raise a ValueError."""
    if not is_flag(value):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _bounds(low: float, high: float, exclude: str) -> str:
    if math.isinf(low) and math.isinf(high):
        return "that is finite"
    if math.isinf(high):
        return f"{'above' if 'low' in exclude else 'of at least'} {low:g} and finite"
    return f"in {'(' if 'low' in exclude else '['}{low:g}, {high:g}{')' if 'high' in exclude else ']'}"
