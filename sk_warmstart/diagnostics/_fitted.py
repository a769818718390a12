"""Network, rows and loss of a fitted estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import validate_data
from torch import Tensor, nn

from .._compat._sklearn import num_samples, safe_indexing
from ..modules import GLOBAL_GENERATOR, each_part
from ..state import Donor, donor_of
from ..state._schema import map_labels
from ..state._sources import layers_of
from ._inputs import as_numpy, check_length
from ._measuring import as_rows_and_targets


class FittedNet(Protocol):
    """A fitted estimator of any library with a network; it may have the methods of a skorch net."""

    module_: Any


@dataclass(frozen=True)
class Fitted:
    """What is measured of a fitted estimator: its network, and rows and targets as network and loss take them."""

    net: FittedNet
    network: nn.Module
    donor: Donor
    X: Any
    y: Tensor

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss by the estimator's criterion."""
        criterion = getattr(self.net, "criterion_", None)
        if isinstance(criterion, nn.BCEWithLogitsLoss | nn.BCELoss):
            target = target.to(output.dtype)  # of two classes, whose places are whole numbers
        if target.is_floating_point() and target.numel() == output.numel():
            target = target.reshape(output.shape)
        if hasattr(self.net, "get_loss"):
            found = self.net.get_loss(output, target, training=False).mean()
            return found / len(target) if getattr(criterion, "reduction", None) == "sum" else found
        classifies = self.donor.schema.classes is not None
        return (
            nn.functional.cross_entropy(output, target) if classifies else nn.functional.mse_loss(output, target)
        )


def fitted_on(estimator: Any, X: Any, y: Any, most_rows: int, source: np.random.RandomState) -> Fitted:
    """Look up the network inside an estimator, and prepare rows for it: a sample, if there are more."""
    donor = donor_of(estimator)  # or an error that says what is missing
    layers = list(layers_of(estimator))
    net = layers[-1]
    network = getattr(net.module_, "_orig_mod", net.module_)  # what torch.compile wrapped
    X, labels = _sample(X, as_numpy(y, "y"), most_rows, source)
    for layer in layers:
        if isinstance(layer, Pipeline) and len(layer.steps) > 1:
            X = layer[:-1].transform(X)
    rows, targets = _tensors(net, network, _checked(net, X), _targets(net, donor, labels))
    return Fitted(net, network, donor, *as_rows_and_targets(network, rows, targets))


def _sample(X: Any, y: NDArray, most_rows: int, source: np.random.RandomState) -> tuple[Any, NDArray]:
    """Return rows and labels, or a random sample of them in their order where there are too many."""
    if _in_parts(X):
        X = each_part(lambda part: part.tocsr() if issparse(part) else np.asarray(part), X)
        n = num_samples(next(iter(X.values() if isinstance(X, Mapping) else X)))
    else:
        X = as_numpy(X, "X") if isinstance(X, Tensor) else X.tocsr() if issparse(X) else X
        n = num_samples(X)
    check_length(y, "y", n)
    if n <= most_rows:
        return X, y
    some = np.sort(source.permutation(n)[:most_rows])
    return each_part(lambda part: part[some], X) if _in_parts(X) else safe_indexing(X, some), y[some]


def _in_parts(X: Any) -> bool:
    """Tell whether rows have several parts; what takes them checks each."""
    listed = isinstance(X, tuple | list) and any(getattr(part, "ndim", 0) > 1 for part in X)
    return listed or (isinstance(X, Mapping) and not issparse(X))


def _checked(net: FittedNet, X: Any) -> Any:
    """Check rows as a prediction does: numbers, in the columns of the fit."""
    if _in_parts(X):
        return X
    rules = {"dtype": "numeric", "allow_nd": True}
    if isinstance(net, BaseEstimator):
        return validate_data(net, X, reset=False, accept_sparse=["csr"] * get_tags(net).input_tags.sparse, **rules)
    return check_array(X, **rules)


def _targets(net: FittedNet, donor: Donor, y: NDArray) -> NDArray:
    """Return labels as their places among the outputs, numbers as they are."""
    classes = donor.schema.classes
    # Other libraries' nets take whole numbers as the places themselves.
    if classes is None or (not hasattr(net, "_donate") and y.dtype.kind in "iu"):
        return y
    labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    codes = map_labels(classes, labels).source
    if (codes < 0).any():
        raise ValueError(
            f"y has labels that the estimator does not know: {np.unique(labels[codes < 0])[:4].tolist()} are not "
            f"among its classes_ {classes[:4].tolist()}{'...' if len(classes) > 4 else ''}"
        )
    return codes


def _tensors(net: FittedNet, network: nn.Module, X: Any, y: NDArray) -> tuple[Any, Any]:
    """Rows and targets as the estimator's own batches have them."""
    if not (hasattr(net, "get_dataset") and hasattr(net, "get_iterator")):
        return X, y
    # A DataLoader draws a number to begin with.
    with GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        batches = [(rows, targets) for rows, targets in net.get_iterator(net.get_dataset(X, y), training=False)]
    if not all(isinstance(part, Tensor) for rows, _ in batches for part in _parts(rows)):
        raise TypeError("the estimator's dataset must give each row as tensors, to be measured")
    like = next(network.parameters())

    def joined(*parts: Tensor) -> Tensor:
        whole = torch.cat(parts)
        return whole.to(like.device, like.dtype if whole.is_floating_point() else None)

    rows, targets = (each_part(joined, *part) for part in zip(*batches, strict=True))
    return rows, targets


def _parts(rows: Any) -> Any:
    return rows.values() if isinstance(rows, Mapping) else rows if isinstance(rows, tuple | list) else [rows]
