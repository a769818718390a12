"""Smaller learning rates further down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skorch.callbacks import Callback

from .._parameters import check_number
from ._rates import keep_rates, spread_rates


class LayerwiseLR(Callback):
    """Discriminative learning rates: each layer learns slower than the one above it.

    The head keeps the net's ``lr``; a layer ``d`` layers below it has ``lr / factor**d``. The optimiser gets a
    group of parameters a layer, the head's first. Schedules that multiply rates (StepLR, CosineAnnealingLR,
    LambdaLR, ...) work if their callback comes later in the list; those that set one rate for all (OneCycleLR or
    CyclicLR with a single maximum) raise an error. ``optimizer_state="keep"`` works: moments are kept by
    the names of the parameters.

    Parameters
    ----------
    factor : float, default=2.6
        The quotient of the rates of two neighbouring layers, at least 1.
    blocks : sequence of str or None, default=None
        Names of blocks of layers, from bottom to top, that count as one layer each. None counts every layer that
        holds weights; normalisation goes with the layer before it.

    Raises
    ------
    ValueError
        When training begins, or when an epoch does: if a parameter is wrong or the rates cannot be set.

    References
    ----------
    .. [1] Howard and Ruder, Universal language model fine-tuning for text classification, ACL 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import LayerwiseLR
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(lr=0.1, max_epochs=1, callbacks=[LayerwiseLR(factor=10)]).fit(X, y)
    >>> [round(group["lr"], 4) for group in net.optimizer_.param_groups]
    [0.1, 0.01, 0.001]
    """

    def __init__(self, factor: float = 2.6, blocks: Sequence[str] | None = None):
        self.factor = factor
        self.blocks = blocks

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give every layer its rate."""
        check_number("factor of LayerwiseLR", self.factor, 1)
        spread_rates(net, self.factor, self.blocks)

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Notice rates that were made equal."""
        keep_rates(net)
