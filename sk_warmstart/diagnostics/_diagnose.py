"""Table of all measures of a fitted estimator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from torch import Tensor

from .._compat._torch import Convolution
from ..modules import parts_of
from ..modules._structure import weighted_layers
from ._activations import layer_inputs
from ._fitted import Fitted, fitted_on
from ._measuring import mean_gradient, norm, untouched
from ._rng import Rng, numpy_rng
from .network._distance import distance, layer_distances
from .network._dormant import dormant_scores
from .network._rank import effective_rank, srank
from .network._sharpness import ascent_sharpness, sharpness

_MOST_ROWS = 5000
_BATCH = 1024
_COLUMNS = ["measure", "layer", "value", "low", "high", "meaning"]
_MEANINGS = {
    "loss": "Mean loss of the rows.",
    "dormant_share": "Share of the hidden units that are silent on all rows.",
    "effective_rank": "How many directions the features given to the layer span, weighted by their size.",
    "srank": "How many directions hold 99 percent of the features given to the layer.",
    "gradient_norm": "How strongly the rows pull at the weights; small where training has converged on such rows.",
    "sharpness": "Mean rise of the loss when each weight tensor is moved at random by 5 percent of its norm.",
    "ascent_sharpness": "Rise of the loss after a step of length 0.05 up the gradient.",
    "distance_from_origin": "Distance of the weights from those that the first fit of the lineage began with.",
    "relative_distance_from_origin": "Distance of the weights from these first ones, as a share of their norm.",
}
_Measured = tuple[str, str | None, float, float, float]  # measure, layer, value, least and greatest possible


def diagnose(estimator: Any, X: Any, y: Any, *, rng: Rng = None) -> pd.DataFrame:
    """Measure the network of a fitted estimator on rows: plasticity, sharpness, distance from its origin.

    The estimator is left as it is. Rows enter as for ``predict``: they go through the earlier steps of a Pipeline,
    and are standardised where the estimator does that. The loss is the estimator's criterion, without weights of
    rows. Of more than 5,000 rows a random sample counts.

    Parameters
    ----------
    estimator : estimator
        A fitted ``WarmStartClassifier`` or ``WarmStartRegressor`` (or another estimator with a torch network in
        ``module_``), a Pipeline that ends in one, or a search over one.
    X : array-like or sparse matrix of shape (n_samples, n_features), or array-like of shape (n_samples, ...)
        The rows; or a dictionary or tuple of arrays, where the estimator was fitted on one.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or numbers, as for ``fit``.
    rng : int, Generator, RandomState, torch.Generator or None, default=None
        Draws the sample, and the directions of ``sharpness``; a generator moves on. None draws the same ones at
        every call, so two networks of one architecture are measured alike.

    Returns
    -------
    DataFrame
        One row for each measure of the whole network, and one for each layer that has the measure. Columns are
        ``measure``; ``layer``, missing for the whole network; ``value``; ``low`` and ``high``, the least and the
        greatest value that is possible; and ``meaning``, a sentence. Measures are ``loss``, ``dormant_share``,
        ``effective_rank`` and ``srank`` (features are averaged over positions), ``gradient_norm``, ``sharpness``,
        ``ascent_sharpness``, and, where the first weights are known, ``distance_from_origin`` and
        ``relative_distance_from_origin``.

    Raises
    ------
    ValueError
        If the estimator is not fitted, rows and targets do not fit it or have missing values, or the network has
        diverged.
    TypeError
        If there is no torch network in the estimator, or its dataset gives rows that are not tensors.

    See Also
    --------
    dormant_scores, effective_rank, srank, gradient_norm, sharpness, ascent_sharpness, distance : The measures.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_warmstart import WarmStartClassifier, diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> net = WarmStartClassifier(standardize=True, max_epochs=20, random_state=0).fit(X, y)
    >>> table = diagnose(net, X, y)
    >>> table[table["layer"].isna()]["measure"].tolist()[:3]
    ['loss', 'dormant_share', 'gradient_norm']
    >>> table.query("measure == 'effective_rank'")["layer"].tolist()
    ['hidden.2', 'output']
    """
    fitted = fitted_on(estimator, X, y, _MOST_ROWS, numpy_rng(rng))
    rows = [*_losses(fitted, rng), *_units(fitted), *_ranks(fitted), *_gradients(fitted), *_distances(fitted)]
    order = list(_MEANINGS)
    rows.sort(key=lambda row: order.index(row[0]))  # stable: layers stay in their order
    return pd.DataFrame([(*row, _MEANINGS[row[0]]) for row in rows], columns=_COLUMNS).astype({"value": float})


def _losses(fitted: Fitted, rng: Rng) -> Iterator[_Measured]:
    """Measure the loss, and how it rises around the weights."""
    given = (fitted.network, fitted.loss, fitted.X, fitted.y)
    found = sharpness(*given, rng=rng, batch_size=_BATCH)
    yield "loss", None, found.loss, -math.inf, math.inf
    yield "sharpness", None, found.value, -math.inf, math.inf
    if _is_trained(fitted):
        yield "ascent_sharpness", None, ascent_sharpness(*given, batch_size=_BATCH), -math.inf, math.inf


def _units(fitted: Fitted) -> Iterator[_Measured]:
    """Measure the share of silent units of the network and of each layer."""
    scores = dormant_scores(fitted.network, fitted.X)
    silent = {layer: int((score <= 0).sum()) for layer, score in scores.items()}
    if scores:
        yield "dormant_share", None, sum(silent.values()) / sum(map(len, scores.values())), 0.0, 1.0
    for layer, score in scores.items():
        yield "dormant_share", layer, silent[layer] / len(score), 0.0, 1.0


def _ranks(fitted: Fitted) -> Iterator[_Measured]:
    """Measure the ranks of the features that each layer with weights is given."""
    layers = dict(weighted_layers(fitted.network))
    with untouched(fitted.network, fitted.X):
        given = layer_inputs(fitted.network, fitted.X)
    for name, features in given.items():
        if name not in layers or not features.is_floating_point() or features.ndim < 2:
            continue
        if any(features.shape == part.shape and bool((features == part).all()) for part in parts_of(fitted.X)):
            continue  # the rows themselves
        table = _averaged(features, isinstance(layers[name], Convolution))
        most = min(table.shape)
        yield "effective_rank", name, effective_rank(table), 0.0, most
        yield "srank", name, srank(table), 0.0, most


def _averaged(features: Tensor, channels: bool) -> Tensor:
    """One line a row, averaged over positions, which follow the channels of a convolution."""
    if features.ndim == 2:
        return features
    return features.flatten(2).mean(2) if channels else features.flatten(1, -2).mean(1)


def _gradients(fitted: Fitted) -> Iterator[_Measured]:
    """Measure the norm of the gradient of the network and of each layer."""
    if not _is_trained(fitted):
        return
    with untouched(fitted.network, fitted.X):
        gradient = mean_gradient(fitted.network, fitted.loss, fitted.X, fitted.y, _BATCH)[1]
    yield "gradient_norm", None, norm(gradient), 0.0, math.inf
    for layer, tensors in _by_layer(gradient).items():
        yield "gradient_norm", layer, norm(tensors), 0.0, math.inf


def _distances(fitted: Fitted) -> Iterator[_Measured]:
    """Measure the distance from the first weights of the lineage, where they are known."""
    state, origin = fitted.donor.state, fitted.donor.origin
    if origin is None:
        return
    for measure, scale in (("distance_from_origin", "absolute"), ("relative_distance_from_origin", "relative")):
        yield measure, None, distance(state, origin, scale=scale), 0.0, math.inf
        for layer, value in layer_distances(state, origin, scale=scale).items():
            yield measure, layer, value, 0.0, math.inf


def _is_trained(fitted: Fitted) -> bool:
    """Tell whether any parameter is trained."""
    return any(parameter.requires_grad for parameter in fitted.network.parameters())


def _by_layer(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Group parameters by the name of their layer."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layers.setdefault(name.rpartition(".")[0], {})[name] = tensor
    return layers
