"""Outputs of an epoch for its validation rows, so that each score need not compute them anew."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from skorch.utils import to_numpy
from torch import Tensor
from torch.utils.data import DataLoader

from ...modules import first_output
from ...training import METHODS, Rows, TensorBatches, is_overridden, needs_batch_events
from .._protocol import WarmStartNet
from ..input._targets import targets_of


class Validated:
    """Outputs of one epoch."""

    def __init__(self, rows: Any, outputs: list[tuple[Any, Tensor]]):
        self.rows = rows
        self.output: Tensor = torch.cat([first_output(output) for output, _ in outputs])
        self.y: Any = rows.y if isinstance(rows, Rows) else torch.cat([y for _, y in outputs])

    def accuracy(self, net: WarmStartNet) -> float:
        """Return what skorch's ``valid_acc`` is: every row counts alike."""
        guess = to_numpy(net._get_predict_nonlinearity()(self.output)).argmax(1)
        return float((guess == to_numpy(self.y)).mean())


def is_accuracy(callback: Any) -> bool:
    """Tell whether a callback is skorch's ``valid_acc`` and no more."""
    return (
        type(callback) is EpochScoring
        and callback.scoring == "accuracy"
        and not callback.on_train
        and callback.use_caching
        and callback.target_extractor is to_numpy
        and not vars(callback).keys() & {"on_epoch_end", "_scoring", "_record_score"}
    )


def can_score(net: WarmStartNet, batches: Any) -> bool:
    """Tell whether the validation scores of an epoch can be taken from its outputs.

    Not where a callback wants to see batches, or the user defines what a prediction is.
    """
    if not isinstance(batches, TensorBatches | DataLoader) or not len(batches) or net.verbose:
        return False
    if targets_of(net).absent or (isinstance(batches, DataLoader) and batches.dataset is not net.run_.valid):
        return False
    if is_overridden(net, *METHODS["validation_score"]):
        return False
    own = tuple(callback for _, callback in net.callbacks_ if is_accuracy(callback))
    if own and not (isinstance(net, NeuralNetClassifier) and net.use_caching == "auto" and _is_table(net)):
        return False
    return not needs_batch_events(net, False, without=own)


def _is_table(net: WarmStartNet) -> bool:
    """One output a class: a single logit is decided by skorch's rules."""
    labels = vars(net).get("classes_inferred_")
    return labels is not None and len(labels) > 1 and net.predict_nonlinearity in (None, "auto")
