"""What an epoch put out for its validation rows, so that each score need not compute it anew."""

from __future__ import annotations

from typing import Any

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from skorch.utils import to_numpy
from torch import Tensor

from ...modules import first_output
from ...training import Rows, TensorBatches, hears_batches, is_own

# What a user may define that skorch's accuracy would go through.
_PARTS = ("notify", "validation_step", "infer", "predict", "predict_proba", "forward_iter", "score", "spoken")


class Validated:
    """Outputs of one epoch.

    Parameters
    ----------
    rows : Rows
        The validation rows.
    outputs : list of Tensor
        What the network put out for them, batch by batch.
    """

    def __init__(self, rows: Rows, outputs: list[Any]):
        self.rows = rows
        self.output: Tensor = torch.cat([first_output(output) for output in outputs])

    def accuracy(self, net: Any) -> float:
        """Return what skorch's ``valid_acc`` is: every row counts alike."""
        guess = to_numpy(net._get_predict_nonlinearity()(self.output)).argmax(1)
        return float((guess == to_numpy(self.rows.y)).mean())


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


def can_score(net: Any, batches: Any) -> bool:
    """Tell whether the validation scores of an epoch can be taken from its outputs.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net.
    batches : iterable
        Its validation batches.

    Returns
    -------
    bool
        False where a callback wants to see batches, or the user defines what a prediction is.
    """
    if not isinstance(batches, TensorBatches) or not len(batches) or net.verbose or is_own(net, *_PARTS):
        return False
    own = tuple(callback for _, callback in net.callbacks_ if is_accuracy(callback))
    if own and not (isinstance(net, NeuralNetClassifier) and net.use_caching == "auto" and _is_table(net)):
        return False
    return not hears_batches(net, False, but=own)


def _is_table(net: Any) -> bool:
    """One output a class: a single logit is decided by skorch's rules."""
    labels = net.__dict__.get("classes_inferred_")
    return labels is not None and len(labels) > 1 and net.predict_nonlinearity in (None, "auto")
