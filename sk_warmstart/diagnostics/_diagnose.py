"""Measures of a fitted estimator as one table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data
from torch import Tensor, nn

from ..state import NetState, donor_of, layers_of
from ._activations import layer_inputs
from ._draws import Rng
from ._measuring import Loss, as_rows_and_targets, mean_gradient, norm, untouched
from .network._distance import distance, layer_distances
from .network._dormant import dormant_scores
from .network._rank import effective_rank, srank
from .network._sharpness import sharpness

_MEANINGS = {
    "loss": "Mean loss on these rows, by the criterion of the estimator.",
    "dormant_share": "Share of the hidden units that are silent on all rows; units that stay silent do not learn.",
    "effective_rank": "Directions that the features given to the layer span, weighed by their strength.",
    "srank": "Directions that make up 99% of the singular values of the features given to the layer.",
    "gradient_norm": "Length of the gradient of the mean loss: how strongly these rows pull at the weights.",
    "sharpness": "Mean rise of the loss when each tensor of weights is moved by 5% of its norm at random.",
    "distance_from_origin": "Way of the weights since the start of the lineage, as a share of their norm there.",
}


class Measured(NamedTuple):
    """A value of a measure for one layer; the layer "" is the whole network."""

    measure: str
    layer: str
    value: float


def diagnose(
    estimator: Any,
    X: Any,
    y: Any,
    rng: Rng = None,
) -> pd.DataFrame:
    """Measure the plasticity, the sharpness and the move of the network in a fitted estimator.

    Nothing is trained and nothing of the estimator changes. All rows are in memory at once, so some hundred or
    thousand of them are a good probe; only numbers from the same rows compare.

    Parameters
    ----------
    estimator : estimator
        A fitted :class:`~sk_warmstart.WarmStartClassifier`, :class:`~sk_warmstart.WarmStartRegressor` or skorch
        net, a Pipeline that ends in one, a search over one, or one of these frozen. The rows go through the
        earlier steps of a Pipeline. Of an estimator with several modules, the one called ``module`` is measured.
    X : array-like or sparse matrix of shape (n_samples, n_features), or what the estimator takes
        Rows as ``estimator.predict`` takes them.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets as ``estimator.fit`` takes them; only labels that the estimator knows.
    rng : int, numpy Generator, RandomState, torch.Generator or None, default=None
        Draws the directions of the sharpness. None draws the same ones at every call.

    Returns
    -------
    DataFrame
        A row per measure and layer, with the columns ``measure``, ``layer`` (empty for the network as a whole),
        ``value`` and ``meaning``, a sentence. The ranks have no row for the whole; the last layer's is that of
        the features for the head. A measure is left out where there is nothing to measure: dormant units where
        there are no hidden ones, distances where there is no ``origin_`` of the same shape, gradients where no
        parameter is trainable.

    Raises
    ------
    TypeError
        If there is no torch network in the estimator.
    ValueError
        If the estimator is not fitted, X and y do not match, y has labels that the estimator does not know, or the
        network does not take one array of numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier, diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> found = diagnose(net, X, y)
    >>> found.columns.tolist()
    ['measure', 'layer', 'value', 'meaning']
    >>> found.query("measure == 'effective_rank'")["layer"].tolist()
    ['hidden.2', 'output']
    """
    state = donor_of(estimator).state
    rows = _after_earlier_steps(estimator, X)
    net = list(layers_of(estimator))[-1]
    network = getattr(net.module_, "_orig_mod", net.module_)  # what torch.compile wrapped
    with untouched(network, torch.empty(0, device=_device_of(network))):
        inputs, targets = as_rows_and_targets(network, *_tensors(net, network, rows, y))
        loss = _loss_of(net)
        found = [
            *_dormancy(network, inputs),
            *_ranks(network, inputs),
            *_gradients(network, loss, inputs, targets),
        ]
        sharp = sharpness(network, loss, inputs, targets, rng=rng)
    found.insert(0, Measured("loss", "", sharp.loss))
    found.append(Measured("sharpness", "", sharp.value))
    found += _distances(state, getattr(net, "origin_", None))
    table = pd.DataFrame(found, columns=list(Measured._fields))
    return table.assign(meaning=table["measure"].map(_MEANINGS))


def _after_earlier_steps(estimator: Any, X: Any) -> Any:
    """Return rows as the earlier steps of all pipelines around the net leave them."""
    for layer in layers_of(estimator):
        if isinstance(layer, Pipeline) and len(layer.steps) > 1:
            X = layer[:-1].transform(X)
    return X


def _device_of(network: nn.Module) -> torch.device:
    tensor = next(network.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


def _tensors(net: Any, network: nn.Module, X: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Return rows and targets as the network and its criterion take them."""
    if y is None:
        raise ValueError("y must hold a target for each row of X, got None")
    check_consistent_length(X, y)
    if hasattr(net, "n_features_in_") and not isinstance(X, Tensor | torch.utils.data.Dataset):
        X = validate_data(net, X, reset=False, accept_sparse="csr", dtype="numeric", allow_nd=True)
    batches = list(net.get_iterator(net.get_dataset(X, _encoded(net, y)), training=False))
    parts = [(batch[0], batch[1]) for batch in batches]
    if not all(isinstance(part, Tensor) for pair in parts for part in pair):
        raise ValueError(
            "X and y must be one array each: a network with several inputs or targets cannot be measured by "
            "diagnose; call the functions of sk_warmstart.diagnostics"
        )
    inputs, targets = (torch.cat(tensors).to(_device_of(network)) for tensors in zip(*parts, strict=True))
    return inputs, targets


