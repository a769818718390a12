"""Outputs of a network for many rows, without a DataLoader's cost."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from skorch.utils import to_numpy
from torch import nn
from torch.utils.data import DataLoader

from ..._compat._torch import NormWithStatistics
from ...modules import MLP, call, first_output
from ...training import METHODS, Rows, TensorBatches, is_overridden, rows_at_once
from .._protocol import WarmStartNet
from ..input._table import is_array, uses_default_dataset, validate_rows


class PreparedRows(NamedTuple):
    """Rows that were checked and put on the device for a net, to be predicted by it again and again."""

    rows: Rows


class KnownOutputs(NamedTuple):
    """What the network put out for some rows, to be predicted of by it."""

    output: torch.Tensor


def prepare_rows(net: WarmStartNet, X: Any) -> Any:
    """Prepare rows for predictions by the weights that a net has and will have; X where part is the user's own."""
    if is_overridden(net, "predict"):
        return X
    rows = _dataset_of(net, validate_rows(net, X))
    return X if rows is None else PreparedRows(rows)


def fast_outputs(net: WarmStartNet, X: Any) -> NDArray | None:
    """Return what skorch's ``predict_proba`` returns, or None where part of it is the user's own.

    Where skorch's numbers were asked for (``optimizer__fused=False``) or the module looks at a batch as a whole,
    the batches are skorch's too; otherwise they are larger, which a matrix product may round differently.
    """
    rows = _dataset_of(net, X)
    return None if rows is None else outputs_of(net, rows)


def _dataset_of(net: WarmStartNet, X: Any) -> Rows | None:
    """Put rows on the device; None where part of the way to predictions is the user's own."""
    if (
        not is_array(X)
        or not uses_default_dataset(net)
        or net.iterator_valid is not DataLoader
        or (net.predict_nonlinearity is not None and net.predict_nonlinearity != "auto")
        or not set(net.get_params_for("iterator_valid")) <= {"batch_size"}
        or is_overridden(net, *METHODS["prediction"])
        or getattr(net, "accelerator", None) is not None
    ):
        return None
    rows = net.get_dataset(X)
    return rows if isinstance(rows, Rows) and len(rows) else None


def outputs_of(net: WarmStartNet, rows: Rows) -> NDArray | None:
    """Return the outputs for rows on the device; None where batches of them are the user's own."""
    batches = net.get_iterator(rows, training=False)
    if not isinstance(batches, TensorBatches):
        return None
    net._set_training(False)
    size, default = _size(net, rows, batches.batch_size), type(net.module_) is MLP
    outputs = []
    # A module of the user's own may keep what it computes; inference tensors would hurt it later.
    with torch.inference_mode() if default else torch.no_grad(), batches.order():
        for first in range(0, len(rows), size):
            part = slice(first, first + size)
            if default and isinstance(rows.X, torch.Tensor) and rows.travels_to is None:
                output = net.module_(rows.X[part])  # it leaves its input alone
            else:
                output = call(net.module_, rows.batch(part)[0])
            outputs.append(first_output(output))
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return to_numpy(net._get_predict_nonlinearity()(output))


def _size(net: WarmStartNet, rows: Rows, batch_size: int) -> int:
    asked = {"optimizer__fused", "optimizer__foreach", "iterator_valid__batch_size"} & vars(net).keys()
    if asked or any(_looks_at_batches(part) for part in net.module_.modules()):
        return batch_size
    return max(batch_size, rows_at_once(rows.X) // batch_size * batch_size)


def _looks_at_batches(part: nn.Module) -> bool:
    return isinstance(part, NormWithStatistics) and part.running_mean is None
