"""Regressor that standardises its target inside, and predicts in the target's units."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..estimators import WarmStartRegressor, all_or_nothing
from ..estimators._protocol import WarmStartNet
from ..estimators.input._targets import Numbers
from ..policies import resolve_policy
from ..state._sources import layers_of


class _StandardizedNumbers(Numbers):
    """Numbers that the network sees with mean 0 and variance 1."""

    def encode(self, net: WarmStartNet, y: NDArray, starts_warm: bool = False) -> NDArray:
        """Return targets without their units, as a table."""
        mean, scale = _units(net)
        return super().encode(net, (y - mean) / scale, starts_warm)

    def decode(self, net: WarmStartNet, output: NDArray) -> NDArray:
        """Return predictions in the target's units."""
        mean, scale = _units(net)
        return super().decode(net, output).astype(np.float64) * scale + mean

    def with_labels(self, net: WarmStartNet, batch: Any) -> Any:
        """Return a batch with targets in their units, which callbacks compare predictions with."""
        X, y = batch
        mean, scale = _units(net)
        return X, None if y is None else y * y.new_tensor(scale) + y.new_tensor(mean)


class ScaledTargetRegressor(WarmStartRegressor):
    """Regressor that standardises its target inside, and predicts in the target's units.

    Mean and spread are learned in ``fit``; a start that keeps something of the previous state keeps them too, so
    that the network's outputs mean what they meant. Losses are those of the standardised target. A Checkpoint
    holds the network alone, whose outputs are standardised.
    """

    _targets = _StandardizedNumbers()

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        sample_id: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Learn the units of the target, unless the start keeps them, and train."""
        policy = resolve_policy(self.init_policy, **self.get_params_for("init_policy"))
        with all_or_nothing(self):
            self._set_units(y, self._previous() if policy.keeps_previous() else None)
            return super().fit(X, y, sample_weight, sample_id, X_val, y_val, sample_weight_val, **fit_params)

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        sample_id: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Learn the units of the target, if this is the first call, and train for one pass."""
        with all_or_nothing(self):
            self._set_units(y, self if hasattr(self, "target_scale_") else self._previous())
            return super().partial_fit(X, y, classes, sample_weight, sample_id, **fit_params)

    def _previous(self) -> Any:
        """Return the estimator that the start comes from."""
        if self.warm_start and hasattr(self, "target_scale_"):
            return self
        return list(layers_of(self.warm_start_from))[-1]

    def _set_units(self, y: Any, previous: Any) -> None:
        """Take the units of the previous target, or those of a new one; what is no target fails later."""
        try:
            values = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            return
        scale = getattr(previous, "target_scale_", None)
        if scale is not None and np.shape(scale) == values.shape[1:]:
            self.target_mean_, self.target_scale_ = previous.target_mean_, scale
        elif values.ndim and values.size:
            scale = values.std(0)
            self.target_mean_, self.target_scale_ = values.mean(0), np.where(scale > 0, scale, 1.0)
        else:
            self.target_mean_, self.target_scale_ = 0.0, 1.0


def _units(net: WarmStartNet) -> tuple[Any, Any]:
    """Return mean and spread of the target that a net was fitted with."""
    return getattr(net, "target_mean_", 0.0), getattr(net, "target_scale_", 1.0)
