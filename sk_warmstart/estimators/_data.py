"""From what the user passes to the rows that are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import _check_sample_weight, validate_data
from skorch.dataset import Dataset as SkorchDataset
from skorch.utils import is_dataset
from torch import nn
from torch.utils.data import Subset

from ..modules import MLP
from ..state import row_ids, sample_ids, validation_mask
from ..training import Rows, as_tensor, normalised
from ._targets import targets_of

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class Table:
    """Validated input of one call.

    Parameters
    ----------
    X : ndarray or anything that skorch takes
        The rows.
    y : ndarray or None
        Targets as the user gave them.
    target : ndarray or None
        Targets as the criterion wants them.
    weight : ndarray or None
        Weights of the rows.
    """

    X: Any
    y: Any
    target: NDArray | None
    weight: NDArray | None

    @property
    def is_array(self) -> bool:
        """Whether the rows are an array, so that they can live on the device."""
        return isinstance(self.X, np.ndarray)


def passes_through(X: Any) -> bool:
    """Tell whether the input is one that only skorch understands.

    Parameters
    ----------
    X : object
        The input.

    Returns
    -------
    bool
        True for torch datasets, dictionaries and tuples of arrays, and tensors on an accelerator.
    """
    if isinstance(X, torch.Tensor):
        return X.device.type != "cpu"
    if issparse(X):  # one of SciPy's formats is a Mapping
        return False
    return (
        is_dataset(X)
        or isinstance(X, Mapping)
        or (isinstance(X, list | tuple) and any(getattr(part, "ndim", 0) > 1 for part in X))
    )


def validate(net: Any, X: Any, y: Any, sample_weight: Any, reset: bool) -> Table:
    """Check the input of a fit.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net; it learns the columns and the labels.
    X, y, sample_weight : array-like
        What the user passed.
    reset : bool
        Whether the columns are learned, or must be those that are known.

    Returns
    -------
    Table
        The input, validated and encoded.

    Raises
    ------
    ValueError
        In scikit-learn's words where it has any.
    """
    targets = targets_of(net)
    if passes_through(X):
        if sample_weight is not None:
            raise ValueError("sample_weight needs X as an array; put the weights into the dataset instead")
        return Table(X, y, None if y is None else targets.encode(net, np.asarray(y)), None)
    if y is None:
        raise ValueError(
            f"{type(net).__name__} requires y to be passed, but the target y is None. It is part of a Dataset only"
        )
    X, y = validate_data(net, _as_numpy(X), _as_numpy(y), reset=reset, **_array_rules(net), **targets.rules)
    y = targets.check(net, y)
    weight = None
    if sample_weight is not None:
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return Table(X, y, targets.encode(net, y), targets.weigh(net, y, weight))


def validate_rows(net: Any, X: Any) -> Any:
    """Check the input of a prediction.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.
    X : array-like
        What the user passed.

    Returns
    -------
    ndarray, or the input itself where only skorch understands it
        The rows.
    """
    if passes_through(X) or isinstance(X, Rows | Subset):
        return X
    if not hasattr(net, "n_features_in_"):
        return np.asarray(_as_numpy(X))  # initialised by hand: nothing is known of the columns
    return validate_data(net, _as_numpy(X), reset=False, **_array_rules(net))


def to_rows(table: Table, dtype: torch.dtype, network: nn.Module | None, device: Any) -> Rows:
    """Put a table on the device.

    Parameters
    ----------
    table : Table
        Validated input; an array.
    dtype : torch.dtype
        The network's.
    network : nn.Module or None
        Integers stay integers where it looks them up in an embedding.
    device : str or torch.device
        Where to.

    Returns
    -------
    Rows
        The rows.
    """
    X = as_tensor(table.X, _input_dtype(table.X, dtype, network), device)
    y = None
    if table.target is not None:
        floating = table.target.dtype.kind == "f"
        y = as_tensor(table.target, dtype if floating else None, device)
    weight = None if table.weight is None else as_tensor(table.weight, dtype, device)
    return Rows(X, y, normalised(weight))


def split_rows(
    rows: Rows, X: NDArray, sample_id: Any, columns: NDArray | None, fraction: float
) -> tuple[Rows, Rows]:
    """Split rows for validation by their identity, so that a row never changes sides.

    Parameters
    ----------
    rows : Rows
        All rows.
    X : ndarray of shape (n_samples, ...)
        Their content, which identifies them where ``sample_id`` is None.
    sample_id : array-like of shape (n_samples,) or None
        Their identities.
    columns : ndarray of str or None
        Names of the columns.
    fraction : float
        Share of rows that validates, on average.

    Returns
    -------
    train, valid : Rows
        The two sides.

    Raises
    ------
    ValueError
        If one side is empty, or there are not as many identities as rows.
    """
    if sample_id is not None and len(np.asarray(sample_id)) != len(X):
        raise ValueError(f"sample_id has {len(np.asarray(sample_id))} entries for {len(X)} rows")
    ids = row_ids(X, None if columns is None else list(columns)) if sample_id is None else sample_ids(sample_id)
    mask = validation_mask(ids, fraction)
    n_valid = int(mask.sum())
    if n_valid in (0, len(mask)):
        raise ValueError(
            f"early_stopping=True needs rows on both sides of the split, but with n_samples={len(mask)} and "
            f"validation_fraction={fraction:g} there are {n_valid} to validate: give more rows, another "
            "validation_fraction, or X_val and y_val"
        )
    chosen = torch.from_numpy(mask)
    train, valid = rows.take(~chosen), rows.take(chosen)
    train.weight, valid.weight = normalised(train.weight), normalised(valid.weight)
    return train, valid


def uses_plain_dataset(net: Any) -> bool:
    """Tell whether the net has skorch's own dataset class, which :class:`Rows` may stand in for."""
    return net.dataset is SkorchDataset and not net.get_params_for("dataset")


def _input_dtype(X: NDArray, dtype: torch.dtype, network: nn.Module | None) -> torch.dtype | None:
    if X.dtype.kind == "f" or network is None:
        return dtype
    looks_up = any(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in network.modules())
    return None if looks_up else dtype


def _array_rules(net: Any) -> dict[str, Any]:
    """A module of the user's own may take images, or integers to look up."""
    default = net.module is MLP or isinstance(net.module, MLP)
    return {"dtype": [np.float64, np.float32] if default else "numeric", "allow_nd": not default}


def _as_numpy(data: Any) -> Any:
    return data.detach().numpy() if isinstance(data, torch.Tensor) and data.device.type == "cpu" else data
