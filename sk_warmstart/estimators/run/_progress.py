"""Progress of a fit, reported to scikit-learn's callbacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sklearn.callback import CallbackContext

from .._protocol import WarmStartNet
from ..input._identity import Recognised


class Progress:
    """A fit as scikit-learn's callbacks see it: a task for the fit, and below it one for each epoch."""

    def __init__(self, net: WarmStartNet, epochs: int, X: Any, y: Any, sample_weight: Any):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._net = net
        self._arguments = {"estimator": net, "X": X, "y": y, "metadata": metadata}
        self._fit: CallbackContext = net._init_callback_context(max_subtasks=epochs)
        self._epoch: CallbackContext | None = None
        self.rows: Recognised | None = None
        self._fit.call_on_fit_task_begin(**self._arguments)

    def epoch_begins(self) -> None:
        """Report an epoch, before its first step."""
        self._epoch = self._fit.subcontext(task_name="epoch").call_on_fit_task_begin(**self._arguments)

    def epoch_ends(self) -> bool:
        """Report an epoch, after its last step; return whether a callback wants training to stop."""
        if self._epoch is None:
            return False
        return self._epoch.call_on_fit_task_end(**self._arguments, reconstruction_attributes=self._as_fitted)

    def fit_ends(self) -> None:
        """Report the end of the fit."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes=dict)

    def _as_fitted(self) -> dict[str, Any]:
        """What a shallow copy, which has a network of its own as skorch pickles it, lacks of a fitted net."""
        if self.rows is None:
            return {}
        learned = self._net._current
        memory = learned.memory.snapshot()
        self.rows.remember(memory)
        return {"learned_": replace(learned, memory=memory)}


def begin_progress(net: WarmStartNet, epochs: int, X: Any, y: Any, sample_weight: Any) -> Progress | None:
    """Begin to report a fit to scikit-learn's callbacks, if there are any."""
    return Progress(net, epochs, X, y, sample_weight) if getattr(net, "_skl_callbacks", None) else None
