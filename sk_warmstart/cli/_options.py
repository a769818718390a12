"""Options of the command as parameters of the comparison."""

from __future__ import annotations

import argparse
import os
from ast import literal_eval
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from sklearn.model_selection import TimeSeriesSplit

from ..comparison import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from ..policies import policy_names, resolve_policy
from ._table import Reading, TableData
from .reading._columns import ColumnRules
from .reading._file import FileFormat

DEFAULT_PHASES = 5
_BYTES_A_WEIGHT = 128  # itself, its gradient and two moments, in each of several fits


def make_phases(options: argparse.Namespace, data: TableData) -> Any:
    """Return how the rows arrive, or raise a ValueError if the options do not go together."""
    for name in ("sliding", "window"):
        if getattr(options, name) and options.time is None:
            raise ValueError(f"--{name} needs --time, the column that orders the rows")
    if options.new_only and not data.n_old:
        raise ValueError("--new-only needs two files, an old table and a new one")
    if options.classes and (options.time is not None or data.n_old or data.task != "classification"):
        raise ValueError("--classes is for one table of classes, without --time")
    if options.time is not None:
        if options.test_size is not None:
            raise ValueError("--test-size does not go with --time: what comes next is what tests")
        return _in_time(options, data)
    share = {} if options.test_size is None else {"test_size": options.test_size}
    if data.n_old:
        n_phases = 2 if options.phases is None else options.phases
        return OldAndNew(data.n_old, n_phases, keep_old=not options.new_only, **share)
    kind = ClassIncremental if options.classes else DataIncremental
    return kind(DEFAULT_PHASES if options.phases is None else options.phases, **share)


def _in_time(options: argparse.Namespace, data: TableData) -> Any:
    """Return phases that follow time."""
    if options.every is not None:
        if options.groups is not None:
            raise ValueError("--every groups the rows by time already: leave --groups out")
        if options.phases is not None:
            raise ValueError("--every says how many phases there are: leave --phases out")
        return RollingWindow(
            1 if options.window is None else options.window, step=1, expanding=not options.sliding
        )
    n_phases = DEFAULT_PHASES if options.phases is None else options.phases
    if not options.sliding and options.window is None:
        return TimeSeriesSplit(n_phases)
    window = options.window
    if window is None:
        window = len(data.y) // (n_phases + 1)
    elif options.phases is not None:
        raise ValueError("--window says how many phases there are: leave --phases out")
    return RollingWindow(window, expanding=not options.sliding)


def reading_of(options: argparse.Namespace) -> Reading:
    """Return how the tables are written, as the user says."""
    rules = ColumnRules(options.decimal, options.day_first, frozenset(options.missing), frozenset(options.text))
    return Reading(FileFormat(options.sep, options.encoding), rules, options.task)


def check_device(name: str | None) -> None:
    """Raise a ValueError unless there is such a device."""
    if name is None:
        return
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise ValueError(f"--device {name} holds no numbers: cpu or cuda")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"--device {name} cannot be used: {reason}") from None


def check_size(hidden: Sequence[int] | None, n_features: int) -> None:
    """Raise a ValueError where a network is larger than the memory."""
    if hidden is None:
        return
    if min(hidden) < 1:
        raise ValueError(f"--hidden takes numbers of units of at least 1, got {min(hidden)}")
    sizes = [n_features, *hidden]
    weights = sum(before * after for before, after in pairwise(sizes))
    needed = weights * _BYTES_A_WEIGHT
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**40
    if needed > memory:
        raise ValueError(
            f"--hidden {' '.join(map(str, hidden))} makes {weights:,} weights, which need {needed / 2**30:,.0f} "
            "GB: "
            "fewer units"
        )


def make_tune(options: list[str]) -> dict[str, dict[str, list[Any]]] | None:
    """Return parameter grids by policy, from options of the form policy.parameter=value,value."""
    grids: dict[str, dict[str, list[Any]]] = {}
    for option in options:
        name, equals, values = option.partition("=")
        arm, point, parameter = name.partition(".")
        if not (arm and point and parameter and equals and values):
            raise ValueError(f"--tune takes policy.parameter=value,value, got {option!r}")
        own = arm in policy_names() and parameter in resolve_policy(arm).get_params()
        grids.setdefault(arm, {})[f"init_policy__{parameter}" if own else parameter] = [
            _value(value) for value in values.split(",")
        ]
    return grids or None


def training_params(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of the network that the user set."""
    stopping = {"yes": True, "no": False}.get(options.early_stopping or "")
    given = {
        "max_epochs": options.epochs,
        "module__hidden_layer_sizes": None if options.hidden is None else tuple(options.hidden),
        "lr": options.lr,
        "batch_size": options.batch_size,
        "early_stopping": stopping,
        "device": options.device,
    }
    return {name: value for name, value in given.items() if value is not None}


def _value(text: str) -> Any:
    """Return the number that a text stands for, or the text."""
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text
