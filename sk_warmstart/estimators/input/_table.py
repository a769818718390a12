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
from skorch.helper import SliceDataset
from skorch.utils import is_dataset
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from ...modules import MLP
from ...state import Standardizer
from ...training import Rows, SparseMatrix, as_tensor, fits_on, normalised
from ._columns import check_input, naming
from ._mapped import touch
from ._targets import targets_of

NEEDS_ARRAY = (
    "standardize=True needs X as an array, a sparse matrix or a DataFrame, whose statistics can be taken: pass "
    "one, or standardise inside your dataset"
)
ROWS_BEHIND = "_rows_behind"
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class Table:
    """Validated input of one call.

    Parameters
    ----------
    X : ndarray, sparse CSR or anything that skorch takes
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

    def rows(self, index: Any) -> Table:
        """Return some of the rows."""
        return Table(
            self.X[index],
            *(None if part is None else part[index] for part in (self.y, self.target, self.weight)),
        )

    @property
    def is_array(self) -> bool:
        """Whether rows and targets are arrays, so that they can live on the device; X may be sparse."""
        return is_array(self.X) and self.y is not None


def is_array(X: Any) -> bool:
    """Tell whether :func:`to_rows` can put the rows on the device.

    Parameters
    ----------
    X : object
        The rows.

    Returns
    -------
    bool
        True for arrays and SciPy's sparse matrices.
    """
    return isinstance(X, np.ndarray) or issparse(X)


def rows_behind(dataset: Any) -> Rows | None:
    """Return the rows on the device that belong to a dataset; None where it is the user's own.

    Parameters
    ----------
    dataset : dataset
        What splits and callbacks are shown.

    Returns
    -------
    Rows or None
        The rows.
    """
    return vars(dataset).get(ROWS_BEHIND) if isinstance(dataset, Dataset) else None


def passes_through(X: Any) -> bool:
    """Tell whether the input is one that only skorch understands.

    Parameters
    ----------
    X : object
        The input.

    Returns
    -------
    bool
        True for torch datasets (also in skorch's ``SliceDataset``), dictionaries and tuples of arrays, and tensors
        on an accelerator.
    """
    if isinstance(X, torch.Tensor):
        return X.device.type != "cpu"
    if issparse(X):  # one of SciPy's formats is a Mapping
        return False
    return (
        is_dataset(X)
        or isinstance(X, SliceDataset | Mapping)
        or (isinstance(X, list | tuple) and any(getattr(part, "ndim", 0) > 1 for part in X))
    )


def validate(net: Any, X: Any, y: Any, sample_weight: Any, reset: bool, learn: bool = True) -> Table:
    """Check the input of a fit.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net; it learns the columns and the labels.
    X : array-like or sparse matrix
        What the user passed.
    y, sample_weight : array-like
        What belongs to it.
    reset : bool
        Whether the columns are learned, or must be those that are known.
    learn : bool, default=True
        Whether labels are learned where ``schema="adapt"`` allows it.

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
        if net.standardize:
            raise ValueError(NEEDS_ARRAY)
        if sample_weight is not None:
            raise ValueError("sample_weight needs X as an array; put the weights into the dataset instead")
        return Table(X, y, None if y is None else targets.encode(net, np.asarray(y)), None)
    if y is None and net.iterator_train is not DataLoader:
        return Table(X, None, None, None)  # the user's own loader knows the targets
    if y is None:
        raise ValueError(
            f"{type(net).__name__} requires y to be passed, but the target y is None. It is part of a Dataset only"
        )
    if getattr(y, "ndim", None) == 0 or np.isscalar(y):
        raise ValueError(f"y should have a target for each row of X, got {y!r}")
    check_input(X)
    touch(X)
    with naming("y", X):
        X, y = validate_data(net, _as_numpy(X), _as_numpy(y), reset=reset, **_array_rules(net), **targets.rules)
    y = targets.check(net, y, learn)
    weight = None
    if sample_weight is not None:
        with naming("sample_weight"):
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return Table(X, y, targets.encode(net, y), targets.weigh(net, y, weight))


def validate_rows(net: Any, X: Any) -> Any:
    """Check the input of a prediction.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.
    X : array-like or sparse matrix
        What the user passed.

    Returns
    -------
    ndarray, sparse CSR, or the input itself where only skorch understands it
        The rows.
    """
    if isinstance(X, Rows | Subset) or rows_behind(X) is not None:
        return X
    if passes_through(X):
        if net.__dict__.get("scaler_") is not None:
            raise ValueError(NEEDS_ARRAY)
        return X
    if not hasattr(net, "n_features_in_"):
        # Initialised by hand: nothing is known of the columns.
        return X if issparse(X) else np.asarray(_as_numpy(X))
    check_input(X)
    touch(X)
    with naming("X", X):
        return validate_data(net, _as_numpy(X), reset=False, **_array_rules(net))


def to_rows(
    table: Table, dtype: torch.dtype, network: nn.Module | None, device: Any, scaler: Standardizer | None = None
) -> Rows:
    """Put a table on the device; what does not fit there stays in host memory, and its batches travel.

    Parameters
    ----------
    table : Table
        Validated input; an array, dense or sparse.
    dtype : torch.dtype
        The network's.
    network : nn.Module or None
        Integers stay integers where it looks them up in an embedding.
    device : str or torch.device
        Where to.
    scaler : Standardizer or None, default=None
        Statistics that the rows are standardised by, in double precision.

    Returns
    -------
    Rows
        The rows.

    Raises
    ------
    ValueError
        If they are no array, or hold numbers that the dtype cannot.
    """
    scaled = table.X
    if not is_array(scaled):
        raise ValueError(
            f"X_val must be an array, a sparse matrix or a DataFrame, as X is, got {type(scaled).__name__}"
        )
    if scaler is not None:
        scaled = scaler.transform(table.X, np.float64 if dtype == torch.float64 else np.float32)
    input_dtype = _input_dtype(scaled, dtype, network)
    travels_to = None
    if not fits_on(device, _nbytes(scaled, input_dtype)):
        travels_to, device = torch.device(device), "cpu"
    X = (
        SparseMatrix.from_scipy(scaled, input_dtype, device)
        if issparse(scaled)
        else as_tensor(scaled, input_dtype, device, only_read=True)  # a batch is a copy
    )
    _check_overflow("X", scaled, X.values if isinstance(X, SparseMatrix) else X)
    y = None
    if table.target is not None:
        floating = table.target.dtype.kind == "f"
        y = as_tensor(table.target, dtype if floating else None, device)
        _check_overflow("y", table.target, y)
    weight = None if table.weight is None else as_tensor(table.weight, dtype, device)
    return Rows(X, y, normalised(weight), travels_to)


def split_rows(rows: Rows, valid: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Split rows for validation.

    Parameters
    ----------
    rows : Rows
        All rows.
    valid : ndarray of bool, shape (n_samples,)
        Which of them validate.

    Returns
    -------
    train, valid : Rows
        The two sides, with weights of mean 1 on each.
    """
    chosen = torch.from_numpy(valid)
    sides = rows.take(~chosen), rows.take(chosen)
    for side in sides:
        side.weight = normalised(side.weight)
    return sides


def uses_plain_dataset(net: Any) -> bool:
    """Tell whether the net has skorch's own dataset class, which :class:`Rows` may stand in for."""
    return net.dataset is SkorchDataset and not net.get_params_for("dataset")


def _check_overflow(name: str, given: Any, taken: torch.Tensor) -> None:
    """Refuse numbers that the narrower dtype of the network cannot hold; it would make infinities of them."""
    if given.dtype.kind != "f" or not taken.is_floating_point() or taken.dtype.itemsize >= given.dtype.itemsize:
        return
    # A sum is quick, and finite unless there is something to look for.
    if not bool(torch.isfinite(taken.sum())) and not bool(torch.isfinite(taken).all()):
        raise ValueError(
            f"Input {name} contains a value too large for {str(taken.dtype).removeprefix('torch.')}, the dtype of "
            "the network: scale it, or set dtype='float64' and fit anew"
        )


def _nbytes(X: Any, dtype: torch.dtype | None) -> int:
    if issparse(X):
        return int(X.nnz) * (X.dtype.itemsize + 8) + 8 * (X.shape[0] + 1)  # in any format, as it will be kept
    return int(X.size) * (X.dtype.itemsize if dtype is None else dtype.itemsize)


def _input_dtype(X: Any, dtype: torch.dtype, network: nn.Module | None) -> torch.dtype | None:
    if X.dtype.kind == "f" or network is None:
        return dtype
    looks_up = any(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in network.modules())
    return None if looks_up else dtype


def _array_rules(net: Any) -> dict[str, Any]:
    """A module of the user's own may take images, or integers to look up."""
    default = net.module is MLP or isinstance(net.module, MLP)
    dtype = [np.float64, np.float32] if default else "numeric"
    return {"accept_sparse": "csr", "dtype": dtype, "allow_nd": not default}


def _as_numpy(data: Any) -> Any:
    return data.detach().numpy() if isinstance(data, torch.Tensor) and data.device.type == "cpu" else data
