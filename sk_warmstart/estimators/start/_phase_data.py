"""The rows of a fit, as policies may look at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import is_classifier
from torch import Tensor

from ...policies import PhaseData
from ...training import weights_of_batch


def phase_data(net: Any, known: Callable[[], Tensor | None]) -> PhaseData | None:
    """Return what a fit is about to train on.

    Parameters
    ----------
    net : WarmStartMixin
        The net, its rows split and on the device.
    known : callable
        Tells which training rows no donor has seen.

    Returns
    -------
    PhaseData or None
        None where the rows are not known as tensors.
    """
    session = net.session_
    if session.train is None or session.train.y is None:
        return None

    def loss(output: Any, y: Tensor, weight: Tensor | None) -> Tensor:
        with weights_of_batch(weight):
            return net.get_loss(output, y, training=False)

    return PhaseData(session.train, loss, session.valid, is_classifier(net), known)
