"""Outputs of a network for many rows, without a DataLoader's cost."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from skorch.utils import to_numpy
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.data import DataLoader

from ...modules import MLP, first_output
from ...training import Rows, TensorBatches, is_own
from ..input._table import is_array, uses_plain_dataset
from ._loop import affordable_rows

# What skorch's prediction is made of: whoever defines one of these gets skorch's prediction.
_PARTS = (
    "predict_proba",
    "forward_iter",
    "evaluation_step",
    "infer",
    "get_dataset",
    "get_iterator",
    "_get_predict_nonlinearity",
    "_set_training",
)


def fast_outputs(net: Any, X: Any) -> NDArray | None:
    """Return what skorch's ``predict_proba`` returns, if nothing of it is the user's own.

    Parameters
    ----------
    net : skorch.NeuralNet
        A fitted net.
    X : ndarray or sparse matrix
        Validated rows.

    Returns
    -------
    ndarray or None
        The outputs; None where skorch must make them. Where skorch's numbers were asked for
        (``optimizer__fused=False``) or the module looks at a batch as a whole, the batches are skorch's too;
        otherwise they are larger, which a matrix product may round differently.
    """
    if (
        not is_array(X)
        or not uses_plain_dataset(net)
        or net.iterator_valid is not DataLoader
        or (net.predict_nonlinearity is not None and net.predict_nonlinearity != "auto")
        or not set(net.get_params_for("iterator_valid")) <= {"batch_size"}
        or is_own(net, *_PARTS)
        or getattr(net, "accelerator", None) is not None
    ):
        return None
    rows = net.get_dataset(X)
    if not isinstance(rows, Rows) or not len(rows):
        return None
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
                output = net.module_(rows.batch(part)[0])
            outputs.append(first_output(output))
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return to_numpy(net._get_predict_nonlinearity()(output))


def _size(net: Any, rows: Rows, batch_size: int) -> int:
    asked = {"optimizer__fused", "optimizer__foreach", "iterator_valid__batch_size"} & vars(net).keys()
    if asked or any(_looks_at_batches(part) for part in net.module_.modules()):
        return batch_size
    return max(batch_size, affordable_rows(rows) // batch_size * batch_size)


def _looks_at_batches(part: nn.Module) -> bool:
    return isinstance(part, _NormBase) and part.running_mean is None
