"""What a network knows: its tensors, what they stand for, and which rows it has seen.

Knows torch and numpy, nothing of estimators.
"""

from ._alignment import Remap, align
from ._donor import Donor, Lineage
from ._interpolation import interpolate, soup
from ._net_state import NetState
from ._optimizer_state import OptimizerState
from ._schema import Mapping, Schema, map_columns, map_labels, map_names, merge_labels
from ._sources import donor_of, layers_of, network_of
from .files._checkpoint import Checkpoint
from .files._container import CheckpointError
from .files._encoding import as_json, is_json
from .files._store import CheckpointStore
from .rows._feature_summary import FeatureSummary
from .rows._identity import row_ids, sample_ids, validation_mask
from .rows._row_memory import LeakageWarning, RowMemory
from .rows._row_sketch import RowSketch, leaked_share
from .rows._standardizer import Reparametrisation, Standardizer

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "Donor",
    "FeatureSummary",
    "LeakageWarning",
    "Lineage",
    "Mapping",
    "NetState",
    "OptimizerState",
    "Remap",
    "Reparametrisation",
    "RowMemory",
    "RowSketch",
    "Schema",
    "Standardizer",
    "align",
    "as_json",
    "donor_of",
    "interpolate",
    "is_json",
    "layers_of",
    "leaked_share",
    "map_columns",
    "map_labels",
    "map_names",
    "merge_labels",
    "network_of",
    "row_ids",
    "sample_ids",
    "soup",
    "validation_mask",
]
