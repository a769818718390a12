"""What the plots of a comparison share: where they come from, and their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ...findings._content import Compared, findings_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Display:
    """A plot in scikit-learn's Display convention; subclasses draw in ``_draw``, or override ``plot``."""

    ax_: Axes
    figure_: Figure

    @classmethod
    def from_findings(cls, *args: Any, **options: Any) -> Self:
        """Make the display from findings; every subclass says what it takes."""
        raise NotImplementedError

    @classmethod
    def from_comparator(cls, comparator: Compared, **options: Any) -> Self:
        """Make the display from a fitted comparator.

        Parameters
        ----------
        comparator : WarmStartComparator
            A fitted one.
        **options
            As in :meth:`from_findings`.

        Returns
        -------
        Display
            The display of its findings.
        """
        return cls.from_findings(findings_of(comparator), **options)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        Display
            This display, with its artists.

        Raises
        ------
        ValueError
            If there is nothing to draw.
        """
        self._draw(ax)
        return self

    def _draw(self, ax: Axes | None) -> None:
        """Draw on the axes that ``_axes`` makes of those given."""
        raise NotImplementedError

    def _axes(self, ax: Axes | None) -> Axes:
        """Return the axes given, or those of a new figure; without matplotlib say what to install."""
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__}.plot needs matplotlib, which is not installed: "
                "pip install sk-warmstart[report]"
            ) from error
        if ax is None:
            # Only here: whoever brings their own axes gets no pyplot and none of its global state.
            import matplotlib.pyplot as plt

            ax = plt.subplots(layout="constrained")[1]
        self.ax_, self.figure_ = ax, ax.figure  # type: ignore[assignment]
        return ax
