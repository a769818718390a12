"""Learning rates that shrink from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback

from .._parameters import check_number
from ._rates import keep_rates, spread_rates


class LayerwiseLR(Callback, BaseEstimator):
    """Discriminative learning rates: each layer, or block of layers, learns slower than the one above it.

    The head keeps the net's ``lr``; a layer ``d`` layers below it has ``lr / factor**d``. The optimiser gets a
    group of parameters a layer, the head's first. Schedules that multiply rates (StepLR, CosineAnnealingLR,
    LambdaLR, ...) work if their callback comes later in the list, and so does OneCycleLR; CyclicLR, which sets one
    rate for all, raises an error. ``optimizer_state="keep"`` works: moments are kept by the names of the
    parameters.

    Parameters
    ----------
    factor : float, default=2.6
        The quotient of the rates of two neighbouring layers, at least 1. The default is of a network of four
        layers [1]_; with the twelve blocks of a BERT 1.05 is usual (a decay of 0.95) [2]_.
    blocks : sequence of str or None, default=None
        Names of blocks of layers, from bottom to top, that count as one layer each. None finds them, see Notes.

    Raises
    ------
    ValueError
        When training begins, or when an epoch does: if a parameter is wrong or the rates cannot be set.

    Warns
    -----
    UserWarning
        If there are so many layers that the lowest do not learn at their rates.

    Notes
    -----
    Blocks are found by this rule. Where a list of modules (``ModuleList``, ``Sequential`` or ``ModuleDict``) holds
    two or more of one class, with several layers that hold weights in each, every module of the list is a block:
    the layers of a transformer, the residual blocks of a ResNet, the blocks of an EfficientNet; of nested lists
    the outermost counts. What lies beside such a list, or beside a module that holds one, is a block too:
    embeddings, stem, pooler. The head, the last layer that holds weights or the one that the network's attribute
    ``output_layer`` names, is one of its own unless it lies in such a list. In a network without such lists every
    layer that holds weights counts as one. The order is that in which modules are registered; normalisation goes
    with what comes before it.

    References
    ----------
    .. [1] Howard and Ruder, Universal language model fine-tuning for text classification, ACL 2018.
    .. [2] Sun, Qiu, Xu and Huang, How to fine-tune BERT for text classification?, CCL 2019.

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

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give every layer its rate."""
        check_number("factor of LayerwiseLR", self.factor, 1)
        spread_rates(net, self.factor, self.blocks)

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Notice rates that were made equal."""
        keep_rates(net)
