"""The gain table on a terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

_TWO = "{:.2g}"
_BOUNDS = {"at most": "\u2264", "at least": "\u2265"}


def format_gain(gain: pd.DataFrame) -> str:
    """Lay the gain table out for a terminal.

    Parameters
    ----------
    gain : DataFrame
        ``WarmStartComparator.gain_``.

    Returns
    -------
    str
        The table.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier, WarmStartComparator
    >>> from sk_warmstart.cli import format_gain
    >>> X, y = load_iris(return_X_y=True)
    >>> arms = "cold", "warm"
    >>> comparator = WarmStartComparator(WarmStartClassifier(max_epochs=2), arms, n_repeats=2).fit(X, y)
    >>> print(format_gain(comparator.gain_))
    score ... verdict cost
    cold ... reference
    warm ...
    """
    rows = [row for _, row in gain.iterrows()]
    table = pd.DataFrame(
        {
            "score": gain["score"].map("{:.4f}".format),
            "gain": [_with_interval(row, "gain", "{:+.4f}") for row in rows],
            "P(better)": gain["p_better"].map(_percent),
            "P(equivalent)": gain["p_equivalent"].map(_percent),
            "P(worse)": gain["p_worse"].map(_percent),
            "speed-up": [
                _BOUNDS.get(r["speedup_bound"], "") + _with_interval(r, "speedup", "{:.2g}") for r in rows
            ],
            "reached": gain["reached"].map(_percent),
            "seconds": gain["seconds"].map("{:.2f}".format),
            "verdict": gain["verdict"],
            "cost": gain["cost"],
        }
    )
    table.index.name = None
    return "\n".join(line.rstrip() for line in table.to_string().splitlines())


def _with_interval(row: pd.Series, name: str, form: str) -> str:
    if row["verdict"] == "reference" or not np.isfinite(row[name]):
        return "-"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if np.isnan(low) and np.isnan(high) else f" [{form.format(low)}, {form.format(high)}]"
    return form.format(row[name]) + interval


def _percent(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "-"