def _encoded(net: Any, y: Any) -> Any:
    """Return the place of each label in ``classes_``, or numbers in columns; skorch's nets take y as it is."""
    if not hasattr(net, "origin_"):
        return y
    values = np.asarray(y)
    if not is_classifier(net):
        return (values if values.dtype.kind == "f" else values.astype(np.float64)).reshape(len(values), -1)
    values, labels = values.reshape(len(values)), np.asarray(net.classes_)
    order = np.argsort(labels)
    unknown = sorted(set(values.tolist()) - set(labels.tolist()))
    if unknown:
        raise ValueError(f"y has labels that the estimator does not know: {unknown}; its classes_ are {labels}")
    return order[np.searchsorted(labels, values, sorter=order)].astype(np.int64)


def _loss_of(net: Any) -> Loss:
    """Return the loss by the net's own rule, averaged where its criterion reduces nothing."""

    def loss(output: Any, y: Tensor) -> Tensor:
        return net.get_loss(output, y, training=False).mean()

    return loss


def _dormancy(network: nn.Module, X: Tensor) -> list[Measured]:
    silent = {layer: scores <= 0 for layer, scores in dormant_scores(network, X).items()}
    shares = {"": torch.cat(list(silent.values())), **silent} if silent else {}
    return [Measured("dormant_share", layer, float(units.double().mean())) for layer, units in shares.items()]


def _ranks(network: nn.Module, X: Tensor) -> list[Measured]:
    """Measure what the layers after the first are given; of a single layer, the rows."""
    layers = dict(network.named_modules())
    given = [
        (name, features)
        for name, features in layer_inputs(network, X).items()
        if features.ndim > 1
        and features.is_floating_point()
        and any(weight.ndim > 1 for weight in layers[name].parameters(recurse=False))
    ]
    found = []
    for name, features in given[1:] or given:
        table = features.flatten(1)
        found.append(Measured("effective_rank", name, effective_rank(table)))
        found.append(Measured("srank", name, float(srank(table))))
    return found


def _gradients(network: nn.Module, loss: Loss, X: Tensor, y: Tensor) -> list[Measured]:
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return []
    gradient = mean_gradient(network, loss, X, y, batch_size=None)[1]
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in gradient.items():
        layers.setdefault(name.rpartition(".")[0], {})[name] = tensor
    norms = {"": norm(gradient)} | {layer: norm(tensors) for layer, tensors in layers.items() if layer}
    return [Measured("gradient_norm", layer, value) for layer, value in norms.items()]


def _distances(state: NetState, origin: NetState | None) -> list[Measured]:
    """Measure the way from the start of the lineage, where the network still has its shape."""
    if origin is None or {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in origin.items()}:
        return []
    layers = layer_distances(state, origin, scale="relative")
    values = {"": distance(state, origin, scale="relative")} | {k: v for k, v in layers.items() if k}
    return [Measured("distance_from_origin", layer, value) for layer, value in values.items()]
