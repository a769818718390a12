"""Numbers as the report writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

NOTHING = "\N{EN DASH}"


def decimals_of(gain: pd.DataFrame, rope: float) -> int:
    """Digits after the point of scores: they show a tenth of the ROPE, or of the intervals where it is zero."""
    unit = rope
    if not unit > 0:
        widths = (gain["gain_high"] - gain["gain_low"]).to_numpy(dtype=float)
        widths = widths[np.isfinite(widths) & (widths > 0)]
        unit = float(np.median(widths)) if widths.size else 0.01
    return int(np.clip(math.ceil(-math.log10(unit)) + 1, 0, 8))


def decimals_for(values: Sequence[float]) -> int:
    """Digits after the point with which the largest of some numbers has four that count, and no more than 6."""
    largest = max(map(abs, values), default=0.0)
    return int(np.clip(3 - math.floor(math.log10(largest)), 0, 6)) if largest > 0 else 0


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """Write a number with so many digits after the point; nothing rounds to a signed zero."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if round(value, decimals) == 0:
        return text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def percent(share: float, *, whole: bool = False) -> str:
    """Write a share; what is not quite none or all is never rounded to it."""
    if not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.0f}%" if whole or share in (0, 1) else f"{100 * share:.1f}%"


def p_value(value: float) -> str:
    """Write a p-value to three digits after the point."""
    if not math.isfinite(value):
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def ratio(value: float) -> str:
    """Write a factor to two digits or so."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def general(value: float) -> str:
    """Write any number to four significant digits, whole ones whole."""
    if not math.isfinite(value):
        return NOTHING
    if value == int(value) and abs(value) < 1e9:
        text = f"{int(value):,}"
    else:
        text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def interval(low: str, high: str) -> str:
    """Write an interval, where there is one."""
    return "" if NOTHING in (low, high) else f"[{low},\N{NO-BREAK SPACE}{high}]"


def factor(value: float) -> str:
    """Write a speed-up."""
    return NOTHING if not math.isfinite(value) else f"{ratio(value)}x"
