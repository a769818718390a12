"""The plot of what every arm costs against what it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ...findings._content import Content
from ._display import Display
from ._style import REFERENCE_COLOR, arm_legend, arm_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer

COSTS = {"seconds": "seconds a fit", "samples": "training samples a fit"}


class CostScoreDisplay(Display):
    """Mean cost of a fit against mean score, one point an arm, with bars of one standard deviation.

    Thin lines go through the reference: an arm above and to the left of it scores better and costs less.
    Costs that span more than a decade are drawn on a logarithmic axis.

    Parameters
    ----------
    costs : DataFrame
        One row per arm (the index), with the columns ``cost``, ``cost_sd``, ``score`` and ``score_sd``.
    reference : str, default="cold"
        The arm that the others are compared with.
    cost : {"seconds", "samples"}, default="seconds"
        What the cost counts, for the axis label.
    score_name : str or None, default=None
        Name of the score, for the axis label.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that holds the axes.
    points_ : dict of str to ErrorbarContainer
        Point and bars of every arm that has a cost and a score.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sk_warmstart import CostScoreDisplay
    >>> costs = pd.DataFrame(
    ...     {"cost": [4.0, 1.0], "cost_sd": [0.5, 0.2], "score": [0.90, 0.91], "score_sd": [0.01, 0.01]},
    ...     index=["cold", "warm"])
    >>> display = CostScoreDisplay(costs).plot(ax=Figure().subplots())
    >>> display.ax_.get_xscale()
    'linear'
    """

    points_: dict[str, ErrorbarContainer]

    def __init__(
        self,
        costs: pd.DataFrame,
        reference: str = "cold",
        *,
        cost: str = "seconds",
        score_name: str | None = None,
    ) -> None:
        self.costs = costs
        self.reference = reference
        self.cost = cost
        self.score_name = score_name

    @classmethod
    def from_findings(cls, findings: Content, *, cost: str = "seconds") -> Self:
        """Make the display from the findings of a comparison.

        Parameters
        ----------
        findings : Findings
            Of a fitted comparator, or read from a file.
        cost : {"seconds", "samples"}, default="seconds"
            What the cost counts.

        Returns
        -------
        CostScoreDisplay
            The display; phases are averaged inside a replicate first.

        Raises
        ------
        ValueError
            If ``cost`` is unknown.
        """
        if cost not in COSTS:
            raise ValueError(f"cost must be one of {sorted(COSTS)}, got {cost!r}.")
        costs = cost_table(findings.results, cost).reindex(findings.gain.index)
        return cls(costs, findings.reference, cost=cost, score_name=findings.score)

    def _draw(self, ax: Axes | None) -> None:
        complete = self.costs.dropna(subset=["cost", "score"])
        if complete.empty:
            raise ValueError("There is nothing to draw: no arm has both a cost and a score.")
        ax = self._axes(ax)
        styles = arm_styles([str(arm) for arm in self.costs.index], self.reference)
        if self.reference in complete.index:
            cost, score = (complete[name].loc[self.reference] for name in ("cost", "score"))
            thin: dict[str, Any] = {"color": REFERENCE_COLOR, "linewidth": 0.8, "alpha": 0.6, "zorder": 0}
            ax.axvline(cost, **thin)
            ax.axhline(score, **thin)
        self.points_ = {
            str(arm): ax.errorbar(
                row["cost"],
                row["score"],
                xerr=row["cost_sd"],
                yerr=row["score_sd"],
                color=styles[str(arm)]["color"],
                marker=styles[str(arm)]["marker"],
                linestyle="none",
                markersize=8,
                elinewidth=1.2,
            )
            for arm, row in complete.iterrows()
        }
        self._scale(ax, complete)
        ax.set_xlabel(COSTS.get(self.cost, self.cost))
        ax.set_ylabel(self.score_name or "score", parse_math=False)
        arm_legend(ax, {arm: bars.lines[0] for arm, bars in self.points_.items()})

    def _scale(self, ax: Axes, complete: pd.DataFrame) -> None:
        """Take logarithms beyond a decade; else start at no cost, so that lengths can be compared."""
        from matplotlib.ticker import EngFormatter

        least, most = complete["cost"].min(), complete["cost"].max()
        if least > 0 and most > 10 * least:
            ax.set_xscale("log", nonpositive="clip")
        elif most > 0:
            ax.set_xlim(0.0, 1.08 * (complete["cost"] + complete["cost_sd"].fillna(0.0)).max())
            ax.locator_params(axis="x", nbins=6)
            if most >= 10_000:
                ax.xaxis.set_major_formatter(EngFormatter())


def cost_table(results: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Mean and spread over replicates of every arm's cost and score, phases averaged inside a replicate first."""
    by_arm = results.groupby(["arm", "repeat"], sort=False)[[cost, "score"]].mean().groupby("arm", sort=False)
    mean, spread = by_arm.mean(), by_arm.std(ddof=1)
    return pd.DataFrame(
        {"cost": mean[cost], "cost_sd": spread[cost], "score": mean["score"], "score_sd": spread["score"]}
    )
