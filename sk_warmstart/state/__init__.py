"""State of a network: its tensors, the meaning of its inputs and outputs, its lineage and the rows it has seen.

Knows torch and numpy, nothing of estimators.
"""

from ._donor import Donor, Lineage
from ._interpolation import interpolate, soup
from ._net_state import NetState
from ._optimizer_state import OptimizerState as OptimizerState
from ._pretrained import Pretrained
from ._schema import PartSchema, Schema
from ._sources import donor_of
from ._sources import network_of as network_of
from .files._checkpoint import Checkpoint
from .files._container import CheckpointError
from .files._store import CheckpointStore
from .rows._feature_summary import FeatureSummary
from .rows._identity import row_ids, sample_ids
from .rows._row_memory import LeakageWarning

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "Donor",
    "FeatureSummary",
    "LeakageWarning",
    "Lineage",
    "NetState",
    "PartSchema",
    "Pretrained",
    "Schema",
    "donor_of",
    "interpolate",
    "row_ids",
    "sample_ids",
    "soup",
]
