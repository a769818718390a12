"""Checks of what a policy is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ._base import InitPolicy


def check_range(
    policy: InitPolicy, name: str, low: float, high: float = float("inf"), exclude_low: bool = False
) -> float:
    """Return a numeric parameter of a policy after checking its range.

    Parameters
    ----------
    policy : InitPolicy
        The policy.
    name : str
        Name of the parameter.
    low, high : float
        Inclusive bounds; infinity itself is never allowed.
    exclude_low : bool, default=False
        Whether the lower bound itself is out of range.

    Returns
    -------
    float
        The value.

    Raises
    ------
    ValueError
        If it is not a number within the bounds.
    """
    value = getattr(policy, name)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high or number == float("inf") or (exclude_low and number == low):
        left, least = ("(", "above") if exclude_low else ("[", "at least")
        bound = f"in {left}{low:g}, {high:g}]" if high != float("inf") else f"{least} {low:g}"
        bound += " and finite" if number == float("inf") else ""
        raise ValueError(f"{name} of {type(policy).__name__} must be a number {bound}, got {value!r}")
    return number


def check_option(policy: InitPolicy, name: str, options: Sequence[str]) -> str:
    """Return a parameter of a policy after checking that it is one of the options.

    Parameters
    ----------
    policy : InitPolicy
        The policy.
    name : str
        Name of the parameter.
    options : sequence of str
        What is allowed.

    Returns
    -------
    str
        The value.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    value = getattr(policy, name)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} of {type(policy).__name__} must be one of {list(options)}, got {value!r}")
    return value


def check_count(policy: InitPolicy, name: str, low: int = 1) -> int:
    """Return a whole number that is a parameter of a policy, after checking it.

    Parameters
    ----------
    policy : InitPolicy
        The policy.
    name : str
        Name of the parameter.
    low : int, default=1
        The least allowed value.

    Returns
    -------
    int
        The value.

    Raises
    ------
    ValueError
        If it is no whole number, or less.
    """
    value = getattr(policy, name)
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise ValueError(f"{name} of {type(policy).__name__} must be an integer of at least {low}, got {value!r}")
    return int(value)


def check_finite(policy: InitPolicy, tensors: Mapping[str, Tensor], what: str = "previous weights") -> None:
    """Refuse numbers of which nothing sensible can be made.

    Parameters
    ----------
    policy : InitPolicy
        Who asks.
    tensors : mapping of str to Tensor
        The numbers, by name.
    what : str, default="previous weights"
        What they are.

    Raises
    ------
    ValueError
        If one of them is infinite or no number.
    """
    bad = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise ValueError(
            f"{type(policy).__name__} cannot start from {what} that are not finite: {', '.join(bad)}. "
            "Start cold, or from an earlier state"
        )
