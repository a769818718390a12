"""Gradual unfreezing: the head first, then one layer more at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from skorch import NeuralNet

from .._parameters import check_integer, check_number
from .._warning import warn_renamed
from ..modules._selection import layers_upwards
from ._epochs import CountsEpochs
from ._freezing import frozen
from ._module import module_of
from ._rates import keep_rates, spread_rates


class GradualUnfreeze(CountsEpochs):
    """Gradual unfreezing: train the head first, then one layer, or block, more at a time, from top to bottom.

    With discriminative learning rates as in :class:`LayerwiseLR`: ``lr / factor**d`` for a layer ``d`` layers
    below the head. What is not yet unfrozen is frozen as by :class:`Freeze`. Put schedules of the learning rate
    later in the list of callbacks.

    Parameters
    ----------
    factor : float, default=2.6
        The quotient of the rates of two neighbouring layers, at least 1; 1 gives all the same rate.
    n_epochs : int, default=1
        Epochs before the next layer follows. Partial fits count on.
    blocks : sequence of str or None, default=None
        Names of blocks of layers, from bottom to top, that count as one layer each. None finds them, by
        the rule in the Notes of :class:`LayerwiseLR`.
    epochs_per_layer : int
        Old name of ``n_epochs``.

        .. deprecated:: 0.2

    Raises
    ------
    ValueError
        When training begins, or when an epoch does: if a parameter is wrong or the rates cannot be set.

    Warns
    -----
    UserWarning
        If there are so many layers that the lowest do not learn at their rates.

    References
    ----------
    .. [1] Howard and Ruder, Universal language model fine-tuning for text classification, ACL 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import GradualUnfreeze
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=2, random_state=0, callbacks=[GradualUnfreeze()]).fit(X, y)
    >>> [bool((net.module_.hidden[i].weight == net.origin_[f"hidden.{i}.weight"]).all()) for i in (0, 2)]
    [True, False]
    """

    def __init__(
        self,
        factor: float = 2.6,
        n_epochs: int = 1,
        blocks: Sequence[str] | None = None,
        epochs_per_layer: int | str = "deprecated",
    ):
        self.factor = factor
        self.n_epochs = n_epochs
        self.blocks = blocks
        self.epochs_per_layer = epochs_per_layer

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give every layer its rate."""
        super().on_train_begin(net, X, y, **kwargs)
        check_number("factor of GradualUnfreeze", self.factor, 1)
        name, n_epochs = self._n_epochs()
        check_integer(f"{name} of GradualUnfreeze", n_epochs)
        if name != "n_epochs":
            warn_renamed(f"the parameter {name} of GradualUnfreeze", "n_epochs")
        spread_rates(net, self.factor, self.blocks)

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Notice rates that were made equal."""
        keep_rates(net)

    def around_epoch(self, net: NeuralNet, forward_params: dict[str, Any]) -> AbstractContextManager[Any]:
        """Freeze the layers whose turn has not come."""
        module = module_of(net)
        layers = layers_upwards(module, self.blocks)
        n_frozen = len(layers) - 1 - self.epochs_trained(net) // self._n_epochs()[1]
        if n_frozen <= 0:
            return nullcontext()
        names = {name for layer in layers[:n_frozen] for name in layer}
        # Layers with running statistics and no parameters lie below the head as well.
        lowest = {name for name, _ in module.named_buffers() if _below(module, name, layers[n_frozen])}
        return frozen(net, module, names | lowest)

    def _n_epochs(self) -> tuple[str, Any]:
        """Return the number of epochs, and the name by which it was given."""
        if isinstance(self.epochs_per_layer, str) and self.epochs_per_layer == "deprecated":
            return "n_epochs", self.n_epochs
        return "epochs_per_layer", self.epochs_per_layer


def _below(module: Any, buffer: str, layer: list[str]) -> bool:
    """Whether a buffer is registered before the first parameter of a layer."""
    order = list(module.state_dict())
    first = min(order.index(name) for name in layer if name in order)
    return buffer in order and order.index(buffer) < first
