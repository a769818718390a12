"""What scikit-learn's callbacks are told while an estimator is fitted."""

from __future__ import annotations

from typing import Any

from sklearn.callback import CallbackContext

from ..input._identity import Recognised


class Progress:
    """A fit as scikit-learn's callbacks see it: a task of its own, and below it one for each epoch.

    Parameters
    ----------
    net : WarmStartMixin
        The net, whose callbacks were set by ``set_callbacks`` or handed on by a meta-estimator.
    epochs : int
        At most so many will be trained.
    X, y : array-like
        What the user gave.
    sample_weight : array-like or None
        Weights of the rows, for callbacks that score.

    Attributes
    ----------
    rows : Recognised or None
        The rows, once they are known: they were trained on, so a callback's score of them leaks nothing.
    """

    def __init__(self, net: Any, epochs: int, X: Any, y: Any, sample_weight: Any):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._net = net
        self._told = {"estimator": net, "X": X, "y": y, "metadata": metadata}
        self._fit: CallbackContext = net._init_callback_context(max_subtasks=epochs)
        self._epoch: CallbackContext | None = None
        self.rows: Recognised | None = None
        self._fit.call_on_fit_task_begin(**self._told)

    def epoch_begins(self) -> None:
        """Tell of an epoch, before its first step."""
        self._epoch = self._fit.subcontext(task_name="epoch").call_on_fit_task_begin(**self._told)

    def epoch_ends(self) -> bool:
        """Tell of an epoch, after its last step.

        Returns
        -------
        bool
            Whether a callback wants training to stop.
        """
        if self._epoch is None:
            return False
        return self._epoch.call_on_fit_task_end(**self._told, reconstruction_attributes=self._as_fitted)

    def fit_ends(self) -> None:
        """Tell of the whole fit."""
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes=dict)

    def _as_fitted(self) -> dict[str, Any]:
        """What a shallow copy, which has a network of its own as skorch pickles it, lacks of a fitted net."""
        if self.rows is None:
            return {}
        memory = self._net.memory_.snapshot()
        self.rows.remember(memory)
        return {"memory_": memory}


def begin_progress(net: Any, epochs: int, X: Any, y: Any, sample_weight: Any) -> Progress | None:
    """Begin to tell callbacks of a fit, if there are any.

    Parameters
    ----------
    net, epochs, X, y, sample_weight
        As in :class:`Progress`.

    Returns
    -------
    Progress or None
        Who tells them.
    """
    return Progress(net, epochs, X, y, sample_weight) if getattr(net, "_skl_callbacks", None) else None
