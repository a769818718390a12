"""Plots of a comparison, in scikit-learn's Display convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ._style import (
    REFERENCE_COLOR,
    UNKNOWN_VERDICT,
    VERDICTS,
    arm_legend,
    arm_styles,
    make_axes,
    require_fitted,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

METRICS = {
    "valid_score": "validation score",
    "valid_loss": "validation loss",
    "train_loss": "training loss",
    "gradient_norm": "gradient norm",
    "distance_from_start": "distance from the start",
    "distance_from_init": "distance from the first initialisation",
}
X_LABELS = {"epoch": "epochs (0: the start itself)", "samples": "training samples seen (0: the start itself)"}


class WarmStartGainDisplay:
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
    >>> from sk_warmstart.comparison.report.displays._gain_and_curves import WarmStartGainDisplay
    >>> gain = pd.DataFrame(
    ...     {"gain": [0.0, 0.03], "gain_low": [None, 0.02], "gain_high": [None, 0.04],
    ...      "verdict": ["reference", "beneficial"]}, index=["cold", "warm"])
    >>> display = WarmStartGainDisplay(gain, rope=0.01).plot(ax=Figure().subplots())
    >>> display.verdicts_["warm"].get_text()
    'beneficial'
    """

    ax_: Axes
    figure_: Figure
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
    def from_comparator(cls, comparator: Any) -> WarmStartGainDisplay:
        """Make the display from a fitted comparator.

        Parameters
        ----------
        comparator : WarmStartComparator
            A fitted one.

        Returns
        -------
        WarmStartGainDisplay
            The display.
        """
        require_fitted(comparator, "gain_")
        return cls(
            comparator.gain_,
            comparator.rope,
            reference=comparator.reference_,
            confidence=comparator.confidence,
            score_name=comparator.scorer_name_,
        )

    def plot(self, ax: Axes | None = None) -> WarmStartGainDisplay:
        """Draw the intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        WarmStartGainDisplay
            This display, with its artists.
        """
        ax = make_axes(ax, "WarmStartGainDisplay.plot")
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
        self.ax_, self.figure_ = ax, ax.figure  # type: ignore[assignment]
        return self

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


