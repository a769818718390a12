"""Training a started network: batches that live on the device, the loop, packs of fits, the random numbers.

The lowest floor that knows skorch.
"""

from ._autocast import AUTOCAST, autocast_of, needs_scaling, uses_autocast, widened
from ._companion import Companion
from ._epoch import run_epoch
from ._loss import batch_weights, normalised, shaped_like, weighted_loss, weights_of_batch
from ._monitor import ValidationMonitor
from ._net import TrainableNet
from ._random import RandomStreams, child_seed, draw_seed, peek_seed, seeded
from ._route import METHODS, Reason, Route, is_overridden, needs_batch_events, route
from ._snapshot import Snapshot
from .mlp._closed_form import ClosedFormNet
from .packed._backend import PackedBackend
from .packed._member import Losses, Member
from .packed._rendezvous import PackAborted, current_rendezvous
from .packed._stopwatch import Stopwatch
from .packed._together import run_together
from .rows._batches import Rows, TensorBatches, as_tensor
from .rows._sparse import SparseMatrix
from .rows._streaming import fits_on
from .updates._flat_update import FlatUpdate

__all__ = [
    "AUTOCAST",
    "METHODS",
    "ClosedFormNet",
    "Companion",
    "FlatUpdate",
    "Losses",
    "Member",
    "PackAborted",
    "PackedBackend",
    "RandomStreams",
    "Reason",
    "Route",
    "Rows",
    "Snapshot",
    "SparseMatrix",
    "Stopwatch",
    "TensorBatches",
    "TrainableNet",
    "ValidationMonitor",
    "as_tensor",
    "autocast_of",
    "batch_weights",
    "child_seed",
    "current_rendezvous",
    "draw_seed",
    "fits_on",
    "is_overridden",
    "needs_batch_events",
    "needs_scaling",
    "normalised",
    "peek_seed",
    "route",
    "run_epoch",
    "run_together",
    "seeded",
    "shaped_like",
    "uses_autocast",
    "weighted_loss",
    "weights_of_batch",
    "widened",
]
