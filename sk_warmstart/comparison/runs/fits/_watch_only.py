"""A callback that keeps validation rows from changing what a fit returns."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from ....estimators import WarmStartMixin


class WatchOnly(Callback, BaseEstimator):
    """Return the last epoch where the user's own fit would, though validation rows are there to measure it.

    A fit with validation rows ends no worse than its start. The user's has none without ``early_stopping``.
    """

    def on_train_begin(self, net: WarmStartMixin, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Let the start not come back."""
        if net.run_.monitor is not None:
            net.run_.monitor.keeps_start = False
