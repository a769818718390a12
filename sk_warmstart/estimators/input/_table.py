"""Validated rows, targets and weights of one call, and the tensors made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.validation import validate_data
from skorch.dataset import Dataset as SkorchDataset
from skorch.helper import SliceDataset
from skorch.utils import is_dataset
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from ..._compat._sklearn import check_sample_weight
from ...modules import MLP, MaskedAutoencoder
from ...state.rows._standardizer import Standardizer
from ...training import Narrow, Parts, Rows, SparseMatrix, as_tensor, fits_on, normalised
from .._protocol import WarmStartNet
from ._columns import as_frame, check_input, naming
from ._datasets import (
    Coded,
    Encoded,
    as_labels,
    check_dataset,
    check_has_targets,
    first_target,
    gives_labels,
    is_indexed,
    labels_in,
    read_labels,
    with_targets,
)
from ._parts import RowParts, are_parts, as_numpy, conforming, read_parts
from ._targets import targets_of

NEEDS_ARRAY = (
    "standardize=True needs X as an array, a sparse matrix or a DataFrame, whose statistics can be taken: pass "
    "one, or standardise inside your dataset, or the parts of a dictionary before (a Pipeline)"
)
_UNWEIGHABLE = (
    "sample_weight needs X as an array, a sparse matrix, a DataFrame or a dictionary of arrays, and no dataset of "
    "your own, got {kind}: pass such an X, or let the dataset give the weights as a part of its rows, in a "
    "dictionary, and weigh the rows in a get_loss of your own, with criterion__reduction='none'"
)
ROWS_BEHIND = "_rows_behind"
_OF_TABLES = (MLP, MaskedAutoencoder)
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class Table:
    """Validated input of one call; ``y`` is as the user gave it, ``target`` as the criterion wants it.

    ``class_weight`` has an entry a label where rows cannot have a ``weight``: they are not on the device.
    ``has_labels`` tells of a dataset that it gives the place of one label a row, and
    ``first`` is the target of its first row, where these are numbers.
    """

    X: Any
    y: Any
    target: NDArray | None
    weight: NDArray | None
    class_weight: NDArray | None = None
    has_labels: bool = False
    first: NDArray | None = None

    def rows(self, index: Any) -> Table:
        """Return some of the rows."""
        y, target, weight = (None if part is None else part[index] for part in (self.y, self.target, self.weight))
        return Table(self.X[index], y, target, weight)

    @property
    def is_array(self) -> bool:
        """Whether rows and targets are arrays, so that they can live on the device; X may be sparse."""
        return is_array(self.X) and self.y is not None

    @property
    def is_indexed(self) -> bool:
        """Whether rows are read one by one, in any order, from a dataset."""
        return is_indexed(self.X)

    @property
    def target_ndim(self) -> int:
        """Dimensions of the targets as the user gave them."""
        return getattr(self.y, "ndim", 2) if self.first is None else self.first.ndim


def is_array(X: Any) -> bool:
    """Tell whether X is an array, one of SciPy's sparse matrices, or in several parts: it can live on a device."""
    return isinstance(X, np.ndarray | RowParts) or issparse(X)


def rows_behind(dataset: Any) -> Rows | None:
    """Return the rows on the device that a dataset is a view of; None where it is the user's own."""
    return vars(dataset).get(ROWS_BEHIND) if isinstance(dataset, Dataset) else None


def passes_through(net: WarmStartNet, X: Any) -> bool:
    """Tell whether only skorch understands X: datasets, tensors elsewhere, parts for the user's dataset."""
    if is_dataset(X) or isinstance(X, SliceDataset) or (are_parts(X) and not uses_default_dataset(net)):
        return True
    parts = X.values() if isinstance(X, Mapping) and not issparse(X) else X if isinstance(X, list | tuple) else [X]
    return any(isinstance(part, torch.Tensor) and part.device.type != "cpu" for part in parts)


