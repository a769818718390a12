"""Where training starts from, as a parameter.

scikit-learn estimators over PyTorch networks with honest warm starts, and a comparator that measures whether
starting warm was worth it.
"""

from .comparison import (
    ClassIncremental,
    DataIncremental,
    LearningCurvesDisplay,
    OldAndNew,
    RollingWindow,
    WarmStartComparator,
    WarmStartGainDisplay,
)
from .estimators import WarmStartClassifier, WarmStartMixin, WarmStartRegressor
from .state import Checkpoint, CheckpointError, CheckpointStore, LeakageWarning

__version__ = "0.1.0"

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "CheckpointStore",
    "ClassIncremental",
    "DataIncremental",
    "LeakageWarning",
    "LearningCurvesDisplay",
    "OldAndNew",
    "RollingWindow",
    "WarmStartClassifier",
    "WarmStartComparator",
    "WarmStartGainDisplay",
    "WarmStartMixin",
    "WarmStartRegressor",
]
