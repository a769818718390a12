"""The report: one self-contained page that says which start won, by how much, and how sure that is."""

from __future__ import annotations

import math
import platform
import re
from html import escape
from importlib import metadata, resources
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._displays import (
    METRICS,
    VERDICTS,
    LearningCurvesDisplay,
    WarmStartGainDisplay,
    arm_legend,
    arm_styles,
    require_fitted,
)
from ._stage_tables import stage_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

_NOTHING = "\u2013"
_SYMBOLS = {
    "beneficial": "\u25b2",
    "neutral": "\u25cf",
    "detrimental": "\u25bc",
    "undecided": "\u25c6",
    "failed": "\u2715",
}
_PACKAGES = ("sk-warmstart", "scikit-learn", "torch", "skorch", "numpy", "pandas", "scipy")
# Matplotlib writes black fills by leaving the fill out, so ink gets a colour that can be found and replaced.
_INK = "#010203"
_RC: dict[Any, Any] = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "font.size": 10,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def write_report(comparator: Any, path: str | Path) -> Path:
    """Write the report of a fitted comparator to one HTML file that needs no network.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.
    path : str or Path
        File to write; an existing one is replaced.

    Returns
    -------
    Path
        The file written.
    """
    page = render_report(comparator)
    path = Path(path)
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def render_report(comparator: Any) -> str:
    """Render the report of a fitted comparator as one HTML page.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        The page. Equal results give equal bytes: it carries no date and no random identifier.
    """
    require_fitted(comparator, "gain_")
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError(
            "The report needs matplotlib and jinja2, and one of them is not installed: "
            "pip install sk-warmstart[report]"
        ) from error
    source = resources.files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(_content(comparator)) + "\n"