def validate(
    net: WarmStartNet,
    X: Any,
    y: Any,
    sample_weight: Any,
    reset: bool,
    *,
    learn: bool = True,
    starts_warm: bool = False,
    n_outputs: int | None = None,
) -> Table:
    """Check the input of a fit, in scikit-learn's words where it has any; the net learns columns and labels.

    ``reset`` learns the columns anew, ``learn`` takes in new labels where ``schema="adapt"`` allows it, and
    ``n_outputs`` is what numbers must have as many columns as.
    """
    targets, X = targets_of(net), as_frame(X)
    check_dataset(X)
    if passes_through(net, X):
        if net.standardize:
            raise ValueError(NEEDS_ARRAY)
        if sample_weight is not None:
            raise ValueError(_UNWEIGHABLE.format(kind=f"a {type(X).__name__}"))
        return _passed_through(net, X, y, learn, starts_warm)
    if y is None and net.iterator_train is not DataLoader:
        return Table(X, None, None, None)  # the user's own loader has the targets
    if y is None:
        raise ValueError(
            f"{type(net).__name__} requires y to be passed, but the target y is None. It is part of a Dataset only"
        )
    if getattr(y, "ndim", None) == 0 or np.isscalar(y):
        raise ValueError(f"y should have a target for each row of X, got {y!r}")
    if are_parts(X):
        X, y = _read_parts(net, X), as_numpy(y)
        with naming("y"):
            y = validate_data(net, y=y, reset=False, **targets.rules)
        check_consistent_length(X, y)
    else:
        check_input(X)
        with naming("y", X, starts_warm):
            X, y = validate_data(net, as_numpy(X), as_numpy(y), reset=reset, **_array_rules(net), **targets.rules)
            X = _as_numbers(X)
    y = targets.check(net, y, learn, n_outputs)
    if not uses_default_dataset(net):
        if sample_weight is not None:
            raise ValueError(_UNWEIGHABLE.format(kind="a dataset class of your own"))
        return Table(X, y, targets.encode(net, y, starts_warm), None, targets.weigh_classes(net, y))
    weight = None
    if sample_weight is not None:
        with naming("sample_weight"):
            weight = check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    return Table(X, y, targets.encode(net, y, starts_warm), targets.weigh(net, y, weight))


def _passed_through(net: WarmStartNet, X: Any, y: Any, learn: bool, starts_warm: bool) -> Table:
    """What only skorch understands; its labels, where they can be seen, are learned and encoded."""
    targets, indexed = targets_of(net), is_indexed(X)
    if y is not None and indexed and len(y) != len(X):
        raise ValueError(f"y has {len(y)} targets for the {len(X)} rows of the dataset")
    if y is None and indexed and not targets.absent and _collates(net, "iterator_train"):
        check_has_targets(X)
    if not targets.are_labels:
        if y is not None:
            y = np.asarray(as_numpy(y))
            assert_all_finite(y, input_name="y")
        target = None if y is None else targets.encode(net, targets.check(net, y, learn))
        first = first_target(X) if y is None and indexed and not targets.absent else None
        return Table(X if target is None or not indexed else Encoded(X, target), y, target, None, first=first)
    labels = as_labels(y) if y is not None else labels_in(X)
    if labels is None and y is None and indexed and net.iterator_train is DataLoader and gives_labels(X):
        known = vars(net).get("classes_inferred_")
        if known is not None and net.schema == "strict" and getattr(net, "class_weight", None) is None:
            coded = Coded(X, np.asarray(known), by_place=getattr(net, "classes", None) is not None)
            return Table(coded, None, None, None, has_labels=True)
        labels = read_labels(X, int(net.get_params_for("iterator_train").get("num_workers", 0)))
    if labels is None:
        targets.weigh_classes(net, None)
        return Table(X, y, None if y is None else targets.encode(net, np.asarray(y), starts_warm), None)
    in_column = labels.ndim > 1
    labels = targets.check(net, labels.ravel() if y is None else labels, learn)
    codes, weights = targets.encode(net, labels, starts_warm), targets.weigh_classes(net, labels)
    if (indexed or y is None) and not (y is None and codes is labels and weights is None and not in_column):
        X = Encoded(X, codes)
    given = (None, None) if y is None else (labels, codes)
    return Table(X, given[0], given[1], None, weights, has_labels=indexed)


def validate_rows(net: WarmStartNet, X: Any) -> Any:
    """Check the input of a prediction; what only skorch understands is returned as it is."""
    X = as_frame(X)
    if isinstance(X, Rows) or rows_behind(X) is not None:
        return X
    check_dataset(X)
    if isinstance(X, Subset):
        return X
    if passes_through(net, X):
        if net._current.scaler is not None:
            raise ValueError(NEEDS_ARRAY)
        return with_targets(X) if _collates(net, "iterator_valid") else X
    if are_parts(X):
        return conforming(_read_parts(net, X), net._current.schema)
    conforming(X, net._current.schema)
    if not hasattr(net, "n_features_in_"):
        # Nothing is known of the columns: initialised by hand, or fitted on a dataset.
        X = X if issparse(X) else np.asarray(as_numpy(X))
        assert_all_finite(X, input_name="X")
        return X
    check_input(X)
    with naming("X", X):
        return _as_numbers(validate_data(net, as_numpy(X), reset=False, **_array_rules(net)))


def _as_numbers(X: Any) -> Any:
    """Return validated rows as torch has them: those of a DataFrame with categories may still be objects."""
    return X.astype(np.float64) if X.dtype.kind == "O" or X.dtype.itemsize > 8 else X


