"""Where the previous state comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from torch import nn

from ..state import NetState


@dataclass
class Donor:
    """What a fitted net hands on.

    Parameters
    ----------
    state : NetState
        Parameters and buffers.
    classes : ndarray or None
        Labels, in the order of the outputs.
    n_features : int or None
        Number of input columns.
    feature_names : ndarray or None
        Names of the input columns.
    generation : int
        How many warm starts lie behind this state.
    origin : NetState or None
        The weights that its lineage first started from.
    optimizer : Optimizer or None
        The optimiser as the last fit left it.
    is_self : bool
        Whether the donor is the estimator itself.
    """

    state: NetState
    classes: np.ndarray | None
    n_features: int | None
    feature_names: np.ndarray | None
    generation: int
    origin: NetState | None
    optimizer: Any
    is_self: bool = False


def find_donor(estimator: Any) -> Donor | None:
    """Return the donor that an estimator's next ``fit`` has, if any.

    Parameters
    ----------
    estimator : WarmStartMixin
        The estimator: its own state comes first (``warm_start=True`` and fitted), then ``warm_start_from``.

    Returns
    -------
    Donor or None
        The donor.

    Raises
    ------
    ValueError
        If ``warm_start_from`` is not fitted.
    TypeError
        If it is nothing that holds a network.
    """
    if estimator.warm_start and hasattr(estimator, "module_"):
        donor = _from_net(estimator)
        donor.is_self = True
        return donor
    source = estimator.warm_start_from
    return None if source is None else _from_net(_fitted_net(source))


def network_of(net: Any) -> nn.Module:
    """Return all that a fitted skorch net learns, as one module.

    Parameters
    ----------
    net : skorch.NeuralNet
        A net with its modules built.

    Returns
    -------
    nn.Module
        The net's only module with parameters, or all of them in a ``ModuleDict``.
    """
    parts = {}
    for name in [*net._modules, *net._criteria]:
        module = getattr(net, name + "_")
        module = getattr(module, "_orig_mod", module)  # what torch.compile wrapped
        if name == "module" or (isinstance(module, nn.Module) and module.state_dict()):
            parts[name] = module
    return parts["module"] if list(parts) == ["module"] else nn.ModuleDict(parts)


def _from_net(net: Any) -> Donor:
    lineage = getattr(net, "lineage_", None)
    return Donor(
        state=NetState.from_module(network_of(net)),
        classes=getattr(net, "classes_", None),
        n_features=getattr(net, "n_features_in_", None),
        feature_names=getattr(net, "feature_names_in_", None),
        generation=0 if lineage is None else lineage.generation,
        origin=None if lineage is None else lineage.origin,
        optimizer=getattr(net, "optimizer_", None),
    )


def _fitted_net(source: Any) -> Any:
    """Unwrap FrozenEstimator, Pipeline and search objects down to the net inside."""
    seen = [type(layer).__name__ for layer in _layers(source)]
    net = list(_layers(source))[-1]
    if hasattr(net, "module_") and hasattr(net, "_modules"):
        return net
    if hasattr(net, "get_params") and hasattr(net, "fit"):
        if hasattr(net, "module") or isinstance(net, Pipeline) or hasattr(net, "best_params_"):
            raise ValueError(
                f"warm_start_from holds an unfitted {seen[-1]}. scikit-learn's clone drops what an estimator "
                "has learned, so wrap the fitted donor: warm_start_from=FrozenEstimator(fitted) "
                "(sklearn.frozen)"
            )
        raise TypeError(
            f"warm_start_from holds a {seen[-1]}, which has no torch network to start from. Pass "
            "FrozenEstimator(fitted) of a WarmStartClassifier, a WarmStartRegressor or another skorch net"
        )
    raise TypeError(
        f"warm_start_from must be FrozenEstimator(fitted) or None, got {type(source).__name__}: {source!r}"
    )


def _layers(source: Any) -> Iterator[Any]:
    yield source
    inner = None
    if isinstance(source, Pipeline):
        inner = source.steps[-1][1]
    elif hasattr(source, "best_estimator_"):
        inner = source.best_estimator_
    elif isinstance(source, FrozenEstimator):
        inner = source.estimator
    if inner is not None:
        yield from _layers(inner)
