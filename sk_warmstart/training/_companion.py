"""Callbacks that take part in the steps of training without slowing them down."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback

from ._net import TrainableNet


class Companion(Callback, BaseEstimator):
    """Callback that changes gradients or weights while an epoch trains.

    skorch's ``on_batch_end`` would slow every step down, and nothing is called when a fit fails. What a companion
    does to a network lasts no longer than :meth:`around_epoch`: not between epochs, and not after a failure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.training import Companion
    >>> class HalfGradients(Companion):
    ...     def after_backward(self, net):
    ...         for parameter in net.module_.parameters():
    ...             parameter.grad *= 0.5
    >>> net = WarmStartClassifier(max_epochs=2, random_state=0, callbacks=[HalfGradients()])
    >>> len(net.fit(*load_iris(return_X_y=True)).loss_curve_)
    2
    """

    def around_epoch(self, net: TrainableNet, forward_params: dict[str, Any]) -> AbstractContextManager[Any]:
        """Return what surrounds the training batches of an epoch.

        Parameters
        ----------
        net : TrainableNet
            The net.
        forward_params : dict
            Further arguments of the module's forward.

        Returns
        -------
        context manager
            It must undo in any case what must not last.
        """
        return nullcontext()

    def after_backward(self, net: TrainableNet) -> None:
        """Change gradients, before the optimiser takes them.

        Parameters
        ----------
        net : TrainableNet
            The net; its gradients are those of the batch.
        """

    def after_step(self, net: TrainableNet) -> None:
        """Look at the weights after the optimiser's step.

        Parameters
        ----------
        net : TrainableNet
            The net.
        """

    def on_train_begin(self, net: TrainableNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Refuse a net whose loop does not know companions."""
        if getattr(type(net), "run_single_epoch", None) is NeuralNet.run_single_epoch:
            raise TypeError(
                f"{type(self).__name__} needs the training loop of this library: put WarmStartMixin before the "
                f"skorch class of {type(net).__name__}"
            )

    def on_grad_computed(
        self,
        net: TrainableNet,
        named_parameters: Any,
        X: Any = None,
        y: Any = None,
        training: Any = None,
        **kwargs: Any,
    ) -> None:
        """Take part in a step that is skorch's own; see :meth:`after_backward`."""
        if training:
            self.after_backward(net)


def companions_of(net: TrainableNet) -> list[Companion]:
    """Return the companions among a net's callbacks, in their order."""
    return [callback for _, callback in net.callbacks_ if isinstance(callback, Companion)]


def is_standard_companion(callback: Any) -> bool:
    """Tell whether a callback is notified of gradients as every companion is."""
    return isinstance(callback, Companion) and type(callback).on_grad_computed is Companion.on_grad_computed
