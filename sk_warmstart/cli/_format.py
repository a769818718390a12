"""The gain table on a terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd


def format_gain(gain: pd.DataFrame) -> str:
    """Lay the gain table of a comparator out for a terminal."""
    rows = [row for _, row in gain.iterrows()]
    table = pd.DataFrame(
        {
            "score": gain["score"].map("{:.4f}".format),
            "gain": [_with_interval(row, "gain", "{:+.4f}") for row in rows],
            "P(better)": gain["p_better"].map(_percent),
            "P(equivalent)": gain["p_equivalent"].map(_percent),
            "P(worse)": gain["p_worse"].map(_percent),
            "speed-up": [_with_interval(row, "speedup", "{:.2g}") for row in rows],
            "reached": gain["reached"].map(_percent),
            "seconds": gain["seconds"].map("{:.2f}".format),
            "verdict": gain["verdict"],
            "cost": gain["cost"],
        }
    )
    table.index.name = None
    return "\n".join(line.rstrip() for line in table.to_string().splitlines())


def _with_interval(row: pd.Series, name: str, form: str) -> str:
    """Return a number with its interval; a dash where there is none."""
    if row["verdict"] == "reference" or not np.isfinite(row[name]):
        return "-"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if np.isnan(low) and np.isnan(high) else f" [{form.format(low)}, {form.format(high)}]"
    return form.format(row[name]) + interval


def _percent(value: float) -> str:
    """Return a share in percent; a dash where it is unknown."""
    return f"{value:.0%}" if np.isfinite(value) else "-"
