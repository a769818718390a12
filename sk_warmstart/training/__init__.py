"""Training a started network: batches that live on the device, the loop, the split, the random numbers.

The lowest floor that knows skorch.
"""

from ._autocast import AUTOCAST, autocast_of, needs_scaling, uses_autocast, widened
from ._backend import PackedBackend
from ._batches import Rows, TensorBatches, as_tensor
from ._closed_form import ClosedFormNet
from ._companion import Companion
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
from ._streaming import fits_on
from ._together import run_together

__all__ = [
    "AUTOCAST",
    "ClosedFormNet",
    "Companion",
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
    "autocast_of",
    "child_seed",
    "current_meeting",
    "draw_seed",
    "fits_on",
    "hears_batches",
    "is_own",
    "needs_scaling",
    "normalised",
    "peek_seed",
    "run_epoch",
    "run_together",
    "seeded",
    "shaped_like",
    "steps_plainly",
    "uses_autocast",
    "weighted_loss",
    "why_alone",
    "widened",
]
