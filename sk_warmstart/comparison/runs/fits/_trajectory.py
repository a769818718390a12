"""A callback that records gradient norm and distances of the weights, epoch by epoch."""

from __future__ import annotations

import math
from typing import Any

import torch
from sklearn.base import BaseEstimator
from skorch.callbacks import Callback

from ....estimators import WarmStartMixin
from ....state import NetState


class Trajectory(Callback, BaseEstimator):
    """Record gradient norm and distances of the weights in the history.

    ``gradient_norm`` is that of the epoch's last batch, which may hold fewer rows than the others and is then
    noisier; ``distance_from_start`` and ``distance_from_init`` are Euclidean distances of all parameters to the
    start of this fit and to the weights that the lineage first started from.

    Parameters
    ----------
    keep_bytes : float, default=0
        Room for weights at the epochs 0, 1, 2, 4, 8, ... and the last, which ``kept_`` maps from the epoch; what
        does not fit is left out.

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

    def __init__(self, keep_bytes: float = 0) -> None:
        self.keep_bytes = keep_bytes

    def initialize(self) -> Trajectory:
        """Forget the last fit."""
        self.start_: NetState | None = None
        self.kept_: dict[int, NetState] = {}
        self.n_epochs_ = 0
        self.passing_: int | None = None
        self.start_distance_ = float("nan")
        return self

    def on_train_begin(self, net: WarmStartMixin, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Remember the start."""
        self.start_ = NetState.from_module(net.module_)
        self.start_distance_ = self._from_init(net, self.start_)
        self.kept_, self.n_epochs_, self.passing_ = {}, 0, None
        self._keep(self.start_)

    def on_epoch_end(self, net: WarmStartMixin, **kwargs: Any) -> None:
        """Record the epoch."""
        now = NetState.from_module(net.module_)
        self.n_epochs_ += 1
        self._keep(now)
        gradients = [p.grad for p in net.module_.parameters() if p.grad is not None]
        norms = [float(torch.linalg.vector_norm(gradient)) for gradient in gradients]
        net.history.record("gradient_norm", math.hypot(*norms))
        assert self.start_ is not None
        net.history.record("distance_from_start", now.distance(self.start_))
        net.history.record("distance_from_init", self._from_init(net, now))

    def on_train_end(self, net: WarmStartMixin, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Let the copy of the start go."""
        self.start_ = None

    def forget_weights(self) -> None:
        """Let the weights of the epochs go."""
        self.kept_, self.passing_ = {}, None

    def _keep(self, now: NetState) -> None:
        """Keep the weights of this epoch, until the next one unless it is 0 or a power of two."""
        if self.passing_ is not None:
            del self.kept_[self.passing_]
            self.passing_ = None
        epoch, size = self.n_epochs_, sum(t.numel() * t.element_size() for t in now.unique().values())
        room = self.keep_bytes // max(1, size) - len(self.kept_)
        if room >= 1:
            self.kept_[epoch] = now
            self.passing_ = epoch if epoch & (epoch - 1) or room < 2 else None  # the last one has room

    @staticmethod
    def _from_init(net: WarmStartMixin, state: NetState) -> float:
        origin = net.origin_
        return state.distance(origin) if set(origin) == set(state) else float("nan")
