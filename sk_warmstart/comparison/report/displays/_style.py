"""What the plots of a comparison share: colours, shapes, dashes, the legend and the axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class VerdictStyle(NamedTuple):
    """How a verdict looks: a colour that reads on light and dark, and a shape in plots and in text."""

    color: str
    marker: str
    symbol: str


VERDICTS = {
    "beneficial": VerdictStyle("#0a9471", "^", "\u25b2"),
    "neutral": VerdictStyle("#64809c", "o", "\u25cf"),
    "detrimental": VerdictStyle("#d1473a", "v", "\u25bc"),
    "undecided": VerdictStyle("#b97f00", "D", "\u25c6"),
    "failed": VerdictStyle("#a063b3", "X", "\u2715"),
}
UNKNOWN_VERDICT = VerdictStyle("#808080", "s", "")
REFERENCE_COLOR = "#808080"
_LEGEND_WIDTH = 50  # characters that fit into a figure of ordinary width
_HANDLE = 8  # of them are taken by a handle
_ARM_COLORS = ("#2f7fc9", "#d8700c", "#1b9560", "#a05fc0", "#d6455d", "#15909a", "#97713d")
_ARM_DASHES = ((6, 2), (6, 2, 1.5, 2), (2, 1.5), (9, 2, 1.5, 2, 1.5, 2), (4, 3))
_ARM_MARKERS = ("o", "^", "v", "D", "P", "X", "*", "<", ">")


def arm_styles(arms: Sequence[str], reference: str) -> dict[str, dict[str, Any]]:
    """Colour, dashes and marker of every arm; the reference arm is the plain grey one."""
    others = [arm for arm in arms if arm != reference]
    styles: dict[str, dict[str, Any]] = {
        arm: {
            "color": _ARM_COLORS[i % len(_ARM_COLORS)],
            "linestyle": (0, _ARM_DASHES[i % len(_ARM_DASHES)]),
            "marker": _ARM_MARKERS[i % len(_ARM_MARKERS)],
        }
        for i, arm in enumerate(others)
    }
    styles[reference] = {"color": REFERENCE_COLOR, "linestyle": "solid", "marker": "s"}
    return styles


def wrapped(name: str, width: int) -> str:
    """Break a long name into lines, after a space, underscore or hyphen where there is one."""
    return "\n".join(re.findall(rf".{{1,{width}}}(?:(?<=[\s_-])|$)|.{{1,{width}}}", name))


def arm_legend(ax: Axes, handles: dict[str, Any]) -> None:
    """Name the arms above the axes, where no curve can be hidden; names are never read as formulas."""
    legend = ax.legend(
        list(handles.values()),
        [f"arm {i}" for i in range(len(handles))],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=_legend_columns([str(arm) for arm in handles]),
        frameon=False,
        handlelength=2.8,
    )
    for text, arm in zip(legend.get_texts(), handles, strict=True):
        text.set_parse_math(False)
        text.set_text(wrapped(str(arm), _LEGEND_WIDTH - _HANDLE))


def legend_lines(arms: Sequence[str]) -> int:
    """How many lines of text the legend of these arms takes."""
    n_columns = _legend_columns(arms)
    if n_columns > 1:
        return -(-len(arms) // n_columns)
    return sum(wrapped(arm, _LEGEND_WIDTH - _HANDLE).count("\n") + 1 for arm in arms)


def _legend_columns(arms: Sequence[str]) -> int:
    """As many columns as fit side by side, shared out as Matplotlib does."""
    lengths = [len(arm) for arm in arms]
    for n_columns in range(len(lengths), 1, -1):
        columns = np.array_split(lengths, n_columns)
        if sum(max(column) + _HANDLE for column in columns) <= _LEGEND_WIDTH:
            return n_columns
    return 1
