"""The plot of how training went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ...findings._content import Content
from ._display import Display
from ._style import arm_legend, arm_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

METRICS = {
    "valid_score": "validation score",
    "valid_loss": "validation loss",
    "train_loss": "training loss",
    "gradient_norm": "gradient norm",
    "distance_from_start": "distance from the start",
    "distance_from_init": "distance from the first initialisation",
}
X_LABELS = {"epoch": "epochs (0: the start itself)", "samples": "training samples seen (0: the start itself)"}


class LearningCurvesDisplay(Display):
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
    >>> from sk_warmstart import LearningCurvesDisplay
    >>> curves = pd.DataFrame(
    ...     {"repeat": [0, 0, 0, 1, 1], "phase": 2, "arm": "cold", "epoch": [0, 1, 2, 0, 1],
    ...      "samples": [0, 9, 18, 0, 9], "valid_score": [0.5, 0.7, 0.9, 0.5, 0.7]})
    >>> display = LearningCurvesDisplay(curves).plot(ax=Figure().subplots())
    >>> display.lines_["cold"].get_ydata().round(3).tolist()
    [0.5, 0.7, 0.8]
    """

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
    def from_findings(cls, findings: Content, *, metric: str = "valid_score", phase: int | None = None) -> Self:
        """Make the display from the findings of a comparison.

        Parameters
        ----------
        findings : Findings
            Of a fitted comparator, or read from a file.
        metric : str, default="valid_score"
            The column of ``curves`` to draw.
        phase : int or None, default=None
            The phase to draw; None is the last one.

        Returns
        -------
        LearningCurvesDisplay
            The display.
        """
        return cls(findings.curves, findings.reference, metric, phase, arms=findings.arms)

    def plot(self, ax: Axes | None = None, *, x: str = "epoch") -> Self:
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
        ax = self._axes(ax)
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
            metrics = [name for name in METRICS if name in self.curves.columns]
            raise ValueError(f"The curves have no column {self.metric!r}; metric can be one of {metrics}.")
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
