"""The plot of gains with their intervals and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ...findings._content import Content
from ._display import Display
from ._style import REFERENCE_COLOR, UNKNOWN_VERDICT, VERDICTS, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text


class WarmStartGainDisplay(Display):
    """Gain of every arm over the reference arm, with its interval and its verdict.

    One row per arm except the reference. The shaded band is the region of practical equivalence (ROPE):
    a gain inside it is too small to matter.

    Parameters
    ----------
    gain : DataFrame
        One row per arm (the index) with at least the columns ``gain``, ``gain_low``, ``gain_high`` and
        ``verdict``; an arm whose gain or interval is NaN keeps its row.
    rope : float
        Half-width of the region of practical equivalence, in units of the score.
    reference : str, default="cold"
        The arm that the others are compared with.
    confidence : float or None, default=None
        Content of the intervals, for the legend.
    score_name : str or None, default=None
        Name of the score, for the axis label.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that holds the axes.
    points_ : dict of str to Line2D
        Marker of every arm.
    intervals_ : dict of str to Line2D
        Interval of every arm.
    verdicts_ : dict of str to Text
        Verdict of every arm, written at the right.
    rope_band_ : matplotlib Patch
        The shaded band.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sk_warmstart import WarmStartGainDisplay
    >>> gain = pd.DataFrame(
    ...     {"gain": [0.0, 0.03], "gain_low": [None, 0.02], "gain_high": [None, 0.04],
    ...      "verdict": ["reference", "beneficial"]}, index=["cold", "warm"])
    >>> display = WarmStartGainDisplay(gain, rope=0.01).plot(ax=Figure().subplots())
    >>> display.verdicts_["warm"].get_text()
    'beneficial'
    """

    points_: dict[str, Line2D]
    intervals_: dict[str, Line2D]
    verdicts_: dict[str, Text]

    def __init__(
        self,
        gain: pd.DataFrame,
        rope: float,
        *,
        reference: str = "cold",
        confidence: float | None = None,
        score_name: str | None = None,
    ) -> None:
        self.gain = gain
        self.rope = rope
        self.reference = reference
        self.confidence = confidence
        self.score_name = score_name

    @classmethod
    def from_findings(cls, findings: Content) -> Self:
        """Make the display from the findings of a comparison.

        Parameters
        ----------
        findings : Findings
            Of a fitted comparator, or read from a file.

        Returns
        -------
        WarmStartGainDisplay
            The display.
        """
        rule = findings.rule
        return cls(
            findings.gain,
            rule.rope,
            reference=findings.reference,
            confidence=rule.confidence,
            score_name=findings.score,
        )

    def _draw(self, ax: Axes | None) -> None:
        ax = self._axes(ax)
        rows = self.gain[self.gain.index != self.reference]
        self.rope_band_ = ax.axvspan(
            -self.rope, self.rope, color=REFERENCE_COLOR, alpha=0.18, linewidth=0, zorder=0
        )
        ax.axvline(0.0, color=REFERENCE_COLOR, linewidth=1, zorder=1)
        self.points_, self.intervals_, self.verdicts_ = {}, {}, {}
        for position, (arm, row) in enumerate(rows.iterrows()):
            self._draw_arm(ax, str(arm), row, position)
        ax.set_yticks(np.arange(len(rows)), [wrapped(str(arm), 20) for arm in rows.index], parse_math=False)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.locator_params(axis="x", nbins=5)
        suffix = f" ({self.score_name})" if self.score_name else ""
        ax.set_xlabel(f"score gain over {self.reference}{suffix}", parse_math=False)
        self._legend(ax)

    def _draw_arm(self, ax: Axes, arm: str, row: pd.Series[Any], position: int) -> None:
        style = VERDICTS.get(row["verdict"], UNKNOWN_VERDICT)
        low, mean, high = (float(row[name]) for name in ("gain_low", "gain", "gain_high"))
        (self.intervals_[arm],) = ax.plot(
            [low, high], [position, position], color=style.color, linewidth=2.5, solid_capstyle="round"
        )
        (self.points_[arm],) = ax.plot(
            [mean], [position], color=style.color, marker=style.marker, markersize=8, linestyle="none"
        )
        self.verdicts_[arm] = ax.text(
            1.02, position, str(row["verdict"]), transform=ax.get_yaxis_transform(), va="center", ha="left"
        )

    def _legend(self, ax: Axes) -> None:
        content = "" if self.confidence is None else f"{100 * self.confidence:g}% "
        (interval,) = ax.plot([], [], color=REFERENCE_COLOR, linewidth=2.5, marker="o", markersize=6)
        handles = [interval, self.rope_band_]
        labels = [f"{content}interval", f"too small to matter (±{self.rope:g})"]
        ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)
