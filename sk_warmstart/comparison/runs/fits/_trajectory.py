"""A callback that records gradient norm and distances of the weights, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch.callbacks import Callback

from ....estimators import WarmStartMixin
from ....state import NetState


class Trajectory(Callback):
    """Record gradient norm and distances of the weights in the history.

    ``gradient_norm`` is that of the epoch's last batch, which may hold fewer rows than the others and is then
    noisier; ``distance_from_start`` and ``distance_from_init`` are Euclidean distances of all parameters to the
    start of this fit and to the weights that the lineage first started from.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.comparison import Trajectory
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=2, random_state=0, callbacks=[Trajectory()]).fit(X, y)
    >>> net.history[-1]["distance_from_start"] > net.history[0]["distance_from_start"] > 0
    True
    """

    def initialize(self) -> Trajectory:
        """Forget the last fit."""
        self.start_: NetState | None = None
        self.start_distance_ = float("nan")
        return self

    def on_train_begin(self, net: WarmStartMixin, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Remember the start."""
        self.start_ = NetState.from_module(net.module_)
        self.start_distance_ = self._from_init(net, self.start_)

    def on_epoch_end(self, net: WarmStartMixin, **kwargs: Any) -> None:
        """Record the epoch."""
        now = NetState.from_module(net.module_)
        gradients = [p.grad for p in net.module_.parameters() if p.grad is not None]
        norms = [float(torch.linalg.vector_norm(gradient)) for gradient in gradients]
        net.history.record("gradient_norm", math.hypot(*norms))
        assert self.start_ is not None
        net.history.record("distance_from_start", now.distance(self.start_))
        net.history.record("distance_from_init", self._from_init(net, now))

    def on_train_end(self, net: WarmStartMixin, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Let the copy of the start go."""
        self.start_ = None

    @staticmethod
    def _from_init(net: WarmStartMixin, state: NetState) -> float:
        origin = net.origin_
        return state.distance(origin) if set(origin) == set(state) else float("nan")