def short_html(comparator: Any) -> str:
    """Render the verdict and the gain table as a small piece of HTML, for a notebook.

    Needs neither matplotlib nor jinja2.

    Parameters
    ----------
    comparator : WarmStartComparator
        A fitted comparator.

    Returns
    -------
    str
        An HTML fragment.
    """
    require_fitted(comparator, "gain_")
    columns = {"arm": "arm", "verdict": "verdict", "score": "score", "gain": "gain", "speedup": "speed-up"}
    head = "".join(f'<th style="text-align:left">{title}</th>' for title in columns.values())
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(row[key])}</td>' for key in columns) + "</tr>"
        for row in _gain_rows(comparator)
    )
    sentences = "".join(f'<p style="margin:.2em 0">{escape(line)}</p>' for line in _sentences(comparator))
    caveat = "<p><em>Time fixed the splits: this holds for this stream of data only.</em></p>"
    return (
        f'<div class="sk-warmstart">{sentences}{caveat if comparator.fixed_splits_ else ""}'
        f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _content(comparator: Any) -> dict[str, Any]:
    phases = sorted(comparator.results_["phase"].unique().tolist())
    return {
        "best_policy": getattr(comparator, "best_policy_", None),
        "sentences": _sentences(comparator),
        "gain_rows": _gain_rows(comparator),
        "gain_plot": _gain_plot(comparator),
        "curve_plots": _curve_plots(comparator),
        "last_curve_phase": None if comparator.curves_.empty else int(comparator.curves_["phase"].max()),
        "phases": [_phase_header(comparator.results_, phase) for phase in phases],
        "score_rows": _score_rows(comparator, phases),
        "score_plot": _score_plot(comparator) if len(phases) > 1 else None,
        "stages": stage_page(getattr(comparator, "stages_", {})),
        "settings": {str(name): str(value) for name, value in comparator.settings_.items()},
        "versions": _versions(),
        "reference": comparator.reference_,
        "scorer": comparator.scorer_name_,
        "rope": f"{comparator.rope:g}",
        "confidence": f"{100 * comparator.confidence:g}%",
        "n_repeats": comparator.n_repeats,
        "fixed_splits": bool(comparator.fixed_splits_),
        "verdict_styles": {name: (style.color, _SYMBOLS[name]) for name, style in VERDICTS.items()},
    }


def _sentences(comparator: Any) -> list[str]:
    return [str(line) for line in comparator.verdict_]


# -- numbers ---------------------------------------------------------------------------------------------


def _decimals(comparator: Any) -> int:
    """Digits after the point: enough to see a tenth of what matters, and no more."""
    unit = comparator.rope
    if not unit > 0:
        widths = (comparator.gain_["gain_high"] - comparator.gain_["gain_low"]).to_numpy(dtype=float)
        widths = widths[np.isfinite(widths) & (widths > 0)]
        unit = float(np.median(widths)) if widths.size else 0.01
    return int(np.clip(math.ceil(-math.log10(unit)) + 1, 0, 8))


def _number(value: float, decimals: int, *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return _NOTHING
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("+-")
    return text.replace("-", "\u2212")


def _percent(share: float, *, whole: bool = False) -> str:
    if not math.isfinite(share):
        return _NOTHING
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.0f}%" if whole or share in (0, 1) else f"{100 * share:.1f}%"


def _ratio(value: float) -> str:
    if not math.isfinite(value):
        return _NOTHING
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return _NOTHING
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _with_interval(value: str, low: str, high: str) -> str:
    return value if _NOTHING in (low, high) else f"{value} [{low},\N{NO-BREAK SPACE}{high}]"


# -- tables ----------------------------------------------------------------------------------------------


def _gain_rows(comparator: Any) -> list[dict[str, str]]:
    decimals = _decimals(comparator)
    return [_gain_row(str(arm), row, decimals) for arm, row in comparator.gain_.iterrows()]


def _gain_row(arm: str, row: pd.Series[Any], decimals: int) -> dict[str, str]:
    cells = {
        "arm": arm,
        "verdict": str(row["verdict"]),
        "score": _number(row["score"], decimals),
        "reached": _percent(row["reached"], whole=True),
        "seconds": _duration(row["seconds"]),
    }
    if row["verdict"] == "reference":
        empty = dict.fromkeys(("gain", "p_better", "p_equivalent", "p_worse", "speedup"), _NOTHING)
        return cells | empty
    gain = _number(row["gain"], decimals, sign=True)
    low, high = (_number(row[name], decimals) for name in ("gain_low", "gain_high"))
    speed, slow, fast = (_ratio(row[name]) for name in ("speedup", "speedup_low", "speedup_high"))
    chances = {name: _percent(row[name]) for name in ("p_better", "p_equivalent", "p_worse")}
    speedup = speed if speed == _NOTHING else _with_interval(f"{speed}x", slow, fast)
    return cells | chances | {"gain": _with_interval(gain, low, high), "speedup": speedup}


def _phase_header(results: pd.DataFrame, phase: int) -> dict[str, str]:
    rows = results[results["phase"] == phase]
    return {
        "phase": str(phase),
        "train": f"{rows['n_train'].mean():.0f}",
        "test": f"{rows['n_test'].mean():.0f}",
    }


def _scores_by_phase(comparator: Any) -> pd.DataFrame:
    scores = comparator.results_.groupby(["arm", "phase"])["score"]
    starts = comparator.results_.groupby(["arm", "phase"])["start_score"].mean()
    return pd.DataFrame({"mean": scores.mean(), "sd": scores.std(ddof=1), "start": starts})


def _score_rows(comparator: Any, phases: list[int]) -> list[dict[str, Any]]:
    table, decimals = _scores_by_phase(comparator), _decimals(comparator)
    rows = []
    for arm in comparator.gain_.index:
        cells = []
        for phase in phases:
            found = table.loc[(arm, phase)] if (arm, phase) in table.index else {}
            mean, sd, start = (_number(found.get(key, math.nan), decimals) for key in ("mean", "sd", "start"))
            cells.append(
                {
                    "score": mean if sd == _NOTHING else f"{mean} ± {sd}",
                    "start": None if start == _NOTHING else start,
                }
            )
        rows.append({"arm": str(arm), "cells": cells})
    return rows


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


# -- plots -----------------------------------------------------------------------------------------------


def _gain_plot(comparator: Any) -> Any:
    height = 1.3 + 0.42 * len(comparator.gain_)
    return _svg(WarmStartGainDisplay.from_comparator(comparator).plot, "gain", 5.7, height)


def _curve_plots(comparator: Any) -> list[Any]:
    if comparator.curves_.empty:
        return []
    last = comparator.curves_[comparator.curves_["phase"] == comparator.curves_["phase"].max()]
    drawn = [name for name in METRICS if name in last and np.isfinite(last[name].to_numpy(dtype=float)).any()]
    displays = {name: LearningCurvesDisplay.from_comparator(comparator, metric=name) for name in drawn}
    return [_svg(display.plot, name) for name, display in displays.items()]


def _score_plot(comparator: Any) -> Any:
    return _svg(lambda ax: _draw_scores(ax, comparator), "phases", 5.7, 3.2)


def _draw_scores(ax: Axes, comparator: Any) -> None:
    table, handles = _scores_by_phase(comparator), {}
    arms = list(comparator.gain_.index)
    styles = arm_styles(arms, comparator.reference_)
    for i, arm in enumerate(arms):
        rows = table.loc[arm] if arm in table.index.get_level_values("arm") else None
        if rows is None:
            continue
        # Arms stand a little apart, else their bars hide one another.
        x = rows.index.to_numpy(dtype=float) + 0.06 * (i - (len(arms) - 1) / 2)
        bars = ax.errorbar(x, rows["mean"], yerr=rows["sd"], **styles[arm], linewidth=1.6, elinewidth=1)
        handles[str(arm)] = bars.lines[0]
    phases = sorted(comparator.results_["phase"].unique().tolist())
    ax.set_xticks(phases, [str(phase) for phase in phases])
    ax.set_xlabel("phase")
    ax.set_ylabel(comparator.scorer_name_)
    arm_legend(ax, handles)


def _svg(draw: Callable[[Axes], Any], name: str, width: float = 5.2, height: float = 3.2) -> Any:
    """Draw on the axes of a figure of its own and return inline SVG that follows the colours of the page."""
    from markupsafe import Markup
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.figure import Figure

    with rc_context():
        rcdefaults()  # the page must not change with the style that the caller happens to use
        rcParams.update(_RC)
        rcParams["svg.hashsalt"] = name  # clip paths of two plots must not share an identifier
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        buffer = StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return Markup(_inline(buffer.getvalue(), name))


def _inline(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :].strip()
    label = escape(METRICS.get(name, name))
    svg = re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" aria-label="{label}">', svg, count=1
    )
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    # Group names repeat from plot to plot and nothing refers to them; in one page they would be double.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'(<text style="[^"]*?)font-family: [^;"]*; ', r"\1", svg)  # the font of the page
    return re.sub(rf"\b(fill|stroke): {_INK}", r"\1: currentColor", svg)
