"""Options of the command as parameters of the comparison."""

from __future__ import annotations

import argparse
from ast import literal_eval
from typing import Any

from sklearn.model_selection import TimeSeriesSplit

from ..comparison import ClassIncremental, DataIncremental, OldAndNew, RollingWindow
from ..policies import policy_names, resolve_policy
from ._table import TableData

DEFAULT_PHASES = 5


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
