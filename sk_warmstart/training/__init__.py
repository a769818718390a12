"""Training a started network: batches that live on the device, the loop, packs of fits, the random numbers.

The lowest floor that knows skorch.
"""

from ._augment import Augmentation as Augmentation
from ._autocast import AUTOCAST as AUTOCAST
from ._autocast import autocast_of as autocast_of
from ._autocast import needs_scaling as needs_scaling
from ._autocast import uses_autocast as uses_autocast
from ._autocast import widened as widened
from ._companion import Companion
from ._epoch import run_epoch as run_epoch
from ._loss import batch_weights as batch_weights
from ._loss import normalised as normalised
from ._loss import shaped_like as shaped_like
from ._loss import weighted_loss as weighted_loss
from ._loss import weights_of_batch as weights_of_batch
from ._monitor import ValidationMonitor as ValidationMonitor
from ._net import TrainableNet as TrainableNet
from ._random import RandomStreams as RandomStreams
from ._random import child_seed as child_seed
from ._random import draw_seed as draw_seed
from ._random import peek_seed as peek_seed
from ._random import seeded as seeded
from ._route import METHODS as METHODS
from ._route import Reason, Route
from ._route import is_overridden as is_overridden
from ._route import needs_batch_events as needs_batch_events
from ._route import route as route
from ._snapshot import Snapshot as Snapshot
from ._threads import suited_threads as suited_threads
from .packed._backend import PackedBackend
from .packed._member import Losses as Losses
from .packed._member import Member as Member
from .packed._rendezvous import PackAborted as PackAborted
from .packed._rendezvous import current_rendezvous as current_rendezvous
from .packed._stopwatch import Stopwatch as Stopwatch
from .packed._together import run_together as run_together
from .rows._batches import Rows as Rows
from .rows._batches import TensorBatches as TensorBatches
from .rows._parts import Narrow as Narrow
from .rows._parts import Parts as Parts
from .rows._parts import row_size as row_size
from .rows._parts import rows_at_once as rows_at_once
from .rows._sparse import SparseMatrix as SparseMatrix
from .rows._streaming import fits_on as fits_on
from .rows._tensors import as_tensor as as_tensor
from .rows._tensors import cast_for as cast_for
from .updates._flat_update import FlatUpdate as FlatUpdate

# What users may use; the other names are for the rooms above.
__all__ = ["Companion", "PackedBackend", "Reason", "Route"]
