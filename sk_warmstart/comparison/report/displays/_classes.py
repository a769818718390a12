"""The plot of what every arm does to the recall of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from ...findings._content import Content
from ._display import Display
from ._style import REFERENCE_COLOR, arm_legend, arm_styles, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer


class ClasswiseChangeDisplay(Display):
    """Change of each class's recall against the reference, with bars of one standard deviation.

    One row per class and one marker per arm; right of the line at zero the arm finds more of the class than
    the reference does. A gain in the mean score may hide a class that is lost.

    Parameters
    ----------
    classes : DataFrame
        Indexed by arm and class, with the columns ``change`` and ``change_sd``; rows without a change (the
        reference's) are left out.
    reference : str, default="cold"
        The arm that the others are compared with.
    most : int, default=20
        How many classes to draw at most: those that an arm changed the most.
    arms : sequence of str or None, default=None
        Arms to draw, in this order; None is every arm in the order of the rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that holds the axes.
    points_ : dict of str to ErrorbarContainer
        Markers and bars of every arm.
    drawn_ : list
        The classes drawn, from the top: in their own order where all are, else the most changed first.

    Examples
    --------
    >>> import pandas as pd
    >>> from matplotlib.figure import Figure
    >>> from sk_warmstart import ClasswiseChangeDisplay
    >>> index = pd.MultiIndex.from_product([["warm"], ["cat", "dog", "eel"]], names=["arm", "class"])
    >>> classes = pd.DataFrame({"change": [0.01, -0.08, 0.03], "change_sd": [0.01, 0.02, 0.01]}, index=index)
    >>> display = ClasswiseChangeDisplay(classes, most=2).plot(ax=Figure().subplots())
    >>> display.drawn_
    ['dog', 'eel']
    """

    points_: dict[str, ErrorbarContainer]
    drawn_: list[Any]

    def __init__(
        self,
        classes: pd.DataFrame,
        reference: str = "cold",
        *,
        most: int = 20,
        arms: Sequence[str] | None = None,
    ) -> None:
        self.classes = classes
        self.reference = reference
        self.most = most
        self.arms = arms

    @classmethod
    def from_findings(cls, findings: Content, *, most: int = 20) -> Self:
        """Make the display from the findings of a comparison of classifiers.

        Parameters
        ----------
        findings : Findings
            Of a fitted comparator, or read from a file.
        most : int, default=20
            How many classes to draw at most.

        Returns
        -------
        ClasswiseChangeDisplay
            The display.

        Raises
        ------
        ValueError
            If the comparison has no table of classes.
        """
        if not has_changes(findings.stages):
            raise ValueError("This comparison has no class-wise changes: it compared regressors, or one arm only.")
        return cls(findings.stages["classes"], findings.reference, most=most, arms=findings.arms)

    def _draw(self, ax: Axes | None) -> None:
        ax = self._axes(ax)
        arms = list(self.classes.index.unique(level=0)) if self.arms is None else list(self.arms)
        styles = arm_styles(arms, self.reference)
        change = self.classes["change"].unstack(level=0)
        drawn = [arm for arm in arms if arm in change and change[arm].notna().any()]
        kept = most_changed(self.classes, self.most)
        ax.axvline(0.0, color=REFERENCE_COLOR, linewidth=1, zorder=0)
        ax.hlines(
            np.arange(1, len(kept)) - 0.5, 0, 1, transform=ax.get_yaxis_transform(), color=REFERENCE_COLOR,
            linewidth=0.5, alpha=0.35, zorder=0,
        )  # fmt: skip
        self.points_ = {}
        for i, arm in enumerate(drawn):
            rows = self.classes.xs(arm, level=0).reindex(kept)
            offset = 0.7 * ((i + 0.5) / len(drawn) - 0.5)
            self.points_[str(arm)] = ax.errorbar(
                rows["change"],
                np.arange(len(kept)) + offset,
                xerr=rows["change_sd"],
                color=styles[arm]["color"],
                marker=styles[arm]["marker"],
                linestyle="none",
                markersize=5,
                elinewidth=1,
            )
        ax.set_yticks(np.arange(len(kept)), [wrapped(str(label), 20) for label in kept], parse_math=False)
        ax.set_ylim(len(kept) - 0.5, -0.5)
        ax.set_xlabel(f"change of recall against {self.reference}", parse_math=False)
        ax.tick_params(axis="y", length=0)
        if self.points_:
            arm_legend(ax, {arm: bars.lines[0] for arm, bars in self.points_.items()})
        self.drawn_ = kept


def most_changed(classes: pd.DataFrame, most: int) -> list[Any]:
    """Return all classes in their order, or the ``most`` that any arm changed the most, the most changed first."""
    largest = classes["change"].abs().groupby(level=1, sort=False).max()
    if len(largest) <= most:
        return list(largest.index)
    return list(largest.sort_values(ascending=False, kind="stable", na_position="last").index[:most])


def has_changes(stages: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether the stages hold a change of any class."""
    table = stages.get("classes")
    return table is not None and not table.empty and bool(table["change"].notna().any())
