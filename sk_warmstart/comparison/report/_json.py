"""A comparison as plain data, for machines."""

from __future__ import annotations

import json
import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from ._versions import versions
from .displays._style import require_fitted

_FORMAT = 1


def as_dict(comparator: Any) -> dict[str, Any]:
    """Return all that a fitted comparator found as strict JSON.

    Numbers keep their full precision. What is not a number is None, and an infinite one is the string
    ``"Infinity"`` or ``"-Infinity"``; ``astype(float)`` reads both. A table has ``columns`` and ``data``, a list a
    row, and ``keys``: those of its columns that are its index.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    dict
        ``format`` (1), ``settings``, ``versions``, ``score``, ``reference``, ``rope``, ``confidence``,
        ``n_repeats``, ``fixed_splits``, ``interrupted``, ``verdict``, ``advice``, ``best_policy``, and the tables
        ``gain``, ``results`` and ``curves``; ``stages`` is a dict of tables.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_warmstart.comparison.report._json import table_as_dict
    >>> gain = pd.DataFrame({"gain": [0.0, 0.03]}, index=pd.Index(["cold", "warm"], name="arm"))
    >>> table = table_as_dict(gain)
    >>> table
    {'keys': ['arm'], 'columns': ['arm', 'gain'], 'data': [['cold', 0.0], ['warm', 0.03]]}
    >>> pd.DataFrame(table["data"], columns=table["columns"]).set_index(table["keys"]).equals(gain)
    True
    """
    require_fitted(comparator, "gain_")
    return {
        "format": _FORMAT,
        "settings": {str(name): plain(value) for name, value in comparator.settings_.items()},
        "versions": versions(),
        "score": comparator.scorer_name_,
        "reference": comparator.reference_,
        "rope": plain(comparator.rope),
        "confidence": plain(comparator.confidence),
        "n_repeats": plain(comparator.n_repeats),
        "fixed_splits": bool(comparator.fixed_splits_),
        "interrupted": getattr(comparator, "interrupted_", None),
        "verdict": [str(line) for line in comparator.verdict_],
        "advice": getattr(comparator, "advice_", None),
        "best_policy": getattr(comparator, "best_policy_", None),
        "gain": table_as_dict(comparator.gain_),
        "results": table_as_dict(comparator.results_),
        "curves": table_as_dict(comparator.curves_),
        "stages": {name: table_as_dict(table) for name, table in getattr(comparator, "stages_", {}).items()},
    }


def as_json(comparator: Any) -> str:
    """Write :func:`as_dict` as a JSON text, one key a line.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        The text. Equal results give equal bytes.
    """
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, allow_nan=False, ensure_ascii=False)}"
        for name, value in as_dict(comparator).items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def table_as_dict(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a table as plain data.

    Parameters
    ----------
    table : DataFrame
        Any; an index that only counts is left out.

    Returns
    -------
    dict
        ``keys``, ``columns`` and ``data``.
    """
    counted = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    names = enumerate(table.index.names)
    keys = [] if counted else [f"level_{i}" if name is None else str(name) for i, name in names]
    rows = table if counted else table.rename_axis(keys).reset_index()
    return {
        "keys": keys,
        "columns": [str(column) for column in rows.columns],
        "data": [[plain(value) for value in row] for row in rows.itertuples(index=False, name=None)],
    }


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a missing one is None, infinity a string, and what JSON lacks its text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if not isinstance(value, Real):
        return None if value is pd.NA else str(value)
    number = float(value)
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
