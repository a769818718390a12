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
