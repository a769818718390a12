"""What a network knows: its tensors, what they stand for, and which rows it has seen.

Knows torch and numpy, nothing of estimators.
"""

from ._alignment import Remap, align
from ._checkpoint import Checkpoint
from ._container import CheckpointError
from ._donor import Donor, Lineage
from ._encoding import as_json, is_json
from ._feature_summary import FeatureSummary
from ._identity import row_ids, sample_ids, validation_mask
from ._interpolation import interpolate, soup
from ._net_state import NetState
from ._optimizer_state import OptimizerState
from ._row_memory import LeakageWarning, RowMemory
from ._row_sketch import RowSketch, leaked_share
from ._schema import Mapping, Schema, map_columns, map_labels, map_names, merge_labels
from ._sources import donor_of, layers_of, network_of
from ._standardizer import Reparametrisation, Standardizer
from ._store import CheckpointStore

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
