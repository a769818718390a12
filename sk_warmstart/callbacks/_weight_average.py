"""Exponential moving average of the weights (EMA), and Hare & Tortoise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from .._compat._torch import foreach_lerp
from .._parameters import check_integer, check_number
from ..state import NetState, network_of
from ..training import Companion
from ._batch_statistics import collect_statistics, statistics_of


class WeightAverage(Companion):
    """Exponential moving average of the weights; with ``copy_back_every``, Hare & Tortoise [1]_.

    After each step ``average = decay * average + (1 - decay) * weights``, for parameters and floating buffers,
    beginning with the start; integer buffers are those of the trained weights. **Between epochs the network holds
    the average**: it is what is validated, what early stopping compares and restores, and what a fit returns. The
    trained weights are put back for the next epoch, and for the next partial fit, unless the network was changed
    meanwhile: then both continue from what is there. BatchNorm layers that collect
    statistics in training collect them anew for the average at the end of each epoch, over the training rows.

    An average over about ``1 / (1 - decay)`` steps needs several times as many steps to forget the start: the
    default suits thousands of steps. The start, when drawn fresh, is a part of the average until then.

    Parameters
    ----------
    decay : float, default=0.999
        Weight of the past in the average, from 0, which is no average, to less than 1.
    copy_back_every : int or None, default=None
        After so many epochs of a fit, training continues from the average, as the hare from where the tortoise is.
        The optimiser's state is left alone.

    Raises
    ------
    ValueError
        When training begins: if a parameter is out of its range.

    References
    ----------
    .. [1] Lee et al., Slow and steady wins the race: maintaining plasticity with hare and tortoise networks,
       ICML 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.callbacks import WeightAverage
    >>> X, y = load_iris(return_X_y=True)
    >>> average = WeightAverage(decay=0.9, copy_back_every=5)
    >>> net = WarmStartClassifier(max_epochs=10, random_state=0, callbacks=[("average", average)])
    >>> net.fit(X, y).score(X, y) > 0.5
    True
    """

    def __init__(self, decay: float = 0.999, copy_back_every: int | None = None):
        self.decay = decay
        self.copy_back_every = copy_back_every

    def initialize(self) -> WeightAverage:
        """Forget the last fit."""
        self.average_: NetState | None = None
        self.trained_: NetState | None = None
        self.epochs_ = 0
        self.kept_: tuple[NetState, NetState, int] | None = None
        self.pairs_: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.rows_: Any = None
        return self

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters."""
        super().on_train_begin(net, X, y, **kwargs)
        check_number("decay of WeightAverage", self.decay, 0, 1, exclude="high")
        check_integer("copy_back_every of WeightAverage", self.copy_back_every, optional=True)
        WeightAverage.initialize(self)

    def on_epoch_begin(self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any) -> None:
        """Note the rows that BatchNorm is to see."""
        self.rows_ = dataset_train

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Keep where a call has ended: a partial fit that fails goes back there."""
        self.rows_ = None
        if self.average_ is not None and self.trained_ is not None:
            self.kept_ = self.average_.copy(), self.trained_, self.epochs_

    @contextmanager
    def around_epoch(self, net: NeuralNet, forward_params: dict[str, Any]) -> Iterator[None]:
        """Put the trained weights into the network while the epoch trains, and the average at its end."""
        network = network_of(net)
        self._continue(network)
        before = statistics_of(network)
        self.pairs_ = self._paired(network)
        try:
            yield
        except KeyboardInterrupt:  # the user's wish to stop, not a failure: what there is, is kept
            self._swap(net, network, before, forward_params)
            raise
        finally:
            self.pairs_ = ([], [])
        self._swap(net, network, before, forward_params)

    def after_step(self, net: NeuralNet) -> None:
        """Take the step's weights into the average."""
        averages, weights = self.pairs_
        if averages:
            with torch.no_grad():
                foreach_lerp(averages, weights, 1.0 - self.decay)

    def _continue(self, network: nn.Module) -> None:
        """Put the trained weights back, unless the network was changed since the last epoch."""
        now = NetState.from_module(network)
        if self.kept_ is not None and not _same(now, self.average_) and _same(now, self.kept_[0]):
            average, self.trained_, self.epochs_ = self.kept_
            self.average_ = average.copy()
        if self.trained_ is not None and _same(now, self.average_):
            self.trained_.load_into(network)
        else:
            self.average_ = now

    def _paired(self, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        assert self.average_ is not None
        live: dict[str, Tensor] = dict(network.named_parameters(remove_duplicate=False))
        live.update(network.named_buffers(remove_duplicate=False))
        floating = {name: t for name, t in self.average_.unique().items() if _is_averaged(t)}
        return list(floating.values()), [live[name].detach() for name in floating]

    def _swap(
        self, net: NeuralNet, network: nn.Module, before: dict[str, Tensor], forward_params: dict[str, Any]
    ) -> None:
        assert self.average_ is not None
        trained, average = NetState.from_module(network), self.average_
        average.map(lambda name, t: t if _is_averaged(t) else trained[name]).load_into(network)
        after = {name: trained[f"{name}.running_mean" if name else "running_mean"] for name in before}
        collecting = [name for name, mean in before.items() if not torch.equal(mean, after[name])]
        if self.rows_ is not None:
            collect_statistics(net, network, self.rows_, collecting, forward_params)
        self.average_ = NetState.from_module(network)
        self.epochs_ += 1
        back = self.copy_back_every is not None and self.epochs_ % self.copy_back_every == 0
        self.trained_ = self.average_.copy() if back else trained


def _is_averaged(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _same(state: NetState, other: NetState | None) -> bool:
    if other is None or set(state) != set(other):
        return False
    return all(torch.equal(tensor, other[name]) for name, tensor in state.items())
