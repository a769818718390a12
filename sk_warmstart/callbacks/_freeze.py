"""Freezing of a part of the network during training."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from skorch import NeuralNet

from .._parameters import check_integer
from ..modules._selection import Which, select_tensors
from ._epochs import CountsEpochs
from ._freezing import frozen
from ._module import module_of


class Freeze(CountsEpochs):
    """Keep a part of the network as it started.

    What is frozen gets no gradient, so the optimiser does not move it either: no weight decay, no momentum. A
    BatchNorm layer whose parameters are all frozen works as in evaluation: it uses its running statistics and
    leaves them as they are; one of which anything trains collects them. A spectral norm iterates no further while
    its weight is frozen, and what else a frozen layer keeps in buffers is after an epoch what it was before.
    Dropout in frozen layers stays on. Only the batches of an epoch see anything frozen: a later fit without this
    callback, or a fit that failed, trains everything.

    Parameters
    ----------
    which : {"head", "body"}, int, str, sequence of str or callable, default="body"
        What is frozen: everything but the head; or a choice as :class:`~sk_warmstart.policies.ResetLayers` takes
        it.
    n_epochs : int or None, default=None
        For how many epochs, counted from the beginning of a fit; partial fits count on. None is for all.

    Raises
    ------
    ValueError
        When training begins: if ``which`` finds nothing, or everything, or ``n_epochs`` is no positive integer.

    References
    ----------
    .. [1] Kumar et al., Fine-tuning can distort pretrained features and underperform out-of-distribution,
       ICLR 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import Freeze
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=2, random_state=0, callbacks=[Freeze("hidden")]).fit(X, y)
    >>> bool((net.module_.hidden[0].weight == net.origin_["hidden.0.weight"]).all())
    True
    """

    def __init__(self, which: Which = "body", n_epochs: int | None = None):
        self.which = which
        self.n_epochs = n_epochs

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters."""
        super().on_train_begin(net, X, y, **kwargs)
        check_integer("n_epochs of Freeze", self.n_epochs, optional=True)
        module = module_of(net)
        with frozen(net, module, select_tensors(self.which, module)):
            pass

    def around_epoch(self, net: NeuralNet, forward_params: dict[str, Any]) -> AbstractContextManager[Any]:
        """Freeze while the epoch trains."""
        n_trained = self.epochs_trained(net)
        if self.n_epochs is not None and n_trained >= self.n_epochs:
            return nullcontext()
        module = module_of(net)
        return frozen(net, module, select_tensors(self.which, module))
