"""Training a started network: batches that live on the device, the loop, the split, the random numbers.

The lowest floor that knows skorch.
"""

from ._autocast import AUTOCAST, autocast_of, needs_scaling, uses_autocast, widened
from ._companion import Companion
from ._epoch import run_epoch
from ._loss import normalised, shaped_like, weighted_loss
from ._monitor import ValidationMonitor
from ._random import RandomStreams, child_seed, draw_seed, peek_seed, seeded
from ._route import hears_batches, is_own, steps_plainly
from ._snapshot import Snapshot
from .mlp._closed_form import ClosedFormNet
from .packed._backend import PackedBackend
from .packed._member import Losses, Member, why_alone
from .packed._rendezvous import PackAborted, current_meeting
from .packed._stopwatch import Stopwatch
from .packed._together import run_together
from .rows._batches import Rows, TensorBatches, as_tensor
from .rows._sparse import SparseMatrix
from .rows._streaming import fits_on
from .updates._flat_update import FlatUpdate

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
