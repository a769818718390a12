"""Training a started network: batches that live on the device, the loop, the split, the random numbers.

The lowest floor that knows skorch.
"""

from ._batches import Rows, TensorBatches, as_tensor
from ._epoch import run_epoch
from ._loss import normalised, weighted_loss
from ._monitor import ValidationMonitor
from ._random import RandomStreams, child_seed, draw_seed, peek_seed, seeded
from ._snapshot import Snapshot
from ._sparse import SparseMatrix

__all__ = [
    "RandomStreams",
    "Rows",
    "Snapshot",
    "SparseMatrix",
    "TensorBatches",
    "ValidationMonitor",
    "as_tensor",
    "child_seed",
    "draw_seed",
    "normalised",
    "peek_seed",
    "run_epoch",
    "seeded",
    "weighted_loss",
]
