"""Training a started network: batches that live on the device, the loop, the split, the random numbers.

The lowest floor that knows skorch.
"""

from ._backend import PackedBackend
from ._batches import Rows, TensorBatches, as_tensor
from ._closed_form import ClosedFormNet
from ._epoch import run_epoch
from ._flat_update import FlatUpdate
from ._listening import hears_batches, is_own, steps_plainly
from ._loss import normalised, shaped_like, weighted_loss
from ._meeting import PackAborted, current_meeting
from ._member import Losses, Member, why_alone
from ._monitor import ValidationMonitor
from ._random import RandomStreams, child_seed, draw_seed, peek_seed, seeded
from ._snapshot import Snapshot
from ._sparse import SparseMatrix
from ._stopwatch import Stopwatch
from ._together import run_together

__all__ = [
    "ClosedFormNet",
    "FlatUpdate",
    "Losses",
    "Member",
    "PackAborted",
    "PackedBackend",
    "RandomStreams",
    "Rows",
    "Snapshot",
    "SparseMatrix",
    "Stopwatch",
    "TensorBatches",
    "ValidationMonitor",
    "as_tensor",
    "child_seed",
    "current_meeting",
    "draw_seed",
    "hears_batches",
    "is_own",
    "normalised",
    "peek_seed",
    "run_epoch",
    "run_together",
    "seeded",
    "shaped_like",
    "steps_plainly",
    "weighted_loss",
    "why_alone",
]