def to_rows(
    table: Table, dtype: torch.dtype, network: nn.Module | None, device: Any, scaler: Standardizer | None = None
) -> Rows:
    """Put a table on the device; what does not fit there stays in host memory, and its batches travel.

    Integers stay integers where the network looks them up; the scaler standardises in double precision.
    """
    given = table.X
    if not is_array(given):
        raise ValueError(
            "X_val must be an array, a sparse matrix, a DataFrame, a dictionary or tuple of arrays, or a Dataset, "
            f"as X is, got {type(given).__name__}"
        )
    if scaler is not None:
        given = scaler.transform(given, np.float64 if dtype == torch.float64 else np.float32)
    arrays = given.parts if isinstance(given, RowParts) else {"": given}
    dtypes = {name: _dtypes(array, dtype, network, several=len(arrays) > 1) for name, array in arrays.items()}
    travels_to = None
    if not fits_on(device, sum(_nbytes(array, dtypes[name][0]) for name, array in arrays.items())):
        travels_to, device = torch.device(device), "cpu"
    parts = {name: _on_device(array, *dtypes[name], device) for name, array in arrays.items()}
    X: Any = Parts(parts, given.named) if isinstance(given, RowParts) else parts[""]
    if (
        isinstance(given, RowParts)
        and type(getattr(network, "_orig_mod", network)) is MLP
        and list(parts) == ["X"]
    ):
        X = parts["X"]  # its only argument
    y = None
    if table.target is not None:
        floating = table.target.dtype.kind == "f"
        y = as_tensor(table.target, dtype if floating else None, device)
        _check_overflow("y", table.target, y)
    weight = None if table.weight is None else as_tensor(table.weight, dtype, device)
    return Rows(X, y, normalised(weight), travels_to)


def split_rows(rows: Rows, valid: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Split rows by a mask into training and validation, with weights of mean 1 on each side."""
    chosen = torch.from_numpy(valid)
    sides = rows.take(~chosen), rows.take(chosen)
    for side in sides:
        side.weight = normalised(side.weight)
    return sides


def reweighed(table: Table, train: Any) -> NDArray | None:
    """Return the weights of the classes of a dataset, of mean 1 over the rows that are trained on."""
    weights = table.class_weight
    if weights is None or not isinstance(table.X, Encoded):
        return weights
    mean = weights[np.asarray(table.X.targets)[train]].mean()
    return weights / mean if mean > 0 else weights


def uses_default_dataset(net: WarmStartNet) -> bool:
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


def _on_device(array: Any, stored: torch.dtype | None, taken: torch.dtype | None, device: Any) -> Any:
    """Return an array as a tensor, sparse, or narrow where a network takes another dtype than it is kept in."""
    if issparse(array):
        sparse = SparseMatrix.from_scipy(array, stored, device)
        _check_overflow("X", array, sparse.values)
        return sparse
    tensor = as_tensor(array, stored, device, only_read=True)  # a batch is a copy
    _check_overflow("X", array, tensor)
    return tensor if taken is None or taken == tensor.dtype else Narrow(tensor, taken)


def _dtypes(
    array: Any, dtype: torch.dtype, network: nn.Module | None, several: bool
) -> tuple[torch.dtype | None, torch.dtype | None]:
    """Return the dtypes that an array is kept in, and that the network takes; None is its own.

    Images are kept in bytes. Whole numbers stay whole where they may be looked up: beside other parts, and in a
    network with embeddings; of the small ones torch wants 64 bits there.
    """
    if array.dtype.kind == "f" or network is None:
        return dtype, dtype
    is_bytes = array.dtype == np.uint8 and not issparse(array)
    looks_up = several or any(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in network.modules())
    if looks_up and not (is_bytes and array.ndim > 2):
        small = array.dtype.kind in "iu" and array.dtype.itemsize < 4 and not issparse(array)
        return None, torch.int64 if small else None
    return (None if is_bytes else dtype), dtype


def _read_parts(net: WarmStartNet, X: Any) -> RowParts:
    """Check rows in several parts, which are cast as one array would be."""
    if net.standardize:
        raise ValueError(NEEDS_ARRAY)
    parts = read_parts(X)
    if not _takes_tables(net):
        return parts
    floats = {name: a if a.dtype in ("f4", "f8") else a.astype("f8") for name, a in parts.parts.items()}
    return RowParts(floats, parts.named, parts.columns)


def _takes_tables(net: WarmStartNet) -> bool:
    return net.module in _OF_TABLES or isinstance(net.module, _OF_TABLES)


def _collates(net: WarmStartNet, iterator: str) -> bool:
    """Whether torch's own loader makes batches of the rows, as they are."""
    return getattr(net, iterator) is DataLoader and "collate_fn" not in net.get_params_for(iterator)


def _array_rules(net: WarmStartNet) -> dict[str, Any]:
    """A module of the user's own may take images, or integers to look up."""
    default = _takes_tables(net)
    dtype = [np.float64, np.float32] if default else "numeric"
    return {"accept_sparse": "csr", "dtype": dtype, "allow_nd": not default}
