"""The plots of the report, as SVG that follows the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..findings._content import Content
from ._tables import scores_by_phase
from .displays._classes import ClasswiseChangeDisplay, has_changes
from .displays._cost import COSTS, CostScoreDisplay
from .displays._curves import METRICS, LearningCurvesDisplay
from .displays._gain import WarmStartGainDisplay
from .displays._style import arm_legend, arm_styles, legend_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Matplotlib writes black fills by leaving the fill out, so ink gets a colour that can be found and replaced.
_INK = "#010203"
_MOST_TICKS = 12
_WIDTH = 5.2  # inches; small, so that the text still reads on a telephone
_WIDER = 6.4  # where long names take room next to the axes
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


def gain_plot(findings: Content) -> Any:
    """Draw the gains with their intervals."""
    names = findings.arms
    width = _WIDER if max(map(len, names)) > 14 else _WIDTH
    lines = sum(1 + len(name) // 20 for name in names)
    display = WarmStartGainDisplay.from_findings(findings)
    return _svg(display.plot, "gain", "gains with their intervals", 1.1 + 0.3 * lines, width)


def curve_plots(findings: Content) -> list[Any]:
    """Draw the learning curves of the last phase, those metrics that have values."""
    curves = findings.curves
    if curves.empty:
        return []
    last = curves[curves["phase"] == curves["phase"].max()]
    drawn = [name for name in METRICS if name in last and np.isfinite(last[name].to_numpy(dtype=float)).any()]
    displays = {name: LearningCurvesDisplay.from_findings(findings, metric=name) for name in drawn}
    height = _height(findings)
    return [_svg(display.plot, name, METRICS[name], height) for name, display in displays.items()]


def cost_plots(findings: Content) -> list[Any]:
    """Draw what every arm costs against what it scores, in seconds and in samples where there are any."""
    plots = []
    for cost, label in COSTS.items():
        display = CostScoreDisplay.from_findings(findings, cost=cost)
        if (display.costs["cost"] * display.costs["score"]).notna().any():
            plots.append(_svg(display.plot, f"cost-{cost}", f"score against {label}", _height(findings)))
    return plots


class CaptionedPlot(NamedTuple):
    """A plot, and what is said below it."""

    svg: Any
    caption: str


def class_plot(findings: Content) -> CaptionedPlot | None:
    """Draw the class-wise changes; None where there are none."""
    if not has_changes(findings.stages):
        return None
    display = ClasswiseChangeDisplay.from_findings(findings)
    n_classes = findings.stages["classes"].index.unique(level=1).size
    n_drawn = min(display.most, n_classes)
    height = _height(findings) - 2.4 + n_drawn * (0.1 + 0.09 * len(findings.gain))
    caption = "Bars are one standard deviation over replicates."
    if n_drawn < n_classes:
        caption = f"The {n_drawn} of {n_classes} classes that an arm changed the most. {caption}"
    return CaptionedPlot(_svg(display.plot, "classes", "change of recall by class", height), caption)


def phase_plot(findings: Content) -> Any:
    """Draw the scores over the phases; None where there is only one."""
    if findings.results["phase"].nunique() < 2:
        return None
    return _svg(lambda ax: _draw_scores(ax, findings), "phases", "score in every phase", _height(findings))


def _height(findings: Content) -> float:
    """Height of a plot with a legend of the arms."""
    return 3.0 + 0.19 * legend_lines(findings.arms)


def _draw_scores(ax: Axes, findings: Content) -> None:
    table, handles = scores_by_phase(findings), {}
    arms = findings.arms
    styles = arm_styles(arms, findings.reference)
    for i, arm in enumerate(arms):
        rows = table.loc[arm] if arm in table.index.get_level_values("arm") else None
        if rows is None:
            continue
        # Arms stand a little apart, else their bars hide one another.
        x = rows.index.to_numpy(dtype=float) + 0.04 * (i - (len(arms) - 1) / 2)
        bars = ax.errorbar(x, rows["mean"], yerr=rows["sd"], **styles[arm], linewidth=1.6, elinewidth=1)
        handles[str(arm)] = bars.lines[0]
    phases = sorted(findings.results["phase"].unique().tolist())
    ticks = phases[:: -(-len(phases) // _MOST_TICKS)]
    ax.set_xticks(ticks, [str(phase) for phase in ticks])
    ax.set_xlabel("phase")
    ax.set_ylabel(findings.score)
    arm_legend(ax, handles)


def _svg(draw: Callable[[Axes], Any], name: str, label: str, height: float, width: float = _WIDTH) -> Any:
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
    return Markup(_inline(buffer.getvalue(), label))


def _inline(svg: str, label: str) -> str:
    svg = svg[svg.index("<svg") :].strip()
    opening = rf'<svg \1 role="img" aria-label="{escape(label)}">'
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", opening, svg, count=1)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    # Group names repeat from plot to plot and nothing refers to them; in one page they would be double.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'(<text style="[^"]*?)font-family: [^;"]*; ', r"\1", svg)  # the font of the page
    return re.sub(rf"\b(fill|stroke): {_INK}", r"\1: currentColor", svg)
