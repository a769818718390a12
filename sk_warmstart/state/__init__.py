"""What a network knows: its tensors, what they stand for, and which rows it has seen.

Knows torch and numpy, nothing of estimators.
"""

from ._alignment import align
from ._identity import row_ids, sample_ids, validation_mask
from ._net_state import NetState

__all__ = ["NetState", "align", "row_ids", "sample_ids", "validation_mask"]
