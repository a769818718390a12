"""Small estimators that are quick and repeatable."""

from __future__ import annotations

from typing import Any

from sk_warmstart import WarmStartClassifier, WarmStartRegressor


def net(cls: Any = WarmStartClassifier, **params: Any) -> Any:
    """Return an estimator of one small hidden layer, seeded, with the parameters given."""
    settings: dict[str, Any] = {"max_epochs": 4, "batch_size": 16, "lr": 0.01, "random_state": 0}
    if "module" not in params:
        settings["module__hidden_layer_sizes"] = (8,)
    return cls(**settings | params)


def regressor(**params: Any) -> WarmStartRegressor:
    """Return a regressor of one small hidden layer, seeded, with the parameters given."""
    return net(WarmStartRegressor, **params)
