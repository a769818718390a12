"""Networks and donors inside estimators, Pipelines, searches and frozen estimators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from torch import nn

from .._compat._sklearn import BaseSearchCV
from ._donor import Donor
from ._net_state import NetState
from ._optimizer_state import OptimizerState
from ._schema import Schema


def layers_of(source: Any) -> Iterator[Any]:
    """Walk from a FrozenEstimator, a Pipeline or a search object inwards."""
    yield source
    inner = None
    if isinstance(source, Pipeline):
        inner = source.steps[-1][1]
    elif hasattr(source, "best_estimator_"):
        inner = source.best_estimator_
    elif isinstance(source, FrozenEstimator):
        inner = source.estimator
    if inner is not None:
        yield from layers_of(inner)


def fitted_steps_before(source: Any) -> list[str]:
    """Return the names of steps that stand before the network in a Pipeline and have learned something."""
    pipelines = (layer for layer in layers_of(source) if isinstance(layer, Pipeline))
    steps = (step for pipeline in pipelines for step in pipeline.steps[:-1])
    return [
        name
        for name, step in steps
        if step not in (None, "passthrough") and get_tags(step).requires_fit and _has_learned(step)
    ]


def _has_learned(step: Any) -> bool:
    """Whether there is more in a fitted step than the number and names of columns."""
    learned = {name for name in vars(step) if name.endswith("_") and not name.startswith("_")}
    return bool(learned - {"n_features_in_", "feature_names_in_"})


def network_of(net: object) -> nn.Module:
    """Return a net's only module with parameters, or all of them in a ``ModuleDict``."""
    parts = {}
    for name in [*getattr(net, "_modules", ["module"]), *getattr(net, "_criteria", [])]:
        module = getattr(net, name + "_")
        module = getattr(module, "_orig_mod", module)  # what torch.compile wrapped
        if name == "module" or (isinstance(module, nn.Module) and module.state_dict()):
            parts[name] = module
    return parts["module"] if list(parts) == ["module"] else nn.ModuleDict(parts)


def donor_of(source: Any) -> Donor:
    """Return what the fitted network inside a source hands on.

    Parameters
    ----------
    source : object
        A fitted estimator, a Pipeline that ends in one, a search over one, or one of these frozen.

    Returns
    -------
    Donor
        The donor.

    Raises
    ------
    TypeError
        If there is no torch network inside.
    ValueError
        If the estimator inside is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_warmstart import WarmStartClassifier
    >>> from sk_warmstart.state import donor_of
    >>> pipe = make_pipeline(StandardScaler(), WarmStartClassifier(max_epochs=1, random_state=0))
    >>> list(donor_of(pipe.fit(*load_iris(return_X_y=True))).state)[-1]
    'output.bias'
    """
    layers = list(layers_of(source))
    net = layers[-1]
    if not isinstance(getattr(net, "module_", None), nn.Module):
        if isinstance(net, BaseSearchCV):
            raise ValueError(f"the {type(net).__name__} has no best_estimator_: call fit first, with refit=True")
        if hasattr(net, "module") or isinstance(net, Pipeline):
            raise ValueError(f"the {type(net).__name__} is not fitted: call fit first")
        raise TypeError(f"a {type(net).__name__} holds no torch network: pass a fitted estimator that does")
    # A net that was initialised by hand has a network, and nothing else to hand on yet.
    begun = hasattr(net, "_donate") and hasattr(net, "origin_")
    return net._donate() if begun else _from_attributes(net)


def _from_attributes(net: object) -> Donor:
    """Return what the attributes of another library's net say."""
    network = network_of(net)
    names = getattr(net, "feature_names_in_", None)
    n_features = getattr(net, "n_features_in_", None)
    optimizer = getattr(net, "optimizer_", None)
    return Donor(
        state=NetState.from_module(network),
        schema=Schema(
            n_features=None if n_features is None else int(n_features),
            columns=None if names is None else tuple(map(str, names)),
            classes=getattr(net, "classes_", None),
            framed=names is not None,
        ),
        optimizer=None if optimizer is None else OptimizerState.from_optimizer(optimizer, network),
    )