class LearningCurvesDisplay:
    """Course of training in one phase: the mean over repeats per arm, with a band of one standard deviation.

    The first point of every line, epoch 0, is the start itself, before any step; it carries a marker.

    Parameters
    ----------
    curves : DataFrame
        Long: one row per ``repeat``, ``phase``, ``arm`` and ``epoch``, with ``samples`` and the metrics.
    reference : str, default="cold"
        The arm that the others are compared with.
    metric : str, default="valid_score"
        Column to draw.
    phase : int or None, default=None
        Phase to draw; None is the last one.
    arms : sequence of str or None, default=None
        Arms to draw, in this order; None is every arm in the order of the rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that holds the axes.
    lines_ : dict of str to Line2D
        Mean curve of every arm.
    bands_ : dict of str to PolyCollection
        Spread of every arm that has more than one repeat.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sk_warmstart.comparison.report.displays._gain_and_curves import LearningCurvesDisplay
    >>> curves = pd.DataFrame(
    ...     {"repeat": [0, 0, 0, 1, 1], "phase": 2, "arm": "cold", "epoch": [0, 1, 2, 0, 1],
    ...      "samples": [0, 9, 18, 0, 9], "valid_score": [0.5, 0.7, 0.9, 0.5, 0.7]})
    >>> display = LearningCurvesDisplay(curves).plot(ax=Figure().subplots())
    >>> display.lines_["cold"].get_ydata().round(3).tolist()
    [0.5, 0.7, 0.8]
    """

    ax_: Axes
    figure_: Figure
    lines_: dict[str, Line2D]
    bands_: dict[str, PolyCollection]

    def __init__(
        self,
        curves: pd.DataFrame,
        reference: str = "cold",
        metric: str = "valid_score",
        phase: int | None = None,
        *,
        arms: Sequence[str] | None = None,
    ) -> None:
        self.curves = curves
        self.reference = reference
        self.metric = metric
        self.phase = phase
        self.arms = arms

    @classmethod
    def from_comparator(
        cls, comparator: Any, *, metric: str = "valid_score", phase: int | None = None
    ) -> LearningCurvesDisplay:
        """Make the display from a fitted comparator.

        Parameters
        ----------
        comparator : WarmStartComparator
            A fitted one.
        metric : str, default="valid_score"
            The column of ``curves_`` to show.
        phase : int or None, default=None
            The phase to show; the last one by default.

        Returns
        -------
        LearningCurvesDisplay
            The display.
        """
        require_fitted(comparator, "curves_")
        return cls(comparator.curves_, comparator.reference_, metric, phase, arms=list(comparator.gain_.index))

    def plot(self, ax: Axes | None = None, *, x: str = "epoch") -> LearningCurvesDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        x : {"epoch", "samples"}, default="epoch"
            What the horizontal axis counts.

        Returns
        -------
        LearningCurvesDisplay
            This display, with its artists.
        """
        rows = self._rows(x)
        ax = make_axes(ax, "LearningCurvesDisplay.plot")
        arms = list(dict.fromkeys(rows["arm"])) if self.arms is None else list(self.arms)
        styles = arm_styles(arms, self.reference)
        self.lines_, self.bands_ = {}, {}
        for arm in arms:
            runs = runs_by_step(rows[rows["arm"] == arm], x, self.metric)
            if not runs.empty:
                self._draw_arm(ax, arm, runs, styles[arm])
        if ax.get_xscale() == "linear":
            ax.locator_params(axis="x", integer=True)
        ax.set_xlabel(X_LABELS[x])
        ax.set_ylabel(METRICS.get(self.metric, self.metric))
        if self.lines_:
            arm_legend(ax, self.lines_)
        self.ax_, self.figure_ = ax, ax.figure  # type: ignore[assignment]
        return self

    def _draw_arm(self, ax: Axes, arm: str, runs: pd.DataFrame, style: dict[str, Any]) -> None:
        mean = runs.mean(axis=1, skipna=False)
        steps = runs.index.to_numpy(dtype=float)
        (self.lines_[arm],) = ax.plot(
            steps, mean.to_numpy(), **style, linewidth=1.8, markersize=6, markevery=[0], clip_on=False
        )
        if runs.shape[1] > 1:
            spread = runs.std(axis=1, ddof=1, skipna=False)
            low, high = (mean - spread).to_numpy(), (mean + spread).to_numpy()
            band = {"color": style["color"], "alpha": 0.13, "linewidth": 0}
            self.bands_[arm] = ax.fill_between(steps, low, high, **band)

    def _rows(self, x: str) -> pd.DataFrame:
        if x not in X_LABELS:
            raise ValueError(f"x must be one of {sorted(X_LABELS)}, got {x!r}.")
        if self.metric not in self.curves.columns:
            known = [name for name in METRICS if name in self.curves.columns]
            raise ValueError(f"The curves have no column {self.metric!r}; metric can be one of {known}.")
        if self.curves.empty:
            raise ValueError("There are no curves to draw: this estimator gives no per-epoch curves.")
        phases = sorted(self.curves["phase"].unique().tolist())
        phase = phases[-1] if self.phase is None else self.phase
        if phase not in phases:
            raise ValueError(f"The curves have no phase {phase!r}; phase can be one of {phases}.")
        return self.curves[self.curves["phase"] == phase]


def runs_by_step(rows: pd.DataFrame, x: str, metric: str) -> pd.DataFrame:
    """One column per repeat, one row per step; runs without a single value of the metric are left out."""
    runs = rows.groupby([x, "repeat"])[metric].last().unstack("repeat").sort_index()
    # Runs stop at different epochs. A run that stopped keeps its last value from then on, so that every
    # mean is over the same runs: else the tail of a curve would show only the runs that trained longest.
    return runs.dropna(axis="columns", how="all").ffill()
